package dev.weft.edge;

import dev.weft.transcoder.RawBody;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers a request with the replies of its call as they come. The answer begins with the first
 * reply, so that a failure before it has its own status. The next reply is asked for when the
 * client has taken the ones before. Called on the event loop.
 */
final class StreamCall extends ClientCall.Listener<byte[]> {
  private static final Logger log = LoggerFactory.getLogger(StreamCall.class);

  private final Exchange exchange;
  private final Asked asked;
  private final StreamFormat format;
  private final ClientCall<byte[], byte[]> call;
  private final Duration silence;
  private final Calls.Ended ended;
  private @Nullable Metadata headers;
  private long calledAt;
  private @Nullable ScheduledFuture<?> heartbeat;
  private boolean begun;
  private boolean over;
  private long replies;
  private int owed;

  /**
   * @param silence how long a stream may say nothing whose format can say just that it lives
   * @param ended called once, when the call is over
   */
  StreamCall(
      Exchange exchange,
      Asked asked,
      StreamFormat format,
      ClientCall<byte[], byte[]> call,
      Duration silence,
      Calls.Ended ended) {
    this.exchange = exchange;
    this.asked = asked;
    this.format = format;
    this.call = call;
    this.silence = silence;
    this.ended = ended;
  }

  /** Gets ready for the call to start, with this as its listener. */
  StreamCall begin() {
    calledAt = exchange.timing().now();
    exchange.onWritable(this::askForMore);
    if (format.heartbeat().length > 0) {
      heartbeat =
          exchange
              .loop()
              .scheduleAtFixedRate(
                  this::beat, silence.toNanos(), silence.toNanos(), TimeUnit.NANOSECONDS);
    }
    // A stream would hold the end of this process up; the client finds another edge.
    exchange.onDrain(() -> fail(Problems.stopping()));
    return this;
  }

  /** Something on this side ends it. */
  void fail(Problem problem) {
    if (!over) {
      finish(problem);
      call.cancel(problem.message(), null);
    }
  }

  @Override
  public void onHeaders(Metadata received) {
    headers = received;
  }

  @Override
  public void onMessage(byte[] message) {
    if (over) {
      return;
    }
    byte[] printed;
    String type = format.mediaType();
    try {
      if (format == StreamFormat.RAW) {
        RawBody raw = asked.route().transcoder().raw(message);
        printed = raw.data();
        type = raw.contentType();
      } else {
        printed = asked.route().transcoder().response(message, asked.fields());
      }
    } catch (RuntimeException e) {
      log.error("a reply of {} cannot be printed", asked.rpc().name(), e);
      fail(Problem.internal());
      return;
    }
    answer(type);
    if (over) {
      return;
    }
    exchange.write(format.message(printed, replies == 0));
    replies++;
    owed++;
    if (exchange.writable()) {
      askForMore();
    }
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    Optional<Problem> failure = Problem.ofEnd(status, trailers, asked.route().transcoder());
    ended.with(failure);
    if (over) {
      return;
    }
    if (failure.isPresent()) {
      finish(failure.get());
      return;
    }
    answer(format.mediaType());
    if (!over) {
      over();
      exchange.observation().called(Optional.empty());
      exchange.write(format.end(replies == 0));
      exchange.endStream();
    }
  }

  private void answer(String type) {
    if (begun) {
      return;
    }
    begun = true;
    exchange.timing().called(calledAt);
    if (headers != null) {
      exchange.alsoAnswer(headers);
    }
    if (format != StreamFormat.RAW) {
      exchange.alsoAnswer("Vary", "Accept");
    }
    Answer head = Answer.head(200, MediaTypes.said(type));
    if (exchange.isHead()) {
      over();
      exchange.answer(head);
      call.cancel("only the head was asked for", null);
    } else {
      exchange.beginStream(head);
    }
  }

  private void finish(Problem problem) {
    over();
    if (!begun) {
      exchange.refuse(problem);
      return;
    }
    exchange.observation().called(Optional.of(problem));
    if (format == StreamFormat.RAW) {
      // Nothing can be said behind bytes of any kind: the client sees that they are not whole.
      exchange.abort();
      return;
    }
    exchange.write(format.failure(exchange.problemJson(problem)));
    exchange.endStream();
  }

  private void over() {
    over = true;
    if (heartbeat != null) {
      heartbeat.cancel(false);
    }
  }

  /** Half a window at a time: asking costs as much for one as for many. */
  private void askForMore() {
    if (2 * owed >= format.window() && !over) {
      int next = owed;
      owed = 0;
      call.request(next);
    }
  }

  private void beat() {
    if (!over && exchange.writable()) {
      answer(format.mediaType());
      if (!over) {
        exchange.write(format.heartbeat());
      }
    }
  }
}
