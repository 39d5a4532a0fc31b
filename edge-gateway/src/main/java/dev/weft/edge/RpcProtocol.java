package dev.weft.edge;

import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * One of the protocols that call an RPC by its name: how its requests hold messages and its answers
 * replies, and how it says that a call has failed or ended. There is one for each request, used on
 * its event loop.
 *
 * <p>All that has to do with the call itself is {@link RpcCall}'s.
 */
interface RpcProtocol {
  /** How long the client waits. Throws {@link Refused} with what is wrong with how it says so. */
  Optional<Duration> timeout();

  /**
   * Takes a part of the request's body.
   *
   * @param messages gets what is whole with it, as wire bytes
   * @throws Refused with what is wrong
   */
  void read(ByteBuf part, Consumer<byte[]> messages);

  /** The body is complete. As {@link #read}. */
  void readEnd(Consumer<byte[]> messages);

  /**
   * Whether {@link #readEnd} takes longer than an event loop may be kept; it is called on another
   * thread then. Only where the request is one message.
   */
  default boolean endTakesLong() {
    return false;
  }

  /** The service has answered: these headers, and replies later. */
  void begin(Exchange exchange, Map<String, String> headers);

  /** Writes a reply, given as wire bytes. */
  void reply(Exchange exchange, byte[] message);

  /**
   * Ends an answer that has begun.
   *
   * @param failure why, unless all went well
   * @param trailers what the service said last
   */
  void end(Exchange exchange, Optional<Problem> failure, Map<String, String> trailers);

  /** The answer to a request of which nothing was answered yet. */
  Answer refusal(Problem problem);
}
