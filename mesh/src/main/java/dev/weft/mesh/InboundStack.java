package dev.weft.mesh;

import io.grpc.BindableService;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import java.util.ArrayList;
import java.util.List;

/**
 * The path of a call into a service, from the wire to its code. Health and reflection are outside
 * of it: they are asked every second, by everybody.
 *
 * <p>Thread-safe.
 */
final class InboundStack {
  private final List<ServerInterceptor> layers;

  InboundStack(String service, Telemetry telemetry, AccessInterceptor access) {
    this.layers =
        List.of(
            // Outermost: measures what the caller sees, and its trace is known to all below.
            telemetry.serverInterceptor(),
            // Before all that may refuse: they throw, and this one answers.
            new RejectionInterceptor(service),
            // Nobody gets further whom the contract does not allow to.
            access);
  }

  /** The service behind all layers; its streams can be ended by {@code streams}. */
  ServerServiceDefinition around(BindableService service, StreamDrain streams) {
    List<ServerInterceptor> all = new ArrayList<>(layers);
    // Inside the errors: there, a call may be closed while the service still uses it.
    all.add(streams);
    return ServerInterceptors.interceptForward(service.bindService(), all);
  }
}
