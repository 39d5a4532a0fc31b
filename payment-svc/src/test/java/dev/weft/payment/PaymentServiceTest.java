package dev.weft.payment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import com.google.type.Money;
import dev.weft.card.CardNetworkServer;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.RemoteError;
import dev.weft.options.v1.OptionsProto;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.CaptureRequest;
import dev.weft.shop.payment.v1.GetPaymentRequest;
import dev.weft.shop.payment.v1.LedgerEntry;
import dev.weft.shop.payment.v1.ListLedgerEntriesRequest;
import dev.weft.shop.payment.v1.ListPaymentsRequest;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.shop.payment.v1.Payment.State;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.payment.v1.PaymentServiceGrpc.PaymentServiceBlockingStub;
import dev.weft.shop.payment.v1.PaymentServiceProto;
import dev.weft.shop.payment.v1.RefundPaymentRequest;
import dev.weft.shop.payment.v1.RefundRequest;
import dev.weft.shop.payment.v1.RetryRefundRequest;
import dev.weft.shop.payment.v1.VoidRequest;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Context;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The contract, called through every layer of the mesh, on the real card network. */
final class PaymentServiceTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();
  @TempDir static Path directory;
  private static CardNetworkServer cards;
  private static Settlement settlement;
  private static CardNetwork network;

  private final String order = UuidV7.next().toString();
  private final String user = UuidV7.next().toString();
  private final PaymentServiceBlockingStub asOrders = as("order-svc");

  @BeforeAll
  static void serve() throws IOException {
    cards = CardNetworkServer.start(directory, Duration.ofSeconds(3), Duration.ofMillis(50));
    PaymentStore store = new PaymentStore();
    Ledger ledger = new Ledger();
    network = new CardNetwork(cards.address(), CardNetwork.Patience.DEFAULT);
    settlement =
        new Settlement(
            postgres.database(), store, ledger, network, Logs.events(postgres.database(), store));
    mesh.serve(
        PaymentServer.NAME,
        new PaymentService(new Payments(postgres.database(), store, ledger, settlement, () -> {})));
  }

  @AfterAll
  static void stop() throws IOException {
    settlement.close();
    network.close();
    cards.close();
  }

  @Test
  void showsAPaymentToItsUserAndToAdminsAndToNobodyElse() {
    String id = authorize("card_ok").getPaymentId();
    GetPaymentRequest get = GetPaymentRequest.newBuilder().setPaymentId(id).build();
    ListPaymentsRequest list = ListPaymentsRequest.newBuilder().setOrderId(order).build();
    PaymentServiceBlockingStub stranger = asUser(UuidV7.next().toString());

    Payment shown = asUser(user).getPayment(get).getPayment();
    assertThat(shown.getOrderId()).isEqualTo(order);
    assertThat(shown.getUserId()).isEqualTo(user);
    assertThat(shown.getAmount()).isEqualTo(euros(19, 99));
    assertThat(asUser(UuidV7.next().toString(), "admin").getPayment(get).getPayment())
        .isEqualTo(shown);
    refused(Status.Code.NOT_FOUND, "PAYMENT_NOT_FOUND", () -> stranger.getPayment(get));

    assertThat(asUser(user).listPayments(list).getPaymentsList()).containsExactly(shown);
    assertThat(asUser(UuidV7.next().toString(), "admin").listPayments(list).getPaymentsList())
        .containsExactly(shown);
    assertThat(stranger.listPayments(list).getPaymentsList()).isEmpty();
  }

  @Test
  void letsAdminsAloneGiveBackAndOnceForEachRequestId() {
    authorize("card_ok");
    String id = capture().getPaymentId();
    RefundPaymentRequest part =
        RefundPaymentRequest.newBuilder()
            .setPaymentId(id)
            .setAmount(euros(5, 0))
            .setRequestId("part")
            .build();
    PaymentServiceBlockingStub admin = asUser(UuidV7.next().toString(), "admin");

    refused(Status.Code.PERMISSION_DENIED, "ROLE_REQUIRED", () -> asUser(user).refundPayment(part));
    Payment once = admin.refundPayment(part).getPayment();
    assertThat(once.getRefundedAmount()).isEqualTo(euros(5, 0));
    assertThat(admin.refundPayment(part).getPayment()).isEqualTo(once);
    RemoteError reused =
        refused(
            Status.Code.INVALID_ARGUMENT,
            "IDEMPOTENCY_KEY_REUSED",
            () -> admin.refundPayment(part.toBuilder().setAmount(euros(6, 0)).build()));
    assertThat(reused.metadata()).containsEntry("http_status", "422");
  }

  @Test
  void letsAdminsAloneHaveARefundAskedForAtOnce() {
    RetryRefundRequest unknown =
        RetryRefundRequest.newBuilder().setRefundId(UuidV7.next().toString()).build();

    refused(
        Status.Code.PERMISSION_DENIED, "ROLE_REQUIRED", () -> asUser(user).retryRefund(unknown));
    refused(
        Status.Code.NOT_FOUND,
        "REFUND_NOT_FOUND",
        () -> asUser(UuidV7.next().toString(), "admin").retryRefund(unknown));
  }

  @ParameterizedTest
  @ValueSource(strings = {"inventory-svc", "user-svc", "edge-gateway"})
  void movesMoneyForTheOrderServiceAlone(String other) {
    refused(
        Status.Code.PERMISSION_DENIED,
        "CALLER_NOT_ALLOWED",
        () -> as(other).authorize(authorization("card_ok")));
    refused(
        Status.Code.PERMISSION_DENIED,
        "CALLER_NOT_ALLOWED",
        () -> as(other).listLedgerEntries(ListLedgerEntriesRequest.getDefaultInstance()));
  }

  @Test
  void movesNoMoneyForAUserWhateverTheirRole() {
    refused(
        Status.Code.UNAUTHENTICATED,
        "SERVICE_TOKEN_MISSING",
        () -> asUser(user, "admin").authorize(authorization("card_ok")));
  }

  @Test
  void capturesASlowCardWithinTheTimeItsContractDeclares() {
    authorize("card_slow");
    long began = System.nanoTime();

    assertThat(capture().getState()).isEqualTo(State.STATE_CAPTURED);

    assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofSeconds(3));
    for (String method : List.of("Authorize", "Capture", "Void", "Refund")) {
      assertThat(
              PaymentServiceProto.getDescriptor()
                  .findServiceByName("PaymentService")
                  .findMethodByName(method)
                  .getOptions()
                  .getExtension(OptionsProto.method)
                  .getTimeout()
                  .getSeconds())
          .as(method)
          .isEqualTo(8);
    }
  }

  @Test
  void answersBeforeItsCallersDeadlineAndGoesOnCapturing() {
    authorize("card_slow");

    refused(
        Status.Code.UNAVAILABLE,
        "CARD_NETWORK_UNAVAILABLE",
        () -> asOrders.withDeadlineAfter(500, TimeUnit.MILLISECONDS).capture(captureRequest()));

    awaitCaptured();
  }

  @Test
  void goesOnCapturingWhenItsCallerIsGone() throws Exception {
    authorize("card_slow");
    try (Context.CancellableContext caller = Context.current().withCancellation();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Payment> call = threads.submit(caller.wrap(this::capture));
      await().until(() -> shown().getState() == State.STATE_CAPTURING);
      caller.cancel(null);
      assertThat(call)
          .failsWithin(Duration.ofSeconds(2))
          .withThrowableThat()
          .withMessageContaining("CANCELLED");
    }

    assertThat(shown().getState()).isEqualTo(State.STATE_CAPTURING);
    awaitCaptured();
  }

  @Test
  void tellsWhyACardWasDeclinedAndWhatWasVoided() {
    RemoteError declined =
        refused(
            Status.Code.FAILED_PRECONDITION,
            "PAYMENT_DECLINED",
            () -> authorize("card_insufficient_funds"));
    assertThat(declined.metadata()).containsEntry("decline_reason", "insufficient_funds");
    assertThat(shown().getState()).isEqualTo(State.STATE_DECLINED);

    VoidRequest never =
        VoidRequest.newBuilder()
            .setOrderId(UuidV7.next().toString())
            .setCommandId(order + ":authorize:backward")
            .build();
    assertThat(asOrders.void_(never).hasPayment()).isFalse();
    refused(
        Status.Code.FAILED_PRECONDITION,
        "PAYMENT_VOIDED",
        () ->
            asOrders.authorize(
                authorization("card_ok").toBuilder().setOrderId(never.getOrderId()).build()));
  }

  @Test
  void keepsBooksThatSumToZeroAndToWhatTheShopHas() {
    authorize("card_ok");
    capture();
    assertThat(books()).hasSize(2);
    asOrders.refund(
        RefundRequest.newBuilder().setOrderId(order).setCommandId("saga:refund:do").build());

    assertThat(books())
        .extracting(e -> e.getAccount() + " " + e.getAmount().getUnits())
        .containsExactly("card_network 19", "revenue -19", "card_network -19", "revenue 19");
    assertThat(books().stream().map(LedgerEntry::getTransactionId).distinct()).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource({
    "EUR, 0, 0",
    "EUR, -1, 0",
    "EUR, 1, 1",
    "JPY, 1, 500000000",
    "XXX, 1, 0",
    "eur, 1, 0"
  })
  void refusesWhatIsNoAmount(String currency, long units, int nanos) {
    refused(
        Status.Code.INVALID_ARGUMENT,
        "INVALID_FIELD",
        () ->
            asOrders.authorize(
                authorization("card_ok").toBuilder()
                    .setAmount(
                        Money.newBuilder()
                            .setCurrencyCode(currency)
                            .setUnits(units)
                            .setNanos(nanos))
                    .build()));
  }

  private Payment authorize(String card) {
    return asOrders.authorize(authorization(card)).getPayment();
  }

  private AuthorizeRequest authorization(String card) {
    return AuthorizeRequest.newBuilder()
        .setOrderId(order)
        .setUserId(user)
        .setAmount(euros(19, 99))
        .setPaymentMethod(card)
        .setCommandId(order + ":authorize:forward")
        .build();
  }

  private Payment capture() {
    return asOrders.capture(captureRequest()).getPayment();
  }

  private CaptureRequest captureRequest() {
    return CaptureRequest.newBuilder().setOrderId(order).setCommandId("saga:capture:do").build();
  }

  private Payment shown() {
    return asUser(user)
        .listPayments(ListPaymentsRequest.newBuilder().setOrderId(order).build())
        .getPayments(0);
  }

  private void awaitCaptured() {
    await().atMost(Duration.ofSeconds(10)).until(() -> shown().getState() == State.STATE_CAPTURED);
    assertThat(books()).hasSize(2);
  }

  private List<LedgerEntry> books() {
    return asOrders
        .listLedgerEntries(ListLedgerEntriesRequest.newBuilder().setOrderId(order).build())
        .getEntriesList();
  }

  private static Money euros(long euros, int cents) {
    return Money.newBuilder()
        .setCurrencyCode("EUR")
        .setUnits(euros)
        .setNanos(cents * 10_000_000)
        .build();
  }

  private static PaymentServiceBlockingStub as(String service) {
    return PaymentServiceGrpc.newBlockingStub(mesh.channel(service, PaymentServer.NAME));
  }

  private static PaymentServiceBlockingStub asUser(String id, String... roles) {
    return PaymentServiceGrpc.newBlockingStub(mesh.channelAs(PaymentServer.NAME, id, roles));
  }

  private static RemoteError refused(Status.Code code, String reason, ThrowingCallable call) {
    RemoteError error = RemoteError.of(catchThrowable(call)).orElseThrow();
    assertThat(error.code()).as(error.toString()).isEqualTo(code);
    assertThat(error.reason()).isEqualTo(reason);
    return error;
  }
}
