package dev.weft.edge;

import dev.weft.failpoint.FailPoint;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers a request with the only reply of its call. Called on the event loop. */
final class UnaryCall extends ClientCall.Listener<byte[]> {
  private static final Logger log = LoggerFactory.getLogger(UnaryCall.class);

  private final Exchange exchange;
  private final Route route;
  private final Runnable ended;
  private @Nullable Metadata headers;
  private byte @Nullable [] reply;

  /**
   * @param ended called once, when the call is over
   */
  UnaryCall(Exchange exchange, Route route, Runnable ended) {
    this.exchange = exchange;
    this.route = route;
    this.ended = ended;
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
    if (!status.isOk()) {
      exchange.refuse(Problem.of(status, trailers, route.transcoder()));
      return;
    }
    byte[] message = reply;
    if (message == null) {
      log.warn("{} answered OK without a reply", route.rpc().name());
      exchange.refuse(Problem.internal());
      return;
    }
    FailPoint.hit("edge.", String.valueOf(route.rpc().grpc().getBareMethodName()), ".answered");
    try {
      exchange.answer(answer(message));
    } catch (RuntimeException e) {
      log.error("the reply of {} cannot be printed", route.rpc().name(), e);
      exchange.refuse(Problem.internal());
    }
  }

  private Answer answer(byte[] message) {
    int status = route.rpc().successStatus();
    Map<String, String> also = headers == null ? Map.of() : MetadataRules.toHeaders(headers);
    if (status == 204) {
      return Answer.empty(status, also);
    }
    Answer answer =
        Answer.of(status, "application/json", route.transcoder().response(message), also);
    boolean read = exchange.method().equals("GET") || exchange.isHead();
    if (read && status == 200) {
      return reusable(answer, message);
    }
    if (status == 201 && route.identifies().isPresent()) {
      Route.Location location = route.identifies().get();
      var id = route.transcoder().resourceField(message, location.idField());
      if (id.isPresent()) {
        return answer.with("Location", location.collection() + "/" + Uris.encode(id.get()));
      }
    }
    return answer;
  }

  private Answer reusable(Answer answer, byte[] message) {
    HttpHeaders request = exchange.request().headers();
    if (!route.rpc().fresh().isZero()) {
      exchange.alsoAnswer("Vary", "Authorization");
      return Reuse.of(answer, route.rpc(), request);
    }
    return route
        .transcoder()
        .resourceField(message, "etag")
        .map(tag -> Reuse.ofVersion(answer, tag, request))
        .orElse(answer);
  }
}
