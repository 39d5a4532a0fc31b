package dev.weft.edge;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A call over a WebSocket: each message of the client's is one of the call, each reply one to the
 * client, neither way faster than the other side takes them. An empty message ends those of the
 * client; the code that the socket is closed with tells how the call ended.
 *
 * <p>Where the method takes one message, that is path and query if its rule has no body; else it is
 * the client's first, and the call starts with it. Used on the event loop.
 */
final class WebSocketCall extends ClientCall.Listener<byte[]> implements WebSocket.Listener {
  private static final Logger log = LoggerFactory.getLogger(WebSocketCall.class);

  /** Replies on their way at once. */
  private static final int WINDOW = 16;

  private static final int GOOD = 1000;

  /** The first of the codes that anybody may give a meaning (RFC 6455, 7.4.2). */
  private static final int FAILED = 4000;

  private static final int SWITCHING_PROTOCOLS = 101;
  private static final byte[] NOTHING = {};

  private final Exchange exchange;
  private final Asked asked;
  private final Calls calls;
  private final HttpLimits limits;
  private final DeadlineTimer late;
  private @Nullable WebSocket socket;
  private @Nullable ClientCall<byte[], byte[]> call;
  private Calls.Ended ended = _ -> {};
  private boolean saidAll;
  private boolean over;
  private long messages;
  private int owed;

  WebSocketCall(Exchange exchange, Asked asked, Calls calls, HttpLimits limits) {
    this.exchange = exchange;
    this.asked = asked;
    this.calls = calls;
    this.limits = limits;
    this.late = new DeadlineTimer(exchange.loop(), () -> fail(Problems.tooSlow()));
  }

  /** Throws {@link Refused} if it cannot be; then nothing but HTTP was spoken. */
  void start() {
    boolean oneRequest = asked.rpc().oneRequest();
    if (oneRequest && asked.route().transcoder().takesBody()) {
      upgrade();
      late.set(limits.bodyWithin());
    } else if (oneRequest) {
      send(open(), request(NOTHING));
    } else {
      open();
    }
  }

  private void upgrade() {
    socket =
        WebSocket.open(
            exchange.handOver(SWITCHING_PROTOCOLS),
            exchange.request(),
            exchange.headers(Answer.empty(SWITCHING_PROTOCOLS, Map.of())),
            asked.rpc().requestBytesMax(),
            limits,
            this);
  }

  private ClientCall<byte[], byte[]> open() {
    calls.open(
        exchange,
        asked.route(),
        asked.timeout(),
        (opened, metadata, whenEnded) -> {
          if (socket == null) {
            upgrade();
          }
          call = opened;
          ended = whenEnded;
          opened.start(this, metadata);
          opened.request(WINDOW);
        });
    return Objects.requireNonNull(call);
  }

  // From the client.

  @Override
  public void message(byte[] text) {
    if (over) {
      return;
    }
    late.close();
    try {
      if (saidAll) {
        throw new Refused(Problems.messageBehindTheEnd());
      } else if (text.length == 0 && call != null) {
        saidAll = true;
        call.halfClose();
      } else {
        byte[] request = request(text);
        send(call == null ? open() : call, request);
      }
    } catch (Refused e) {
      fail(e.problem());
    }
  }

  private byte[] request(byte[] text) {
    try {
      return asked
          .route()
          .transcoder()
          .request(asked.found().variables(), asked.target().query(), text, asked.headers());
    } catch (Refused e) {
      throw asked.rpc().oneRequest() ? e : e.ofElement(messages);
    }
  }

  private void send(ClientCall<byte[], byte[]> to, byte[] request) {
    messages++;
    to.sendMessage(request);
    if (asked.rpc().oneRequest()) {
      saidAll = true;
      to.halfClose();
    } else if (!to.isReady()) {
      pause(true);
    }
  }

  private void pause(boolean pause) {
    if (socket != null) {
      socket.pause(pause);
    }
  }

  @Override
  public void onReady() {
    pause(false);
  }

  @Override
  public void gone() {
    if (!over) {
      over = true;
      late.close();
      exchange.gone();
    }
  }

  @Override
  public void drain() {
    fail(Problems.stopping());
  }

  // To the client.

  @Override
  public void onMessage(byte[] message) {
    if (over || socket == null) {
      return;
    }
    try {
      socket.message(asked.route().transcoder().response(message, asked.fields()));
    } catch (RuntimeException e) {
      log.error("a reply of {} cannot be printed", asked.rpc().name(), e);
      fail(Problem.internal());
      return;
    }
    owed++;
    if (socket.writable()) {
      writable();
    }
  }

  @Override
  public void writable() {
    if (owed > 0 && !over && call != null) {
      int next = owed;
      owed = 0;
      call.request(next);
    }
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    Optional<Problem> failure = Problem.ofEnd(status, trailers, asked.route().transcoder());
    ended.with(failure);
    if (!over) {
      finish(failure);
    }
  }

  /** The call has failed on this side. */
  private void fail(Problem problem) {
    if (over) {
      return;
    }
    finish(Optional.of(problem));
    if (call != null) {
      call.cancel(problem.message(), null);
    }
  }

  private void finish(Optional<Problem> failure) {
    over = true;
    late.close();
    WebSocket to = Objects.requireNonNull(socket);
    exchange.observation().called(failure);
    if (failure.isPresent()) {
      Problem problem = failure.get();
      to.message(StreamFormat.record(exchange.problemJson(problem)));
      to.close(FAILED + problem.code().value(), problem.reason());
    } else {
      to.close(GOOD, "");
    }
    exchange.finish(to.written());
  }
}
