package dev.weft.inventory;

import static dev.weft.inventory.Shop.refused;
import static dev.weft.inventory.Shop.reserve;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.groups.Tuple.tuple;

import dev.weft.durable.UuidV7;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.DeleteProductRequest;
import dev.weft.shop.inventory.v1.GetReservationRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.PinReservationRequest;
import dev.weft.shop.inventory.v1.ReleaseReservationRequest;
import dev.weft.shop.inventory.v1.Reservation;
import dev.weft.shop.inventory.v1.ReservationLine;
import dev.weft.shop.inventory.v1.ReserveStockRequest;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The life of a reservation, in every order in which its commands can arrive. */
class ReservationTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private final String order = UuidV7.next().toString();
  private Shop shop;

  @BeforeEach
  void open() {
    shop = new Shop(mesh, postgres.database());
  }

  @AfterEach
  void leaveNothingHeld() {
    beyondItsTime();
    sweep();
    postgres.database().shiftClock(Duration.ZERO);
  }

  @Test
  void isHeldThenPinnedThenConfirmed() {
    String mug = shop.stocked(10);
    String pot = shop.stocked(5);

    Reservation held = hold(Map.of(mug, 3, pot, 5));
    assertThat(held.getState()).isEqualTo(Reservation.State.STATE_HELD);
    assertThat(held.getLinesList()).containsExactlyInAnyOrder(line(mug, 3), line(pot, 5));
    assertThat(held.hasExpireTime()).isTrue();
    shop.hasStock(mug, 10, 7, 3, 0);
    shop.hasStock(pot, 5, 0, 5, 0);

    Reservation pinned = pin();
    assertThat(pinned.getState()).isEqualTo(Reservation.State.STATE_PINNED);
    assertThat(pinned.hasExpireTime()).isFalse();

    assertThat(confirm().getState()).isEqualTo(Reservation.State.STATE_CONFIRMED);
    shop.hasStock(mug, 10, 7, 0, 3);
    shop.hasStock(pot, 5, 0, 0, 5);
    assertThat(get().getState()).isEqualTo(Reservation.State.STATE_CONFIRMED);
    assertThat(movements(mug))
        .extracting(StockMovement::getKind, StockMovement::getQuantity)
        .containsExactly(
            tuple(StockMovement.Kind.KIND_RESTOCK, 10L),
            tuple(StockMovement.Kind.KIND_RESERVE, 3L),
            tuple(StockMovement.Kind.KIND_CONFIRM, 3L));
  }

  @Test
  void answersTheSameWhenACommandComesAgain() {
    String mug = shop.stocked(10);
    assertThat(hold(Map.of(mug, 4))).isEqualTo(hold(Map.of(mug, 4)));
    shop.hasStock(mug, 10, 6, 4, 0);
    assertThat(pin()).isEqualTo(pin());
    assertThat(confirm()).isEqualTo(confirm());
    assertThat(hold(Map.of(mug, 4)).getState()).isEqualTo(Reservation.State.STATE_CONFIRMED);
    assertThat(pin().getState()).isEqualTo(Reservation.State.STATE_CONFIRMED);
    shop.hasStock(mug, 10, 6, 0, 4);
    assertThat(movements(mug)).hasSize(3);
  }

  @Test
  void holdsAllLinesOrNone() {
    String mug = shop.stocked(10);
    String pot = shop.stocked(1);

    RemoteError error =
        refused(
            Status.Code.FAILED_PRECONDITION, "OUT_OF_STOCK", () -> hold(Map.of(mug, 3, pot, 2)));

    assertThat(error.metadata()).containsEntry("product_id", pot).containsEntry("available", "1");
    shop.hasStock(mug, 10, 10, 0, 0);
    shop.hasStock(pot, 1, 1, 0, 0);
  }

  @Test
  void givesBackWhatIsReleased() {
    String mug = shop.stocked(10);
    hold(Map.of(mug, 4));
    assertThat(release().getState()).isEqualTo(Reservation.State.STATE_RELEASED);
    assertThat(release()).isEqualTo(get());
    shop.hasStock(mug, 10, 10, 0, 0);
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_ENDED", this::pin);
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_ENDED", this::confirm);
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_RELEASED", () -> hold(Map.of(mug, 4)));
    shop.hasStock(mug, 10, 10, 0, 0);
  }

  @Test
  void takesNoStockForALateReservationOfAReleasedOrder() {
    String mug = shop.stocked(10);
    assertThat(release().getState()).isEqualTo(Reservation.State.STATE_RELEASED);
    assertThat(get().getLinesList()).isEmpty();

    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_RELEASED", () -> hold(Map.of(mug, 4)));

    shop.hasStock(mug, 10, 10, 0, 0);
    assertThat(shop.tombstoneHits).hasValue(1);
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_ENDED", this::confirm);
  }

  @Test
  void keepsRefusingAnOrderThatWasOutOfStock() {
    String mug = shop.stocked(1);
    refused(Status.Code.FAILED_PRECONDITION, "OUT_OF_STOCK", () -> hold(Map.of(mug, 2)));
    shop.restock(mug, 10);

    RemoteError again =
        refused(Status.Code.FAILED_PRECONDITION, "OUT_OF_STOCK", () -> hold(Map.of(mug, 2)));

    assertThat(again.metadata()).containsEntry("product_id", mug).containsEntry("available", "1");
    assertThat(release().getState()).isEqualTo(Reservation.State.STATE_RELEASED);
    shop.hasStock(mug, 11, 11, 0, 0);
  }

  @Test
  void givesBackWhatIsReleasedAfterItWasPinned() {
    String mug = shop.stocked(10);
    hold(Map.of(mug, 4));
    pin();
    assertThat(release().getState()).isEqualTo(Reservation.State.STATE_RELEASED);
    shop.hasStock(mug, 10, 10, 0, 0);
  }

  @Test
  void neverGivesBackWhatIsSold() {
    String mug = shop.stocked(10);
    hold(Map.of(mug, 4));
    confirm();
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_CONFIRMED", this::release);
    shop.hasStock(mug, 10, 6, 0, 4);
  }

  @Test
  void givesBackWhatIsHeldForTooLong() {
    String mug = shop.stocked(10);
    hold(Map.of(mug, 4));
    sweep();
    shop.hasStock(mug, 10, 6, 4, 0);

    beyondItsTime();
    sweep();

    shop.hasStock(mug, 10, 10, 0, 0);
    assertThat(get().getState()).isEqualTo(Reservation.State.STATE_EXPIRED);
    assertThat(movements(mug).getLast().getKind()).isEqualTo(StockMovement.Kind.KIND_EXPIRE);
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_ENDED", this::pin);
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_ENDED", this::confirm);
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_ENDED", () -> hold(Map.of(mug, 4)));
    assertThat(release().getState()).isEqualTo(Reservation.State.STATE_EXPIRED);
    shop.hasStock(mug, 10, 10, 0, 0);
  }

  @Test
  void hasEndedWhenItsTimeIsOverThoughNobodySweptYet() {
    String mug = shop.stocked(10);
    hold(Map.of(mug, 4));
    beyondItsTime();
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_ENDED", this::pin);
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_ENDED", this::confirm);
    refused(Status.Code.FAILED_PRECONDITION, "RESERVATION_ENDED", () -> hold(Map.of(mug, 4)));
    assertThat(release().getState()).isEqualTo(Reservation.State.STATE_RELEASED);
    sweep();
    shop.hasStock(mug, 10, 10, 0, 0);
  }

  @Test
  void neverExpiresOncePinned() {
    String mug = shop.stocked(10);
    hold(Map.of(mug, 4));
    pin();
    beyondItsTime();
    sweep();
    assertThat(confirm().getState()).isEqualTo(Reservation.State.STATE_CONFIRMED);
    shop.hasStock(mug, 10, 6, 0, 4);
  }

  @Test
  void expiresMoreThanOneBatchInOneSweep() {
    String mug = shop.stocked(100);
    for (int i = 0; i < 45; i++) {
      shop.orders().reserveStock(reserve(UuidV7.next().toString(), Map.of(mug, 2)));
    }
    shop.hasStock(mug, 100, 10, 90, 0);
    beyondItsTime();
    assertThat(sweep()).isEqualTo(45);
    shop.hasStock(mug, 100, 100, 0, 0);
  }

  @Test
  void addsUpSeveralItemsOfOneProduct() {
    String mug = shop.stocked(10);
    ReserveStockRequest once = reserve(order, Map.of(mug, 3));
    Reservation held =
        shop.orders()
            .reserveStock(once.toBuilder().addItems(once.getItems(0)).build())
            .getReservation();
    assertThat(held.getLinesList()).containsExactly(line(mug, 6));
    shop.hasStock(mug, 10, 4, 6, 0);
  }

  @Test
  void refusesOtherItemsForAnOrderThatHasAReservation() {
    String mug = shop.stocked(10);
    hold(Map.of(mug, 3));
    refused(Status.Code.ALREADY_EXISTS, "RESERVATION_EXISTS", () -> hold(Map.of(mug, 4)));
    shop.hasStock(mug, 10, 7, 3, 0);
  }

  @Test
  void hasNothingOfAProductThatIsNotInTheCatalogue() {
    String gone = shop.stocked(10);
    shop.admin().deleteProduct(DeleteProductRequest.newBuilder().setProductId(gone).build());
    RemoteError error =
        refused(Status.Code.FAILED_PRECONDITION, "OUT_OF_STOCK", () -> hold(Map.of(gone, 1)));
    assertThat(error.metadata()).containsEntry("product_id", gone).containsEntry("available", "0");
  }

  @Test
  void keepsWhatIsHeldOfAProductThatLeavesTheCatalogue() {
    String mug = shop.stocked(10);
    hold(Map.of(mug, 4));
    shop.admin().deleteProduct(DeleteProductRequest.newBuilder().setProductId(mug).build());
    assertThat(confirm().getState()).isEqualTo(Reservation.State.STATE_CONFIRMED);
  }

  @Test
  void knowsNothingOfAnOrderWithoutReservation() {
    refused(Status.Code.NOT_FOUND, "RESERVATION_NOT_FOUND", this::pin);
    refused(Status.Code.NOT_FOUND, "RESERVATION_NOT_FOUND", this::confirm);
    refused(Status.Code.NOT_FOUND, "RESERVATION_NOT_FOUND", this::get);
  }

  private int sweep() {
    try (ExpirySweep sweep = new ExpirySweep(shop.reservations)) {
      return sweep.sweep();
    }
  }

  private static void beyondItsTime() {
    postgres.database().shiftClock(Shop.LIFE.plusSeconds(1));
  }

  private Reservation hold(Map<String, Integer> quantities) {
    return shop.orders().reserveStock(reserve(order, quantities)).getReservation();
  }

  private Reservation pin() {
    return shop.orders()
        .pinReservation(
            PinReservationRequest.newBuilder()
                .setOrderId(order)
                .setCommandId(order + ":pin:forward")
                .build())
        .getReservation();
  }

  private Reservation confirm() {
    return shop.orders()
        .confirmReservation(
            ConfirmReservationRequest.newBuilder()
                .setOrderId(order)
                .setCommandId(order + ":confirm:forward")
                .build())
        .getReservation();
  }

  private Reservation release() {
    return shop.orders()
        .releaseReservation(
            ReleaseReservationRequest.newBuilder()
                .setOrderId(order)
                .setCommandId(order + ":reserve:backward")
                .build())
        .getReservation();
  }

  private Reservation get() {
    return shop.orders()
        .getReservation(GetReservationRequest.newBuilder().setOrderId(order).build())
        .getReservation();
  }

  private List<StockMovement> movements(String productId) {
    return shop.orders()
        .listStockMovements(ListStockMovementsRequest.newBuilder().setProductId(productId).build())
        .getMovementsList();
  }

  private static ReservationLine line(String productId, int quantity) {
    return ReservationLine.newBuilder().setProductId(productId).setQuantity(quantity).build();
  }
}
