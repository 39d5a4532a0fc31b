package dev.weft.edge;

import dev.weft.failpoint.FailPoint;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Waits for the only reply of a call, and tells it. Called on the event loop. */
final class UnaryCall extends ClientCall.Listener<byte[]> {
  private static final Logger log = LoggerFactory.getLogger(UnaryCall.class);

  private final Exchange exchange;
  private final Asked asked;
  private final Calls.Ended ended;
  private final Recipient recipient;
  private final long began;
  private Metadata headers = new Metadata();
  private byte @Nullable [] reply;

  /**
   * @param ended called once, when the call is over
   */
  UnaryCall(Exchange exchange, Asked asked, Calls.Ended ended, Recipient recipient) {
    this.exchange = exchange;
    this.asked = asked;
    this.ended = ended;
    this.recipient = recipient;
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
    Optional<Problem> failure = Problem.ofEnd(status, trailers, asked.route().transcoder());
    ended.with(failure);
    exchange.timing().called(began);
    if (failure.isPresent()) {
      recipient.fail(failure.get());
      return;
    }
    byte[] message = reply;
    if (message == null) {
      log.warn("{} answered OK without a reply", asked.rpc().name());
      recipient.fail(Problem.internal());
      return;
    }
    FailPoint.hit("edge.", String.valueOf(asked.rpc().grpc().getBareMethodName()), ".answered");
    try {
      recipient.reply(message, headers);
    } catch (Refused e) {
      exchange.refuse(e.problem());
    } catch (RuntimeException e) {
      log.error("the reply of {} cannot be printed", asked.rpc().name(), e);
      exchange.refuse(Problem.internal());
    }
  }
}
