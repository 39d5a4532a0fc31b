package dev.weft.prove;

import dev.weft.admin.v1.DeadLetter;
import dev.weft.admin.v1.DiscardDeadLettersRequest;
import dev.weft.admin.v1.EventAdminServiceGrpc;
import dev.weft.admin.v1.EventAdminServiceGrpc.EventAdminServiceBlockingStub;
import dev.weft.admin.v1.ListDeadLettersRequest;
import dev.weft.admin.v1.ListDeadLettersResponse;
import dev.weft.admin.v1.RedriveDeadLettersRequest;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** What a consumer could not take in, as an operator sees and moves it. */
final class DeadLetters {
  private static final int PAGE = 200;

  private final Shop shop;
  private final Flow flow;

  DeadLetters(Shop shop, Flow flow) {
    this.shop = shop;
    this.flow = flow;
  }

  List<DeadLetter> all() {
    List<DeadLetter> all = new ArrayList<>();
    String next = "";
    do {
      ListDeadLettersRequest request =
          ListDeadLettersRequest.newBuilder()
              .setConsumer(flow.consumer)
              .setPageSize(PAGE)
              .setPageToken(next)
              .build();
      ListDeadLettersResponse page = call(calls -> calls.listDeadLetters(request));
      all.addAll(page.getDeadLettersList());
      next = page.getNextPageToken();
    } while (!next.isEmpty());
    return all;
  }

  /** Has them tried again. */
  void redrive(Collection<String> events) {
    var request = RedriveDeadLettersRequest.newBuilder().setConsumer(flow.consumer);
    var _ = call(calls -> calls.redriveDeadLetters(request.addAllEventIds(events).build()));
  }

  /** Gives them up. */
  void discard(Collection<String> events) {
    var request = DiscardDeadLettersRequest.newBuilder().setConsumer(flow.consumer);
    var _ = call(calls -> calls.discardDeadLetters(request.addAllEventIds(events).build()));
  }

  private <T> T call(Function<EventAdminServiceBlockingStub, T> call) {
    try (Calls calls = Calls.to(shop, flow.handler, Calls.OPERATOR)) {
      return call.apply(
          EventAdminServiceGrpc.newBlockingStub(calls.channel())
              .withDeadlineAfter(10, TimeUnit.SECONDS));
    }
  }
}
