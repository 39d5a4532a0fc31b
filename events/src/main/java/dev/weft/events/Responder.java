package dev.weft.events;

import com.google.protobuf.Message;
import dev.weft.durable.Event;
import dev.weft.mesh.Telemetry;
import io.opentelemetry.api.metrics.LongCounter;
import java.time.InstantSource;
import org.jdbi.v3.core.Handle;

/**
 * Handles requests that an {@link Asker} says: the reply is said in the transaction of the effect
 * and of the memory of the request, so each request has one effect and one reply, however often it
 * arrives.
 *
 * <pre>{@code
 * bus.subscribe(
 *     Subscription.of("quotes-for-orders", "order-svc", "shop.quote.wanted"),
 *     new Responder(events, (tx, request) -> quotes.give(tx, request), telemetry));
 * }</pre>
 *
 * <p>A request whose time is over is not handled: it has no effect, no reply, and is no dead
 * letter. That is a courtesy and no promise, clocks differ: one that comes just in time may be
 * replied to late. A refusal is a reply like any other; an exception is tried again while there is
 * time.
 *
 * <p>Thread-safe.
 */
public final class Responder implements EventHandler {
  private final EventLog events;
  private final Answer answer;
  private final InstantSource clock;
  private final LongCounter expired;

  /** What is done about a request. */
  @FunctionalInterface
  public interface Answer {
    /** Does it in this transaction; returns the reply, whose contract names its type. */
    Message to(Handle tx, Event request) throws Exception;
  }

  /**
   * @param events this service's own, which say the replies; whoever asks needs a grant
   */
  public Responder(EventLog events, Answer answer, Telemetry telemetry) {
    this(events, answer, telemetry, InstantSource.system());
  }

  Responder(EventLog events, Answer answer, Telemetry telemetry, InstantSource clock) {
    this.events = events;
    this.answer = answer;
    this.clock = clock;
    expired =
        telemetry
            .meter(EventMetrics.SCOPE)
            .counterBuilder("weft.events.requests.expired")
            .setUnit("{event}")
            .setDescription("Requests that came when nobody waited for their replies any more.")
            .build();
  }

  @Override
  public void handle(Handle tx, Event request) throws Exception {
    if (request.expiresAt().filter(at -> !clock.instant().isBefore(at)).isPresent()) {
      expired.add(1);
      return;
    }
    // The request's life is the reply's: the log itself takes no second one.
    events.publish(tx, request.id().toString(), 1, answer.to(tx, request));
  }
}
