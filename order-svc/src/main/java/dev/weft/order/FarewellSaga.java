package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.durable.SagaDefinition;
import dev.weft.durable.SagaNews;
import dev.weft.durable.SagaStep;
import dev.weft.durable.StepContext;
import dev.weft.durable.StepOutcome;
import dev.weft.events.Cause;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * Calls off what a deleted person ordered, as far as its money is not being taken: some orders at a
 * time, in small transactions. Begun by the event that tells of the deletion.
 *
 * <p>An order that is accepted after its orders were called off, because nobody here had heard of
 * the deletion, began after the deletion: its saga asks user-svc and turns back.
 */
final class FarewellSaga {
  static final String NAME = "farewell";

  /** Few, because each one stays locked until all are done. */
  static final int AT_ONCE = 50;

  private static final Duration ALL_OF_THEM = Duration.ofSeconds(20);

  private final Database database;
  private final OrderStore orders;
  private final OrderFeed feed;
  private final SagaEvents events;

  FarewellSaga(Database database, OrderStore orders, OrderFeed feed, SagaEvents events) {
    this.database = database;
    this.orders = orders;
    this.feed = feed;
    this.events = events;
  }

  SagaDefinition definition() {
    return SagaDefinition.of(
        NAME,
        1,
        List.of(SagaStep.retriable("call-off", this::callOff).within(ALL_OF_THEM)),
        new End());
  }

  /** What is called off already stays so: another attempt goes on with the rest. */
  private StepOutcome callOff(StepContext context) {
    UUID user = UUID.fromString(context.subject());
    Cause deletion = Cause.parse(context.data());
    List<UUID> calledOff;
    do {
      calledOff = database.inTransaction(tx -> deletion.lead(() -> someOrders(tx, user)));
      calledOff.forEach(feed::changed);
    } while (calledOff.size() == AT_ONCE);
    return StepOutcome.done();
  }

  private List<UUID> someOrders(Handle tx, UUID user) {
    return orders.requestCancels(tx, user, CancelReason.USER_NOT_ACTIVE, AT_ONCE);
  }

  /** Nothing follows but that it is said. */
  private final class End implements SagaDefinition.Ending {
    @Override
    public void completed(Handle tx, StepContext last) {}

    @Override
    public void compensated(Handle tx, StepContext last, String reason) {
      throw new IllegalStateException("nothing of it can be refused: " + reason);
    }

    @Override
    public void told(Handle tx, StepContext last, SagaNews news) {
      Cause.parse(last.data()).lead(() -> events.say(tx, last, news));
    }
  }
}
