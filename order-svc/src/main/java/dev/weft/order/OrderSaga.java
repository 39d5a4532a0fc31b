package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.durable.SagaDefinition;
import dev.weft.durable.SagaNews;
import dev.weft.durable.SagaStep;
import dev.weft.durable.StepContext;
import dev.weft.durable.StepOutcome;
import dev.weft.mesh.RemoteError;
import dev.weft.mesh.TraceLink;
import io.grpc.StatusRuntimeException;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jdbi.v3.core.Handle;

/**
 * From PENDING to the end: user is active → reserve → authorize → pin → <b>capture</b> → confirm.
 * Until the money is taken everything can be undone, and is when a step is refused, the customer
 * calls the order off, or five minutes pass. From then on it only goes forward.
 *
 * <p>An answer that did not arrive is asked for again under the same command id; nothing is undone
 * while nobody knows whether the money was taken.
 */
final class OrderSaga {
  static final String NAME = "order";

  private static final String AUTHORIZE = "authorize";

  /** Above the 8 s and the 2 s that the contracts give one call, so that the call ends first. */
  private static final Duration MONEY = Duration.ofSeconds(9);

  private static final Duration GOODS = Duration.ofSeconds(3);

  private static final int KNOWN_MAX = 1_000;

  private final Database database;
  private final OrderStore store;
  private final Returns returns;
  private final OrderFeed feed;
  private final SagaEvents events;
  private final UserClient users;
  private final InventoryClient inventory;
  private final PaymentClient payments;
  // What the steps read of an order never changes. Those that another process ended stay behind.
  private final Map<UUID, Order> known = new ConcurrentHashMap<>();

  OrderSaga(
      Database database,
      OrderStore store,
      Returns returns,
      OrderFeed feed,
      SagaEvents events,
      UserClient users,
      InventoryClient inventory,
      PaymentClient payments) {
    this.database = database;
    this.store = store;
    this.returns = returns;
    this.feed = feed;
    this.events = events;
    this.users = users;
    this.inventory = inventory;
    this.payments = payments;
  }

  SagaDefinition definition() {
    return SagaDefinition.of(
        NAME,
        1,
        List.of(
            SagaStep.check("check-user", step(this::checkUser)).calling(UserClient.SERVICE),
            goods(SagaStep.compensable("reserve", step(this::reserve), step(this::release))),
            money(SagaStep.compensable(AUTHORIZE, step(this::authorize), step(this::voidPayment))),
            // Undone by the release of what is reserved.
            goods(SagaStep.check("pin", step(this::pin))),
            money(SagaStep.pivot("capture", step(this::capture)).guardedBy(this::calledOff)),
            goods(SagaStep.retriable("confirm", step(this::confirm)))),
        new End());
  }

  private static SagaStep goods(SagaStep step) {
    return step.calling(InventoryClient.SERVICE).within(GOODS);
  }

  private static SagaStep money(SagaStep step) {
    return step.calling(PaymentClient.SERVICE).within(MONEY);
  }

  /** In the trace of the order; a participant that says when to come back is heard. */
  private static SagaStep.Action step(SagaStep.Action attempt) {
    return context -> {
      try (Scope _ = trace(context).makeCurrent()) {
        return attempt.attempt(context);
      } catch (StatusRuntimeException e) {
        RemoteError error = RemoteError.of(e.getStatus(), e.getTrailers());
        return new StepOutcome.Unknown(
            e.toString(), error.retryAfter().orElse(Duration.ZERO), error.away());
      }
    };
  }

  private StepOutcome checkUser(StepContext context) {
    Order order = order(context);
    return unlessRefused(() -> users.requireActive(order.userId()));
  }

  private StepOutcome reserve(StepContext context) {
    Order order = order(context);
    try {
      inventory.reserve(order.id(), order.items(), context.commandId());
      return StepOutcome.done();
    } catch (DefiniteRefusal e) {
      if (context.attempt() > 1) {
        // An earlier attempt may still be on its way: it has to find the order released.
        inventory.release(order.id(), context.commandId());
      }
      return refused(e);
    }
  }

  private StepOutcome release(StepContext context) {
    inventory.release(orderId(context), context.commandId());
    return StepOutcome.done();
  }

  private StepOutcome authorize(StepContext context) {
    Order order = order(context);
    try {
      return new StepOutcome.Done(payments.authorize(order, context.commandId()).toString());
    } catch (DefiniteRefusal e) {
      return refused(e);
    }
  }

  private StepOutcome voidPayment(StepContext context) {
    payments.release(orderId(context), context.commandId());
    return StepOutcome.done();
  }

  private StepOutcome pin(StepContext context) {
    return unlessRefused(() -> inventory.pin(orderId(context), context.commandId()));
  }

  private Optional<String> calledOff(Handle tx, StepContext context) {
    try (Scope _ = trace(context).makeCurrent()) {
      UUID id = orderId(context);
      if (store.beginCapture(tx, id, payment(context).orElseThrow())) {
        return Optional.empty();
      }
      return Optional.of(
          store.find(tx, id).flatMap(Order::calledOff).orElse(CancelReason.REQUESTED).name());
    }
  }

  private StepOutcome capture(StepContext context) {
    return unlessRefused(() -> payments.capture(orderId(context), context.commandId()));
  }

  private StepOutcome confirm(StepContext context) {
    inventory.confirm(orderId(context), context.commandId());
    return StepOutcome.done();
  }

  private static StepOutcome unlessRefused(Runnable step) {
    try {
      step.run();
      return StepOutcome.done();
    } catch (DefiniteRefusal e) {
      return refused(e);
    }
  }

  private static StepOutcome refused(DefiniteRefusal refusal) {
    return new StepOutcome.Refused(refusal.reason().name());
  }

  /** The order as it was when this process first met it: for its items, price, user and card. */
  private Order order(StepContext context) {
    UUID id = orderId(context);
    Order before = known.get(id);
    if (before != null) {
      return before;
    }
    Order order = database.read(tx -> store.find(tx, id)).orElseThrow();
    if (known.size() >= KNOWN_MAX) {
      known.clear();
    }
    known.put(id, order);
    return order;
  }

  private static UUID orderId(StepContext context) {
    return UUID.fromString(context.subject());
  }

  private static Optional<UUID> payment(StepContext context) {
    return context.result(AUTHORIZE).map(UUID::fromString);
  }

  /** The trace of the request that placed the order, which the saga carries. */
  private static Context trace(StepContext saga) {
    return TraceLink.of(saga.data());
  }

  private void ended(UUID orderId) {
    known.remove(orderId);
    feed.changed(orderId);
  }

  /** Moves the order in the transaction that ends the saga. */
  private final class End implements SagaDefinition.Ending {
    @Override
    public void completed(Handle tx, StepContext last) {
      try (Scope _ = trace(last).makeCurrent()) {
        store.confirm(tx, orderId(last));
        returns.confirmed(tx, orderId(last));
      }
      database.afterCommit(() -> ended(orderId(last)));
    }

    @Override
    public void compensated(Handle tx, StepContext last, String reason) {
      try (Scope _ = trace(last).makeCurrent()) {
        store.cancel(tx, orderId(last), CancelReason.valueOf(reason), payment(last));
      }
      database.afterCommit(() -> ended(orderId(last)));
    }

    @Override
    public void told(Handle tx, StepContext last, SagaNews news) {
      try (Scope _ = trace(last).makeCurrent()) {
        events.say(tx, last, news);
      }
    }
  }
}
