package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.durable.ParkedEvents;
import dev.weft.durable.ParkedEvents.Reason;
import dev.weft.events.EventLog;
import dev.weft.mesh.Timestamps;
import dev.weft.shop.order.v1.GetOrderViewRequest;
import dev.weft.shop.order.v1.GetOrderViewResponse;
import dev.weft.shop.order.v1.OrderView;
import dev.weft.shop.order.v1.OrderViewServiceGrpc;
import dev.weft.shop.order.v1.RebuildOrderViewRequest;
import dev.weft.shop.order.v1.RebuildOrderViewResponse;
import io.grpc.stub.StreamObserver;
import java.util.Map;

/** The gRPC face of the read model towards those who run the shop. */
final class OrderViewService extends OrderViewServiceGrpc.OrderViewServiceImplBase {
  private final Database database;
  private final EventLog events;
  private final OrderViewStore view;
  private final OrderViewBuilder builder;

  OrderViewService(
      Database database, EventLog events, OrderViewStore view, OrderViewBuilder builder) {
    this.database = database;
    this.events = events;
    this.view = view;
    this.builder = builder;
  }

  @Override
  public void getOrderView(
      GetOrderViewRequest request, StreamObserver<GetOrderViewResponse> reply) {
    OrderService.answer(reply, GetOrderViewResponse.newBuilder().setOrderView(view()).build());
  }

  @Override
  public void rebuildOrderView(
      RebuildOrderViewRequest request, StreamObserver<RebuildOrderViewResponse> reply) {
    builder.begin();
    OrderService.answer(reply, RebuildOrderViewResponse.newBuilder().setOrderView(view()).build());
  }

  private OrderView view() {
    long last = events.store().last();
    long behind =
        events.groups().progress().stream()
            .filter(group -> group.group().equals(OrderProjection.CONSUMER))
            .findFirst()
            .map(group -> group.behind())
            .orElse(last);
    Map<Reason, Long> parked =
        database.read(tx -> new ParkedEvents(OrderProjection.CONSUMER).counts(tx));
    OrderViewStore.State state = database.read(view::state);
    OrderView.Builder message =
        OrderView.newBuilder().setGeneration(state.live()).setBehind(behind).setLastPosition(last);
    parked.forEach(
        (reason, number) -> {
          if (reason.dead()) {
            message.setDeadLetters(message.getDeadLetters() + number);
          } else {
            message.setWaiting(message.getWaiting() + number);
          }
        });
    state
        .build()
        .ifPresent(
            build ->
                message
                    .setRebuilding(true)
                    .setRebuildPosition(build.position())
                    .setRebuildTime(Timestamps.of(build.begun())));
    return message.build();
  }
}
