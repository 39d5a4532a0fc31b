package dev.weft.order;

import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.Rejection;
import dev.weft.order.Faults.When;
import dev.weft.shop.order.v1.ListSagasRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.RetrySagaRequest;
import dev.weft.shop.order.v1.Saga;
import dev.weft.shop.order.v1.SagaStep;
import dev.weft.testkit.ManagementPort;
import dev.weft.testkit.PostgresExtension;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** An undoing that fails again and again: nobody forgets it, and everybody can see it. */
final class SagaWatchTest {
  private static final int FAILURES = 20;

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  private final ManagementPort port = new ManagementPort("order-svc");
  private final Shop shop = new Shop(postgres.database());

  @AfterEach
  void stop() {
    shop.close();
    port.close();
  }

  @Test
  void anUndoingThatFailsTwentyTimesIsShownAsStalledAndDoneInTheEnd() throws Exception {
    Shop.Instance instance = shop.start(postgres.database());
    port.management().readiness("database", postgres.database()::healthy);
    SagaWatch.add(port.management(), port.telemetry(), instance.sagas);
    UUID product = shop.inventory.product(10, 1999, "EUR");
    for (int i = 0; i < FAILURES; i++) {
      shop.faults.next("release", When.BEFORE, SagaWatchTest::refuse);
    }

    Order placed = shop.place(UUID.randomUUID(), order("card_declined", product));
    await().atMost(Duration.ofSeconds(20)).until(() -> stalled().size() == 1);

    assertThat(stalled().getFirst().getOrderId()).isEqualTo(placed.getOrderId());
    assertThat(port.get("/metrics")).containsPattern("weft_saga_unended\\{[^}]*stalled\"[^}]*} 1");
    await().atMost(Duration.ofSeconds(5)).until(() -> port.get("/readyz").contains("degraded"));
    assertThat(shop.inventory.available(product)).isEqualTo(9);

    // It goes on failing, at the admin's wish too, and is not forgotten.
    await()
        .atMost(Duration.ofSeconds(40))
        .pollInterval(Duration.ofMillis(20))
        // It may end between the look and the retry.
        .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
        .until(() -> retried().getState() == Order.State.STATE_CANCELLED);
    shop.assertBooksAgree(shop.get(placed.getOrderId()));
    assertThat(shop.inventory.available(product)).isEqualTo(10);
    assertThat(attemptsToRelease()).isGreaterThan(FAILURES);
    assertThat(stalled()).isEmpty();
    assertThat(port.get("/metrics")).containsPattern("weft_saga_unended\\{[^}]*stalled\"[^}]*} 0");
  }

  @Test
  void ordersWaitForAServiceThatIsAwayAndItsGateIsShown() throws Exception {
    Shop.Instance instance = shop.start(postgres.database());
    SagaWatch.add(port.management(), port.telemetry(), instance.sagas);
    UUID product = shop.inventory.product(10, 1999, "EUR");
    assertThat(port.get("/metrics")).containsPattern("weft_saga_gate\\{[^}]*payment-svc\"[^}]*} 0");
    shop.faults.away("authorize");

    Order placed = shop.place(UUID.randomUUID(), order("card_ok", product));
    await().until(() -> instance.sagas.gates().size() == 1);

    assertThat(port.get("/metrics")).containsPattern("weft_saga_gate\\{[^}]*payment-svc\"[^}]*} 2");
    await()
        .until(
            () -> sagas(Saga.State.STATE_UNSPECIFIED).getFirst().getWaitsFor(),
            "payment-svc"::equals);
    shop.faults.heal("authorize");
    assertThat(shop.ended(placed).getState()).isEqualTo(Order.State.STATE_CONFIRMED);
    await().until(() -> instance.sagas.gates().isEmpty());
  }

  /** Unlike a service that is away, this opens no circuit. */
  private static void refuse() {
    throw Rejection.conflict("NOT_NOW", "the test has it so");
  }

  private Order retried() {
    List<Saga> stalled = stalled();
    if (!stalled.isEmpty()) {
      shop.ordersAs(Shop.ADMIN, "admin")
          .retrySaga(
              RetrySagaRequest.newBuilder().setSagaId(stalled.getFirst().getSagaId()).build());
    }
    return shop.get(sagas(Saga.State.STATE_UNSPECIFIED).getFirst().getOrderId());
  }

  private List<Saga> stalled() {
    return sagas(Saga.State.STATE_COMPENSATION_STALLED);
  }

  private List<Saga> sagas(Saga.State state) {
    return shop.ordersAs(Shop.ADMIN, "admin")
        .listSagas(ListSagasRequest.newBuilder().setState(state).build())
        .getSagasList();
  }

  private int attemptsToRelease() {
    return sagas(Saga.State.STATE_UNSPECIFIED).getFirst().getStepsList().stream()
        .filter(step -> step.getDirection() == SagaStep.Direction.DIRECTION_BACKWARD)
        .filter(step -> step.getName().equals("reserve"))
        .mapToInt(SagaStep::getAttempts)
        .sum();
  }
}
