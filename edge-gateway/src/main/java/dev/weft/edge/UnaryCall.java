package dev.weft.edge;

import dev.weft.failpoint.FailPoint;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers a request with the only reply of its call. Called on the event loop. */
final class UnaryCall extends ClientCall.Listener<byte[]> {
  private static final Logger log = LoggerFactory.getLogger(UnaryCall.class);

  private final Exchange exchange;
  private final Asked asked;
  private final LongWork work;
  private final Runnable ended;
  private final long began;
  private Metadata headers = new Metadata();
  private byte @Nullable [] reply;

  /**
   * @param ended called once, when the call is over
   */
  UnaryCall(Exchange exchange, Asked asked, LongWork work, Runnable ended) {
    this.exchange = exchange;
    this.asked = asked;
    this.work = work;
    this.ended = ended;
    this.began = exchange.timing().now();
  }

  @Override
  public void onHeaders(Metadata received) {
    headers = received;
  }

  @Override
  public void onMessage(byte[] message) {
    reply = message;
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    ended.run();
    exchange.timing().called(began);
    if (!status.isOk()) {
      exchange.refuse(Problem.of(status, trailers, asked.route().transcoder()));
      return;
    }
    byte[] message = reply;
    if (message == null) {
      log.warn("{} answered OK without a reply", asked.rpc().name());
      exchange.refuse(Problem.internal());
      return;
    }
    FailPoint.hit("edge.", String.valueOf(asked.rpc().grpc().getBareMethodName()), ".answered");
    try {
      Answer answer = Success.of(asked, exchange, message, headers);
      exchange.alsoAnswer(headers);
      exchange
          .coding(answer)
          .ifPresentOrElse(coding -> answer(answer, coding), () -> exchange.answer(answer));
    } catch (Refused e) {
      exchange.refuse(e.problem());
    } catch (RuntimeException e) {
      log.error("the reply of {} cannot be printed", asked.rpc().name(), e);
      exchange.refuse(Problem.internal());
    }
  }

  private void answer(Answer plain, ContentCoding coding) {
    if (plain.body().length <= Gateway.INLINE_BYTES_MAX) {
      exchange.answer(plain.coded(coding));
      return;
    }
    work.run(exchange, () -> plain.coded(coding), exchange::answer);
  }
}
