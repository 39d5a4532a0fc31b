package dev.weft.edge;

import io.grpc.ClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Passes the body of a request on to a stream of messages as it comes. No more of it is read than
 * the service takes. Used on the event loop.
 */
final class Upload implements Body.Parts {
  /** A message that is longer than this may take as long again for each such part of it. */
  private static final int SLOW_PART = 64 * 1024;

  private final Exchange exchange;
  private final Asked asked;
  private final Calls calls;
  private final Duration within;
  private final DeadlineTimer late;
  private final DeadlineTimer unread;
  private final Reader reader;
  private @Nullable ClientCall<byte[], byte[]> call;
  private Consumer<Problem> failing;
  private long taken;

  /** Of what was taken, when the client was last given time for more. */
  private long reckoned;

  /** Whether a message was complete since then. */
  private boolean whole;

  /** Makes messages of a body as it comes. Throws {@link Refused} with what is wrong with it. */
  interface Reader {
    void read(byte[] part);

    /** The body is complete. */
    void end();
  }

  /**
   * @param within how long a client may take for a message although it might send it, unless it
   *     waits for replies
   */
  Upload(Exchange exchange, Asked asked, Calls calls, Duration within) {
    this.exchange = exchange;
    this.asked = asked;
    this.calls = calls;
    this.failing = exchange::refuse;
    this.within = within;
    this.late = new DeadlineTimer(exchange.loop(), () -> fail(Problems.tooSlow()));
    this.unread = new DeadlineTimer(exchange.loop(), this::probe);
    this.reader =
        asked.route().transcoder().takesAnything()
            ? new RawMessages(asked, this::message)
            : new JsonElements(asked, form(), this::message);
  }

  /** A body that says nothing of itself has no elements. */
  private JsonElements.Form form() {
    return exchange.body().announced()
        ? JsonElements.Form.of(exchange.request().headers())
        : JsonElements.Form.LINES;
  }

  /** Begins to read what the client sends. */
  void start() {
    if (!asked.rpc().oneReply()) {
      // The service may be the first to speak.
      open();
    }
    expectMore();
    exchange.body().readParts(this);
  }

  // From the client.

  @Override
  public void part(ByteBuf part) {
    guarded(
        () -> {
          taken += part.readableBytes();
          if (taken > asked.rpc().uploadBytesMax()) {
            throw new Refused(Problems.bodyTooLong(asked.rpc().uploadBytesMax()));
          }
          byte[] bytes = new byte[part.readableBytes()];
          part.readBytes(bytes);
          reader.read(bytes);
          if (call != null && !call.isReady()) {
            exchange.body().pause(true);
            late.clear();
            unread.set(within);
          } else if (whole || taken - reckoned >= SLOW_PART) {
            // Whoever sends a byte now and then gets no more time for it.
            expectMore();
          }
        });
  }

  private void expectMore() {
    unread.clear();
    reckoned = taken;
    whole = false;
    if (asked.rpc().oneReply()) {
      late.set(within);
    }
  }

  /** A client that is not read does not show that it has left. */
  private void probe() {
    if (!exchange.over()) {
      exchange.probe();
      unread.set(within);
    }
  }

  @Override
  public void end() {
    stopWaiting();
    guarded(
        () -> {
          reader.end();
          started().halfClose();
        });
  }

  @Override
  public boolean passesOn() {
    return true;
  }

  private void guarded(Runnable work) {
    if (exchange.over()) {
      return;
    }
    try {
      work.run();
    } catch (Refused e) {
      fail(e.problem());
    }
  }

  private void fail(Problem problem) {
    if (exchange.over()) {
      return;
    }
    stopWaiting();
    // What is still to come of the body says nothing any more.
    exchange.closeAfterThis();
    failing.accept(problem);
    if (call != null) {
      call.cancel(problem.message(), null);
    }
  }

  private void stopWaiting() {
    late.close();
    unread.close();
  }

  // To the service.

  private void message(byte[] message) {
    whole = true;
    started().sendMessage(message);
  }

  private ClientCall<byte[], byte[]> started() {
    return call == null ? open() : call;
  }

  private ClientCall<byte[], byte[]> open() {
    calls.open(
        exchange,
        asked.route(),
        asked.timeout(),
        (opened, metadata, ended) -> {
          call = opened;
          start(opened, metadata, ended);
        });
    return Objects.requireNonNull(call);
  }

  private void start(ClientCall<byte[], byte[]> opened, Metadata metadata, Calls.Ended ended) {
    if (asked.rpc().oneReply()) {
      opened.start(
          waking(new UnaryCall(exchange, asked, ended, calls.toClient(exchange, asked))), metadata);
      opened.request(2);
    } else {
      StreamFormat format = StreamFormat.of(asked);
      StreamCall stream = calls.replies(exchange, asked, format, opened, ended);
      // What went wrong is told as it is told of the service.
      failing = stream::fail;
      opened.start(waking(stream.begin()), metadata);
      opened.request(format.window());
    }
  }

  /** Has the body read on when the service takes more of it. */
  private ClientCall.Listener<byte[]> waking(ClientCall.Listener<byte[]> answer) {
    return new SimpleForwardingClientCallListener<>(answer) {
      @Override
      public void onReady() {
        if (!exchange.over()) {
          expectMore();
          exchange.body().pause(false);
        }
      }
    };
  }
}
