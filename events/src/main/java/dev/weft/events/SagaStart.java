package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.durable.SagaRunner;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;

/**
 * Begins a saga for each event it handles, in the transaction that takes the event in: the saga is
 * there once, however often the event arrives, or the event waits. An event that does not say what
 * the saga is to be about is a dead letter at once.
 *
 * <pre>{@code
 * bus.subscribe(
 *     Subscription.of("returns", "shipping-svc", "shop.shipment.refused"),
 *     new SagaStart(sagas, "return", event -> shipment(event).getOrderId()));
 * }</pre>
 *
 * <p>Who may begin one so is whose log the subscription names: events of nobody else reach it. What
 * the saga is begun with is the {@link Cause}, so that what its steps say names the event.
 *
 * <p>Thread-safe.
 */
public final class SagaStart implements EventHandler {
  private final SagaRunner sagas;
  private final String definition;
  private final Function<Event, String> subject;

  /**
   * @param definition of the saga; it begins on the newest version
   * @param subject what the saga is about, as the event says; throws {@link
   *     UnreadableEventException} if it does not
   * @throws IllegalArgumentException if the runner has no such definition
   */
  public SagaStart(SagaRunner sagas, String definition, Function<Event, String> subject) {
    if (!sagas.knows(definition)) {
      throw new IllegalArgumentException("no saga definition " + definition);
    }
    this.sagas = sagas;
    this.definition = definition;
    this.subject = subject;
  }

  @Override
  public void handle(Handle tx, Event event) {
    sagas.begin(tx, definition, subject.apply(event), Cause.current().text());
  }
}
