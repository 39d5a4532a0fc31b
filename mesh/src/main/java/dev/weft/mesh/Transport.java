package dev.weft.mesh;

import io.grpc.ChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.util.function.Consumer;

/**
 * Makes the connections of a process's channels. For a process that has a network of its own and
 * wants its calls on it; all others have gRPC's.
 *
 * <p>Thread-safe.
 */
public interface Transport {
  /** A peer that is there answers in less; for one that is not, another may still be tried. */
  int CONNECT_MILLIS = 1_000;

  /**
   * A channel that takes at most {@value #CONNECT_MILLIS} ms for a connection. Who asks closes it.
   *
   * @param target of any scheme that the settings resolve
   * @param credentials of the connections
   * @param settings what mesh has to say of the channel, or of each one of which it consists
   */
  ManagedChannel open(
      String target, ChannelCredentials credentials, Consumer<ManagedChannelBuilder<?>> settings);
}
