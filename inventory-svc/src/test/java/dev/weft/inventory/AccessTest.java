package dev.weft.inventory;

import static dev.weft.inventory.Shop.refused;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.durable.UuidV7;
import dev.weft.options.v1.MethodPolicy.Access;
import dev.weft.options.v1.OptionsProto;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.DeleteProductRequest;
import dev.weft.shop.inventory.v1.GetReservationRequest;
import dev.weft.shop.inventory.v1.GetStockRequest;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.InventoryServiceProto;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.PinReservationRequest;
import dev.weft.shop.inventory.v1.QuoteItemsRequest;
import dev.weft.shop.inventory.v1.ReleaseReservationRequest;
import dev.weft.shop.inventory.v1.RestockProductRequest;
import dev.weft.shop.inventory.v1.UpdateProductRequest;
import dev.weft.shop.inventory.v1.WatchStockRequest;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Who may call what: everybody reads the catalogue, administrators change it, order-svc holds
 * goods.
 */
class AccessTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();
  private static final Map<String, Consumer<InventoryServiceBlockingStub>> ADMIN =
      new LinkedHashMap<>();
  private static final Map<String, Consumer<InventoryServiceBlockingStub>> SERVICE =
      new LinkedHashMap<>();
  private static Shop shop;

  @BeforeAll
  static void open() {
    shop = new Shop(mesh, postgres.database());
    String product = shop.stocked(1);
    String order = UuidV7.next().toString();
    ADMIN.put(
        "UpdateProduct",
        stub ->
            stub.updateProduct(
                UpdateProductRequest.newBuilder()
                    .setProductId(product)
                    .setProduct(Shop.described())
                    .build()));
    ADMIN.put("CreateProduct", stub -> stub.createProduct(Shop.creation(Shop.described())));
    ADMIN.put(
        "DeleteProduct",
        stub ->
            stub.deleteProduct(DeleteProductRequest.newBuilder().setProductId(product).build()));
    ADMIN.put(
        "RestockProduct",
        stub ->
            stub.restockProduct(
                RestockProductRequest.newBuilder()
                    .setProductId(product)
                    .setQuantity(1)
                    .setRequestId("one")
                    .build()));
    ADMIN.put(
        "GetStock",
        stub -> stub.getStock(GetStockRequest.newBuilder().setProductId(product).build()));
    ADMIN.put(
        "WatchStock",
        stub ->
            stub.watchStock(WatchStockRequest.newBuilder().setProductId(product).build()).next());
    SERVICE.put(
        "QuoteItems",
        stub ->
            stub.quoteItems(
                QuoteItemsRequest.newBuilder()
                    .addAllItems(Shop.reserve(order, Map.of(product, 1)).getItemsList())
                    .build()));
    SERVICE.put("ReserveStock", stub -> stub.reserveStock(Shop.reserve(order, Map.of(product, 1))));
    SERVICE.put(
        "PinReservation",
        stub ->
            stub.pinReservation(
                PinReservationRequest.newBuilder().setOrderId(order).setCommandId("c").build()));
    SERVICE.put(
        "ConfirmReservation",
        stub ->
            stub.confirmReservation(
                ConfirmReservationRequest.newBuilder()
                    .setOrderId(order)
                    .setCommandId("c")
                    .build()));
    SERVICE.put(
        "ReleaseReservation",
        stub ->
            stub.releaseReservation(
                ReleaseReservationRequest.newBuilder()
                    .setOrderId(UuidV7.next().toString())
                    .setCommandId(order + ":reserve:backward")
                    .build()));
    SERVICE.put(
        "GetReservation",
        stub -> stub.getReservation(GetReservationRequest.newBuilder().setOrderId(order).build()));
    SERVICE.put(
        "ListStockMovements",
        stub -> stub.listStockMovements(ListStockMovementsRequest.getDefaultInstance()));
  }

  @Test
  void coversEveryMethodThatIsNotPublic() {
    assertThat(
            InventoryServiceProto.getDescriptor().getServices().getFirst().getMethods().stream()
                .filter(method -> access(method) != Access.ACCESS_PUBLIC)
                .map(MethodDescriptor::getName))
        .containsExactlyInAnyOrderElementsOf(
            Stream.concat(ADMIN.keySet().stream(), SERVICE.keySet().stream()).toList());
  }

  @Test
  void letsOnlyAdministratorsChangeTheCatalogueAndSeeTheStock() {
    ADMIN.forEach(
        (method, call) -> {
          refused(Status.Code.UNAUTHENTICATED, "TOKEN_MISSING", () -> call.accept(shop.anybody()));
          refused(
              Status.Code.PERMISSION_DENIED, "ROLE_REQUIRED", () -> call.accept(shop.customer()));
          refused(Status.Code.UNAUTHENTICATED, "TOKEN_MISSING", () -> call.accept(shop.orders()));
        });
  }

  @Test
  void letsOnlyOrderSvcHoldGoods() {
    SERVICE.forEach(
        (method, call) -> {
          refused(
              Status.Code.UNAUTHENTICATED,
              "SERVICE_TOKEN_MISSING",
              () -> call.accept(shop.anybody()));
          refused(
              Status.Code.UNAUTHENTICATED,
              "SERVICE_TOKEN_MISSING",
              () -> call.accept(shop.admin()));
          refused(
              Status.Code.PERMISSION_DENIED,
              "CALLER_NOT_ALLOWED",
              () -> call.accept(shop.service("payment-svc")));
          call.accept(shop.orders());
        });
  }

  private static Access access(MethodDescriptor method) {
    return method.getOptions().getExtension(OptionsProto.method).getAccess();
  }
}
