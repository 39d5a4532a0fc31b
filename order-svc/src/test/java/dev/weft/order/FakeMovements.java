package dev.weft.order;

import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsResponse;
import dev.weft.shop.inventory.v1.StockMovement;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** The stock movements of inventory-svc as a test writes them, read two at a time. */
final class FakeMovements extends InventoryServiceGrpc.InventoryServiceImplBase {
  private static final int PAGE = 2;

  final List<StockMovement> movements = new ArrayList<>();

  void move(StockMovement.Kind kind, UUID product, long quantity, String order) {
    movements.add(
        StockMovement.newBuilder()
            .setMovementId(movements.size() + 1L)
            .setKind(kind)
            .setProductId(product.toString())
            .setQuantity(quantity)
            .setOrderId(order)
            .build());
  }

  @Override
  public void listStockMovements(
      ListStockMovementsRequest request, StreamObserver<ListStockMovementsResponse> reply) {
    List<StockMovement> wanted =
        movements.stream()
            .filter(
                movement ->
                    request.getOrderIdsCount() == 0
                        || request.getOrderIdsList().contains(movement.getOrderId()))
            .toList();
    int from = request.getPageToken().isEmpty() ? 0 : Integer.parseInt(request.getPageToken());
    int to = Math.min(from + PAGE, wanted.size());
    reply.onNext(
        ListStockMovementsResponse.newBuilder()
            .addAllMovements(wanted.subList(from, to))
            .setNextPageToken(to < wanted.size() ? "" + to : "")
            .build());
    reply.onCompleted();
  }
}
