package dev.weft.order;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.StockMovement.Kind;
import dev.weft.shop.order.v1.AuditServiceGrpc;
import dev.weft.shop.order.v1.CheckInvariantsRequest;
import dev.weft.shop.order.v1.CheckInvariantsResponse;
import dev.weft.testkit.CapturedLog;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.ManagementPort;
import dev.weft.testkit.PostgresExtension;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The audit that goes on by itself: in several processes, over books that become wrong. */
final class AuditorTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private static final Duration EVERY = Duration.ofMinutes(1);

  private final CapturedLog log = CapturedLog.of(Auditor.class);
  private final ManagementPort port = new ManagementPort("order-svc");
  private final AuditStore store = new AuditStore();
  private Duration passed = Duration.ZERO;
  private AuditedShop shop;
  private Auditor auditor;
  private Auditor ofAnotherProcess;

  @BeforeEach
  void openTwoProcesses() {
    postgres.database().shiftClock(Duration.ZERO);
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.execute(
                    "UPDATE audit SET due_at = weft_now(), checked_at = weft_now(), verdict ="
                        + " NULL"));
    shop = new AuditedShop(postgres.database(), mesh);
    auditor = new Auditor(postgres.database(), shop.audit, store, EVERY);
    ofAnotherProcess = new Auditor(postgres.database(), shop.audit, store, EVERY);
    auditor.show(port.telemetry());
    mesh.serve("order-svc", new AuditService(postgres.database(), shop.audit, store));
  }

  @AfterEach
  void stop() {
    shop.close();
    port.close();
    log.close();
  }

  @Test
  void aViolationIsSaidOnceAndShownUntilItIsMended() throws Exception {
    auditor.look();
    assertThat(last().getHolds()).isTrue();

    shop.ledger.enter("capture-2", shop.bought, 3998);
    later(EVERY);
    auditor.look();
    later(EVERY);
    ofAnotherProcess.look();

    assertThat(log.lines())
        .satisfiesExactlyInAnyOrder(
            line ->
                assertThat(line).startsWith("ERROR").contains("ONE_CAPTURE_PER_ORDER", shop.bought),
            line ->
                assertThat(line).startsWith("ERROR").contains("MONEY_MATCHES_ORDERS", shop.bought));
    assertThat(violations("ONE_CAPTURE_PER_ORDER")).isEqualTo("1.0");
    assertThat(violations("LEDGER_BALANCES")).isEqualTo("0.0");
    assertThat(last().getInvariantsList())
        .filteredOn(invariant -> !invariant.getHolds())
        .hasSize(2)
        .allSatisfy(
            invariant -> assertThat(invariant.getOffendingIdsList()).containsExactly(shop.bought));

    shop.ledger.entries.removeIf(entry -> entry.getTransactionId().equals("capture-2"));
    later(EVERY);
    auditor.look();
    assertThat(last().getHolds()).isTrue();
    assertThat(violations("ONE_CAPTURE_PER_ORDER")).isEqualTo("0.0");

    String nobodys = UUID.randomUUID().toString();
    shop.ledger.enter("capture-3", nobodys, 1);
    later(EVERY);
    auditor.look();
    assertThat(log.lines()).hasSize(3).last().asString().contains("NOTHING_WITHOUT_ORDER", nobodys);
  }

  @Test
  void ofManyViolationsAtOnceTheFirstAreSaidAndTheOthersCounted() {
    for (int i = 0; i < AuditMessages.SENTENCES + 5; i++) {
      shop.ledger.enter("capture-" + i + 2, UUID.randomUUID().toString(), 1);
    }

    auditor.look();

    assertThat(log.lines())
        .hasSize(AuditMessages.SENTENCES + 1)
        .last()
        .asString()
        .contains("NOTHING_WITHOUT_ORDER is broken in 5 more ways");
  }

  @Test
  void isMadeOnceAPeriodByWhicheverProcessLooksFirst() {
    auditor.look();
    shop.ledger.enter("capture-2", shop.bought, 3998);

    ofAnotherProcess.look();
    assertThat(last().getHolds()).isTrue();

    later(EVERY);
    ofAnotherProcess.look();
    assertThat(last().getHolds()).isFalse();
  }

  @Test
  void aProcessThatStoodStillForItsLeaseKeepsAndSaysNothing() {
    shop.ledger.whenRead =
        () -> {
          later(Auditor.LEASE.plusSeconds(1));
          ofAnotherProcess.look();
          shop.ledger.enter("capture-2", shop.bought, 3998);
        };

    auditor.look();

    assertThat(last().getHolds()).isTrue();
    assertThat(log.lines()).isEmpty();
  }

  @Test
  void booksThatCannotBeReadLeaveTheLastVerdictToGrowOld() throws Exception {
    auditor.look();
    later(EVERY);
    shop.stopBooks();

    auditor.look();
    later(EVERY);
    auditor.look();

    assertThat(log.lines())
        .singleElement()
        .asString()
        .startsWith("WARN the books cannot be checked");
    assertThat(last().getLag().getSeconds()).isBetween(120L, 150L);
    assertThat(port.get("/metrics")).containsPattern("weft_audit_age_seconds 1[2-4]\\d");

    shop.serveBooks();
    later(EVERY);
    auditor.look();
    assertThat(last().getLag().getSeconds()).isLessThan(30);
  }

  @Test
  void aProcessThatIsToldToStopLeavesTheCheckToOthersAtOnce() {
    for (int i = 0; i < Audit.ORDERS; i++) {
      shop.place("card_ok");
    }
    shop.ledger.whenRead = auditor::close;

    auditor.look();
    assertThatThrownBy(this::last).hasMessageContaining("no check");
    ofAnotherProcess.look();

    assertThat(last().getOpenOrders() + last().getJudgedOrders()).isEqualTo(Audit.ORDERS + 2);
    assertThat(log.lines()).noneMatch(line -> line.startsWith("WARN"));
  }

  @Test
  void anOrderIsNoViolationWhileItIsOnItsWay() {
    shop.orders.faults.unavailable("authorize", Faults.When.BEFORE, 10_000);
    String open = shop.place("card_ok");
    shop.movements.move(Kind.KIND_RESERVE, shop.product, 2, open);

    auditor.look();

    assertThat(last().getHolds()).isTrue();
    assertThat(last().getOpenOrders()).isEqualTo(1);
    assertThat(log.lines()).isEmpty();
  }

  @Test
  void anAdministratorIsToldWhichCheckAnAnswerComesOf() {
    assertThatThrownBy(this::last)
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e ->
                assertThat(RemoteError.of(e).map(RemoteError::reason)).contains("NOT_CHECKED_YET"));
    auditor.look();
    shop.ledger.enter("capture-2", shop.bought, 3998);
    later(Duration.ofSeconds(30));

    CheckInvariantsResponse fresh = verdict(false);
    assertThat(fresh.getFresh()).isTrue();
    assertThat(fresh.getHolds()).isFalse();
    assertThat(fresh.getLag().getSeconds()).isLessThan(30);

    CheckInvariantsResponse last = last();
    assertThat(last.getFresh()).isFalse();
    assertThat(last.getHolds()).isTrue();
    assertThat(last.getLag().getSeconds()).isBetween(30L, 59L);
  }

  @Test
  void goesOnInTheBackground() {
    try (Auditor quick =
        new Auditor(postgres.database(), shop.audit, store, Duration.ofMillis(40))) {
      quick.start();
      await()
          .atMost(Duration.ofSeconds(10))
          .until(() -> postgres.database().read(store::last).verdict().isPresent());
    }
  }

  private CheckInvariantsResponse last() {
    return verdict(true);
  }

  private static CheckInvariantsResponse verdict(boolean last) {
    return AuditServiceGrpc.newBlockingStub(
            mesh.channelAs("order-svc", Shop.ADMIN.toString(), "admin"))
        .checkInvariants(CheckInvariantsRequest.newBuilder().setLast(last).build());
  }

  private String violations(String invariant) throws Exception {
    return port.get("/metrics")
        .lines()
        .filter(line -> line.startsWith("weft_audit_violations{") && line.contains(invariant))
        .map(line -> line.substring(line.lastIndexOf(' ') + 1))
        .findFirst()
        .orElseThrow();
  }

  private void later(Duration time) {
    passed = passed.plus(time);
    postgres.database().shiftClock(passed);
  }
}
