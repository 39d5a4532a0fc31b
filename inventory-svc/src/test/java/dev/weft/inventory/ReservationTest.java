package dev.weft.inventory;

import static dev.weft.inventory.Shop.refused;
import static dev.weft.inventory.Shop.reserve;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.groups.Tuple.tuple;

import dev.weft.durable.UuidV7;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.GetReservationRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.PinReservationRequest;
import dev.weft.shop.inventory.v1.ReleaseReservationRequest;
import dev.weft.shop.inventory.v1.Reservation;
import dev.weft.shop.inventory.v1.ReservationLine;
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
  void setTheClockBack() {
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

  private Reservation hold(Map<String, Integer> quantities) {
    return shop.orders().reserveStock(reserve(order, quantities)).getReservation();
  }

  private Reservation pin() {
    return shop.orders()
        .pinReservation(
            PinReservationRequest.newBuilder()
                .setOrderId(order)
                .setCommandId("saga:pin:do")
                .build())
        .getReservation();
  }

  private Reservation confirm() {
    return shop.orders()
        .confirmReservation(
            ConfirmReservationRequest.newBuilder()
                .setOrderId(order)
                .setCommandId("saga:confirm:do")
                .build())
        .getReservation();
  }

  private Reservation release() {
    return shop.orders()
        .releaseReservation(
            ReleaseReservationRequest.newBuilder()
                .setOrderId(order)
                .setCommandId("saga:reserve:undo")
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
