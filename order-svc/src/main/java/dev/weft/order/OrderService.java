package dev.weft.order;

import dev.weft.durable.PageToken;
import dev.weft.durable.RequestIds;
import dev.weft.durable.Saga;
import dev.weft.durable.SagaRunner;
import dev.weft.mesh.Caller;
import dev.weft.mesh.PageSize;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.UuidText;
import dev.weft.shop.order.v1.CancelOrderRequest;
import dev.weft.shop.order.v1.CancelOrderResponse;
import dev.weft.shop.order.v1.CartServiceGrpc;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.CreateOrderResponse;
import dev.weft.shop.order.v1.GetOrderByIdempotencyKeyRequest;
import dev.weft.shop.order.v1.GetOrderByIdempotencyKeyResponse;
import dev.weft.shop.order.v1.GetOrderHistoryRequest;
import dev.weft.shop.order.v1.GetOrderHistoryResponse;
import dev.weft.shop.order.v1.GetOrderRequest;
import dev.weft.shop.order.v1.GetOrderResponse;
import dev.weft.shop.order.v1.GetSagaRequest;
import dev.weft.shop.order.v1.GetSagaResponse;
import dev.weft.shop.order.v1.ListOrdersRequest;
import dev.weft.shop.order.v1.ListOrdersResponse;
import dev.weft.shop.order.v1.ListSagasRequest;
import dev.weft.shop.order.v1.ListSagasResponse;
import dev.weft.shop.order.v1.OrderServiceGrpc;
import dev.weft.shop.order.v1.RetrySagaRequest;
import dev.weft.shop.order.v1.RetrySagaResponse;
import dev.weft.shop.order.v1.WatchOrderRequest;
import dev.weft.shop.order.v1.WatchOrderResponse;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/** The gRPC face of orders; decides nothing but whose orders a caller may see. */
final class OrderService extends OrderServiceGrpc.OrderServiceImplBase {
  private static final PageSize PAGE = new PageSize(50, 200);
  private static final String CREATE = OrderServiceGrpc.getCreateOrderMethod().getFullMethodName();
  private static final String CANCEL = OrderServiceGrpc.getCancelOrderMethod().getFullMethodName();

  private final Orders orders;
  private final OrderQueries queries;
  private final OrderFeed feed;
  private final SagaRunner sagas;

  OrderService(Orders orders, OrderQueries queries, OrderFeed feed, SagaRunner sagas) {
    this.orders = orders;
    this.queries = queries;
    this.feed = feed;
    this.sagas = sagas;
  }

  @Override
  public void createOrder(CreateOrderRequest request, StreamObserver<CreateOrderResponse> reply) {
    UUID userId = callerId();
    RequestKey key =
        OrderMessages.requestKey(
            userId, CREATE, request.getRequestId(), request.toBuilder().clearRequestId().build());
    answer(
        reply,
        CreateOrderResponse.newBuilder()
            .setOrder(
                orders.place(
                    key, OrderMessages.wish(request, userId), OrderMessages.items(request)))
            .build());
  }

  @Override
  public void getOrder(GetOrderRequest request, StreamObserver<GetOrderResponse> reply) {
    Order order = orders.get(UuidText.parse("order_id", request.getOrderId()), visibleTo());
    answer(reply, GetOrderResponse.newBuilder().setOrder(OrderMessages.order(order)).build());
  }

  @Override
  public void listOrders(ListOrdersRequest request, StreamObserver<ListOrdersResponse> reply) {
    String orderBy = request.getOrderBy();
    OrderQueries.Filter filter =
        new OrderQueries.Filter(
            visibleTo(),
            UuidText.parseIfSet("user_id", request.getUserId()),
            OrderMessages.state(request.getState()),
            orderBy.isEmpty() || orderBy.endsWith(" desc"));
    answer(
        reply,
        OrderMessages.orders(
            queries.list(
                filter,
                PAGE.of(request.getPageSize()),
                request.getPageToken(),
                ReadAfter.parse(request.getReadAfterList()))));
  }

  @Override
  public void getOrderHistory(
      GetOrderHistoryRequest request, StreamObserver<GetOrderHistoryResponse> reply) {
    List<OrderChange.Told> history =
        queries.history(
            UuidText.parse("order_id", request.getOrderId()),
            visibleTo(),
            ReadAfter.parse(request.getReadAfterList()));
    answer(
        reply,
        GetOrderHistoryResponse.newBuilder()
            .addAllChanges(history.stream().map(OrderMessages::change).toList())
            .build());
  }

