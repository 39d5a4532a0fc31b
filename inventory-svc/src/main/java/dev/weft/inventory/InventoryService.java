package dev.weft.inventory;

import dev.weft.mesh.Caller;
import dev.weft.mesh.PageSize;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.ConfirmReservationResponse;
import dev.weft.shop.inventory.v1.CreateProductRequest;
import dev.weft.shop.inventory.v1.CreateProductResponse;
import dev.weft.shop.inventory.v1.DeleteProductRequest;
import dev.weft.shop.inventory.v1.DeleteProductResponse;
import dev.weft.shop.inventory.v1.GetProductRequest;
import dev.weft.shop.inventory.v1.GetProductResponse;
import dev.weft.shop.inventory.v1.GetReservationRequest;
import dev.weft.shop.inventory.v1.GetReservationResponse;
import dev.weft.shop.inventory.v1.GetStockRequest;
import dev.weft.shop.inventory.v1.GetStockResponse;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.ListProductsRequest;
import dev.weft.shop.inventory.v1.ListProductsResponse;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsResponse;
import dev.weft.shop.inventory.v1.PinReservationRequest;
import dev.weft.shop.inventory.v1.PinReservationResponse;
import dev.weft.shop.inventory.v1.QuoteItemsRequest;
import dev.weft.shop.inventory.v1.QuoteItemsResponse;
import dev.weft.shop.inventory.v1.ReleaseReservationRequest;
import dev.weft.shop.inventory.v1.ReleaseReservationResponse;
import dev.weft.shop.inventory.v1.ReserveStockRequest;
import dev.weft.shop.inventory.v1.ReserveStockResponse;
import dev.weft.shop.inventory.v1.RestockProductRequest;
import dev.weft.shop.inventory.v1.RestockProductResponse;
import dev.weft.shop.inventory.v1.UpdateProductRequest;
import dev.weft.shop.inventory.v1.UpdateProductResponse;
import dev.weft.shop.inventory.v1.WatchStockRequest;
import dev.weft.shop.inventory.v1.WatchStockResponse;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.UUID;

/** The gRPC face; decides nothing. */
final class InventoryService extends InventoryServiceGrpc.InventoryServiceImplBase {
  private static final PageSize PRODUCTS = new PageSize(50, 200);
  private static final PageSize MOVEMENTS = new PageSize(200, 1_000);

  private final Catalogue catalogue;
  private final ProductCache products;
  private final Stocks stocks;
  private final StockFeed feed;
  private final Reservations reservations;

  InventoryService(
      Catalogue catalogue,
      ProductCache products,
      Stocks stocks,
      StockFeed feed,
      Reservations reservations) {
    this.catalogue = catalogue;
    this.products = products;
    this.stocks = stocks;
    this.feed = feed;
    this.reservations = reservations;
  }

  @Override
  public void listProducts(
      ListProductsRequest request, StreamObserver<ListProductsResponse> reply) {
    Page.Wish wish = new Page.Wish(PRODUCTS.of(request.getPageSize()), request.getPageToken());
    String typed = InventoryMessages.line("query", request.getQuery());
    Page<Product> page =
        typed.isBlank()
            ? catalogue.list(request.getCategory(), wish)
            : catalogue.search(typed, request.getCategory(), wish);
    answer(reply, InventoryMessages.products(page));
  }

  @Override
  public void getProduct(GetProductRequest request, StreamObserver<GetProductResponse> reply) {
    UUID id = InventoryMessages.productId(request.getProductId());
    answer(
        reply,
        GetProductResponse.newBuilder()
            .setProduct(products.get(id).orElseThrow(() -> Catalogue.notFound(id)))
            .build());
  }

  @Override
  public void createProduct(
      CreateProductRequest request, StreamObserver<CreateProductResponse> reply) {
    Product.Description wanted = InventoryMessages.description(request.getProduct());
    byte[] response =
        catalogue.create(
            InventoryMessages.request(
                principal(),
                name(InventoryServiceGrpc.getCreateProductMethod()),
                request.getRequestId(),
                InventoryMessages.canonical(wanted)),
            wanted,
            product ->
                CreateProductResponse.newBuilder()
                    .setProduct(InventoryMessages.product(product))
                    .build()
                    .toByteArray());
    answer(reply, InventoryMessages.kept(CreateProductResponse.parser(), response));
  }

  @Override
  public void updateProduct(
      UpdateProductRequest request, StreamObserver<UpdateProductResponse> reply) {
    Product product =
        catalogue.update(
            InventoryMessages.productId(request.getProductId()),
            InventoryMessages.change(request),
            request.getProduct().getEtag());
    answer(
        reply,
        UpdateProductResponse.newBuilder().setProduct(InventoryMessages.product(product)).build());
  }

