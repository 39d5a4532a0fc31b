package dev.weft.edge;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One call by name, of any of the four kinds: messages from the client to the service and replies
 * back, none of them looked into, neither way faster than the other side takes them.
 *
 * <p>Where a request is one message, the call starts when that is complete. Used on the event loop.
 */
final class RpcCall extends ClientCall.Listener<byte[]> implements Body.Parts {
  /** Replies on their way at once. */
  private static final int WINDOW = 16;

  private final Exchange exchange;
  private final Route route;
  private final RpcProtocol protocol;
  private final Optional<Duration> timeout;
  private final Calls calls;
  private final LongWork work;
  private @Nullable ClientCall<byte[], byte[]> call;
  private byte @Nullable [] request;
  private Calls.Ended ended = _ -> {};
  private boolean begun;
  private boolean over;
  private int owed;

  RpcCall(
      Exchange exchange,
      Route route,
      RpcProtocol protocol,
      Optional<Duration> timeout,
      Calls calls,
      LongWork work) {
    this.exchange = exchange;
    this.route = route;
    this.protocol = protocol;
    this.timeout = timeout;
    this.calls = calls;
    this.work = work;
  }

  /** Begins to read what the client sends. */
  void start() {
    if (!route.rpc().oneRequest()) {
      open();
    }
    exchange.body().readParts(this);
  }

  private ClientCall<byte[], byte[]> open() {
    calls.open(
        exchange,
        route,
        timeout,
        (opened, metadata, whenEnded) -> {
          call = opened;
          ended = whenEnded;
          opened.start(this, metadata);
          opened.request(WINDOW);
        });
    exchange.onWritable(this::askForMore);
    if (!route.rpc().unary()) {
      exchange.onDrain(() -> fail(Problems.stopping()));
    }
    return Objects.requireNonNull(call);
  }

  // From the client.

  @Override
  public void part(ByteBuf part) {
    guarded(
        () -> {
          protocol.read(part, this::message);
          if (call != null && !call.isReady()) {
            exchange.body().pause(true);
          }
        });
  }

  private void message(byte[] message) {
    if (over) {
      return;
    }
    if (call != null) {
      call.sendMessage(message);
    } else if (request == null) {
      request = message;
    } else {
      throw new Refused(Problems.oneMessage());
    }
  }

  @Override
  public void end() {
    if (protocol.endTakesLong()) {
      work.run(exchange, this::readEnd, of -> of.guarded(of::sendEnd));
    } else {
      guarded(() -> readEnd().sendEnd());
    }
  }

  private RpcCall readEnd() {
    protocol.readEnd(this::message);
    return this;
  }

  private void sendEnd() {
    ClientCall<byte[], byte[]> to = call;
    if (to == null) {
      byte[] only = request;
      if (only == null) {
        throw new Refused(Problems.oneMessage());
      }
      to = open();
      to.sendMessage(only);
    }
    to.halfClose();
  }

  @Override
  public boolean passesOn() {
    return !route.rpc().oneRequest();
  }

  private void guarded(Runnable work) {
    if (over) {
      return;
    }
    try {
      work.run();
    } catch (Refused e) {
      fail(e.problem());
    }
  }

  @Override
  public void onReady() {
    exchange.body().pause(false);
  }

  // To the client.

  @Override
  public void onHeaders(Metadata headers) {
    if (!over) {
      begun = true;
      protocol.begin(exchange, MetadataRules.toHeaders(headers));
    }
  }

  @Override
  public void onMessage(byte[] message) {
    if (over) {
      return;
    }
    guarded(() -> protocol.reply(exchange, message));
    owed++;
    if (exchange.writable()) {
      askForMore();
    }
  }

  private void askForMore() {
    if (owed > 0 && !over && call != null) {
      int next = owed;
      owed = 0;
      call.request(next);
    }
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    Optional<Problem> failure = Problem.ofEnd(status, trailers, null);
    ended.with(failure);
    if (over) {
      return;
    }
    finish(failure, MetadataRules.toHeaders(trailers));
  }

  /** The call has failed on this side. */
  private void fail(Problem problem) {
    if (over) {
      return;
    }
    finish(Optional.of(problem), Map.of());
    if (call != null) {
      call.cancel(problem.message(), null);
    }
  }

  private void answer(Fallback fallback) {
    exchange.observation().called(Optional.empty());
    protocol.begin(exchange, fallback.headers());
    protocol.reply(exchange, fallback.message());
    protocol.end(exchange, Optional.empty(), Map.of());
  }

  private void finish(Optional<Problem> failure, Map<String, String> trailers) {
    over = true;
    Optional<Fallback> fallback =
        begun ? Optional.empty() : failure.flatMap(problem -> Fallback.of(route.rpc(), problem));
    if (fallback.isPresent()) {
      answer(fallback.get());
      return;
    }
    exchange.observation().called(failure);
    if (failure.isPresent() && !begun) {
      exchange.refuse(failure.get());
      return;
    }
    if (!begun) {
      protocol.begin(exchange, Map.of());
    }
    protocol.end(exchange, failure, trailers);
  }
}