  @Override
  public void cancelOrder(CancelOrderRequest request, StreamObserver<CancelOrderResponse> reply) {
    RequestKey key =
        OrderMessages.requestKey(
            callerId(),
            CANCEL,
            request.getRequestId(),
            request.toBuilder().clearRequestId().build());
    UUID id = UuidText.parse("order_id", request.getOrderId());
    answer(
        reply,
        CancelOrderResponse.newBuilder().setOrder(orders.cancel(key, id, visibleTo())).build());
  }

  @Override
  public void watchOrder(WatchOrderRequest request, StreamObserver<WatchOrderResponse> reply) {
    UUID id = UuidText.parse("order_id", request.getOrderId());
    Optional<UUID> visibleTo = visibleTo();
    orders.get(id, visibleTo);
    // Listens before the first look, so that no change falls in between.
    OrderFeed.Watch watch = feed.watch(id, callerId().toString());
    new OrderStream(
            watch,
            () -> orders.get(id, visibleTo),
            (ServerCallStreamObserver<WatchOrderResponse>) reply)
        .start();
  }

  @Override
  public void getOrderByIdempotencyKey(
      GetOrderByIdempotencyKeyRequest request,
      StreamObserver<GetOrderByIdempotencyKeyResponse> reply) {
    String principal = callerId().toString();
    List<RequestIds.Key> keys =
        Stream.of(
                OrderServiceGrpc.getCreateOrderMethod(),
                CartServiceGrpc.getCheckoutMethod(),
                OrderServiceGrpc.getCancelOrderMethod())
            .map(MethodDescriptor::getFullMethodName)
            .map(method -> new RequestIds.Key(principal, method, request.getKey()))
            .toList();
    answer(
        reply,
        GetOrderByIdempotencyKeyResponse.newBuilder()
            .setOrder(OrderMessages.order(orders.findByRequest(keys)))
            .build());
  }

  @Override
  public void listSagas(ListSagasRequest request, StreamObserver<ListSagasResponse> reply) {
    int size = PAGE.of(request.getPageSize());
    Optional<Saga.State> state = SagaMessages.state(request.getState());
    Optional<String> definition =
        Optional.of(request.getDefinition()).filter(name -> !name.isEmpty());
    String[] arguments = {"sagas", state.map(Saga.State::name).orElse("*"), definition.orElse("*")};
    Optional<UUID> before = OrderQueries.lastKey(request.getPageToken(), arguments);
    List<Saga> found = sagas.list(state, definition, before, size + 1);
    List<Saga> shown = found.subList(0, Math.min(size, found.size()));
    answer(
        reply,
        ListSagasResponse.newBuilder()
            .addAllSagas(shown.stream().map(SagaMessages::saga).toList())
            .setNextPageToken(
                found.size() > size
                    ? PageToken.after(shown.getLast().id().toString(), arguments)
                    : "")
            .build());
  }

  @Override
  public void getSaga(GetSagaRequest request, StreamObserver<GetSagaResponse> reply) {
    Saga saga =
        sagas
            .find(UuidText.parse("saga_id", request.getSagaId()))
            .orElseThrow(OrderService::noSaga);
    answer(reply, GetSagaResponse.newBuilder().setSaga(SagaMessages.saga(saga)).build());
  }

  @Override
  public void retrySaga(RetrySagaRequest request, StreamObserver<RetrySagaResponse> reply) {
    UUID id = UuidText.parse("saga_id", request.getSagaId());
    if (sagas.find(id).orElseThrow(OrderService::noSaga).state().ended()) {
      throw Rejection.wrongState("SAGA_ENDED", "the saga has ended");
    }
    Saga saga = sagas.retryNow(id).orElseThrow(OrderService::noSaga);
    answer(reply, RetrySagaResponse.newBuilder().setSaga(SagaMessages.saga(saga)).build());
  }

  /** Whose orders the caller sees: their own, or everybody's, which is empty, for an admin. */
  private static Optional<UUID> visibleTo() {
    return Caller.current().requireUser().admin() ? Optional.empty() : Optional.of(callerId());
  }

  /** The caller's own id. */
  static UUID callerId() {
    return UuidText.parse("the token's subject", Caller.current().requireUser().id());
  }

  static <T> void answer(StreamObserver<T> reply, T message) {
    reply.onNext(message);
    reply.onCompleted();
  }

  private static Rejection noSaga() {
    return Rejection.notFound("SAGA_NOT_FOUND", "no such saga");
  }
}