  @Override
  public void deleteProduct(
      DeleteProductRequest request, StreamObserver<DeleteProductResponse> reply) {
    catalogue.delete(InventoryMessages.productId(request.getProductId()));
    answer(reply, DeleteProductResponse.getDefaultInstance());
  }

  @Override
  public void restockProduct(
      RestockProductRequest request, StreamObserver<RestockProductResponse> reply) {
    UUID productId = InventoryMessages.productId(request.getProductId());
    int quantity = Math.toIntExact(request.getQuantity());
    byte[] response =
        stocks.restock(
            InventoryMessages.request(
                principal(),
                name(InventoryServiceGrpc.getRestockProductMethod()),
                request.getRequestId(),
                productId + " " + quantity),
            productId,
            quantity,
            stock ->
                RestockProductResponse.newBuilder()
                    .setStock(InventoryMessages.stock(stock))
                    .build()
                    .toByteArray());
    answer(reply, InventoryMessages.kept(RestockProductResponse.parser(), response));
  }

  @Override
  public void getStock(GetStockRequest request, StreamObserver<GetStockResponse> reply) {
    Stock stock = stocks.get(InventoryMessages.productId(request.getProductId()));
    answer(reply, GetStockResponse.newBuilder().setStock(InventoryMessages.stock(stock)).build());
  }

  @Override
  public void watchStock(WatchStockRequest request, StreamObserver<WatchStockResponse> replies) {
    feed.watch(
        InventoryMessages.productId(request.getProductId()),
        (ServerCallStreamObserver<WatchStockResponse>) replies);
  }

  @Override
  public void quoteItems(QuoteItemsRequest request, StreamObserver<QuoteItemsResponse> reply) {
    answer(
        reply,
        InventoryMessages.quote(catalogue.quote(InventoryMessages.items(request.getItemsList()))));
  }

  @Override
  public void reserveStock(
      ReserveStockRequest request, StreamObserver<ReserveStockResponse> reply) {
    Reservation reservation =
        reservations.reserve(
            InventoryMessages.orderId(request.getOrderId()),
            InventoryMessages.quantities(request.getItemsList()),
            InventoryMessages.command(request.getCommandId()));
    answer(
        reply,
        ReserveStockResponse.newBuilder()
            .setReservation(InventoryMessages.reservation(reservation))
            .build());
  }

  @Override
  public void pinReservation(
      PinReservationRequest request, StreamObserver<PinReservationResponse> reply) {
    Reservation reservation =
        reservations.pin(
            InventoryMessages.orderId(request.getOrderId()),
            InventoryMessages.line("command_id", request.getCommandId()));
    answer(
        reply,
        PinReservationResponse.newBuilder()
            .setReservation(InventoryMessages.reservation(reservation))
            .build());
  }

  @Override
  public void confirmReservation(
      ConfirmReservationRequest request, StreamObserver<ConfirmReservationResponse> reply) {
    Reservation reservation =
        reservations.confirm(
            InventoryMessages.orderId(request.getOrderId()),
            InventoryMessages.line("command_id", request.getCommandId()));
    answer(
        reply,
        ConfirmReservationResponse.newBuilder()
            .setReservation(InventoryMessages.reservation(reservation))
            .build());
  }

  @Override
  public void releaseReservation(
      ReleaseReservationRequest request, StreamObserver<ReleaseReservationResponse> reply) {
    Reservation reservation =
        reservations.release(
            InventoryMessages.orderId(request.getOrderId()),
            InventoryMessages.command(request.getCommandId()));
    answer(
        reply,
        ReleaseReservationResponse.newBuilder()
            .setReservation(InventoryMessages.reservation(reservation))
            .build());
  }

  @Override
  public void getReservation(
      GetReservationRequest request, StreamObserver<GetReservationResponse> reply) {
    Reservation reservation = reservations.get(InventoryMessages.orderId(request.getOrderId()));
    answer(
        reply,
        GetReservationResponse.newBuilder()
            .setReservation(InventoryMessages.reservation(reservation))
            .build());
  }

  @Override
  public void listStockMovements(
      ListStockMovementsRequest request, StreamObserver<ListStockMovementsResponse> reply) {
    answer(
        reply,
        InventoryMessages.movements(
            stocks.movements(
                InventoryMessages.productIdIfSet(request.getProductId()),
                InventoryMessages.orderIds(request),
                new Page.Wish(MOVEMENTS.of(request.getPageSize()), request.getPageToken()))));
  }

  private static String principal() {
    return Caller.current().requireUser().id();
  }

  private static String name(MethodDescriptor<?, ?> method) {
    return method.getFullMethodName();
  }

  private static <T> void answer(StreamObserver<T> reply, T message) {
    reply.onNext(message);
    reply.onCompleted();
  }
}
