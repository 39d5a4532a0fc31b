package dev.weft.prove;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.weft.event.v1.Event;
import dev.weft.prove.Books.Charge;
import dev.weft.prove.Books.Order;
import dev.weft.prove.EventBooks.Memory;
import dev.weft.prove.History.Leaving;
import dev.weft.prove.History.Placed;
import dev.weft.shop.event.v1.OrderEvent;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.event.v1.PaymentRefunded;
import dev.weft.shop.event.v1.ReservationReturned;
import dev.weft.shop.event.v1.UserCreated;
import dev.weft.shop.inventory.v1.StockMovement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Holds what services said against what they did, and against what consumers made of it. Pure: the
 * same history and books always get the same verdict.
 */
final class EventJudge {
  private final History history;
  private final Books books;
  private final EventBooks events;
  private final Map<String, Map<String, List<Event>>> byAggregate; // by type, then id
  private final Verdict.Findings findings = new Verdict.Findings();

  private EventJudge(History history, Books books, EventBooks events) {
    this.history = history;
    this.books = books;
    this.events = events;
    byAggregate =
        events.logs().values().stream()
            .flatMap(List::stream)
            .filter(event -> !history.planted().contains(event.getSubject()))
            .collect(
                Collectors.groupingBy(
                    Event::getAggregateType, Collectors.groupingBy(Event::getSubject)));
  }

  static Verdict of(History history, Books books, EventBooks events) {
    EventJudge judge = new EventJudge(history, books, events);
    judge.versions();
    judge.orders();
    judge.moneyGivenBack();
    judge.goodsThatCameBack();
    judge.accounts();
    judge.readings();
    judge.consumers();
    judge.histories();
    judge.lists();
    judge.causes();
    judge.refundsThatNobodyAskedFor();
    events
        .waiting()
        .forEach(
            (what, many) -> judge.check(Invariant.E8, many == 0, what + ", " + many + " events"));
    return judge.findings.verdict();
  }

  private void versions() {
    events
        .said()
        .forEach(
            (type, all) ->
                all.forEach(
                    (id, said) -> {
                      int logged = of(type, id).size();
                      String what =
                          "%s %s has said %d events, %d are in the log"
                              .formatted(type, id, said, logged);
                      check(Invariant.E1, logged >= said, what);
                      check(Invariant.E2, logged <= said, what);
                    }));
    byAggregate.forEach(
        (type, all) ->
            all.keySet()
                .forEach(
                    id ->
                        check(
                            Invariant.E2,
                            events.said().getOrDefault(type, Map.of()).containsKey(id),
                            "there are events of " + type + " " + id + ", which is not there")));
  }

  /** Each event holds its order as it was from then on. */
  private void orders() {
    for (Order order : books.orders().values()) {
      List<Event> told = of("shop.order", order.id());
      check(
          Invariant.E1,
          !told.isEmpty()
              && told.getFirst().getType().equals("shop.order.created")
              && facts(told.getLast()).getState().name().equals(order.state()),
          order + ", and its events are " + types(told));
      for (Event event : told) {
        OrderFacts facts = facts(event);
        check(
            Invariant.E2,
            facts.getOrderId().equals(order.id())
                && facts.getUserId().equals(order.user())
                && Books.minor(facts.getTotal()) == order.totalMinor(),
            order + " is not what " + event.getEventId() + " says: " + facts);
      }
    }
  }

  /** By the card network's own ledger. */
  private void moneyGivenBack() {
    Map<String, List<Long>> told = new HashMap<>(); // by order
    for (Event event : events.logs().getOrDefault(Shop.PAYMENT, List.of())) {
      PaymentRefunded refunded = payload(event, PaymentRefunded.getDefaultInstance());
      told.computeIfAbsent(refunded.getOrderId(), _ -> new ArrayList<>())
          .add(Books.minor(refunded.getAmount()));
    }
    for (Order order : books.orders().values()) {
      @Nullable Charge charge = books.charges().get(order.id());
      long done = charge == null ? 0 : charge.refundedMinor();
      long times = charge == null ? 0 : charge.times("refund");
      List<Long> said = told.getOrDefault(order.id(), List.of());
      long sum = said.stream().mapToLong(Long::longValue).sum();
      String what =
          "%s: %d given back in %d refunds; events tell of %s".formatted(order, done, times, said);
      check(Invariant.E1, sum >= done && said.size() >= times, what);
      check(Invariant.E2, sum <= done && said.size() <= times, what);
    }
  }

  private void goodsThatCameBack() {
    Map<String, Map<String, Long>> back = new TreeMap<>();
    for (StockMovement movement : books.movements()) {
      if (movement.getKind() == StockMovement.Kind.KIND_RETURN) {
        back.computeIfAbsent(movement.getOrderId(), _ -> new TreeMap<>())
            .merge(movement.getProductId(), movement.getQuantity(), Long::sum);
      }
    }
    Map<String, Map<String, Long>> told = new TreeMap<>();
    for (Event event : events.logs().getOrDefault(Shop.INVENTORY, List.of())) {
      ReservationReturned returned = payload(event, ReservationReturned.getDefaultInstance());
      returned
          .getLinesList()
          .forEach(
              line ->
                  told.computeIfAbsent(returned.getOrderId(), _ -> new TreeMap<>())
                      .merge(line.getProductId(), (long) line.getQuantity(), Long::sum));
    }
    back.forEach(
        (order, lines) ->
            check(
                Invariant.E1,
                lines.equals(told.get(order)),
                "order %s: %s came back, events tell of %s"
                    .formatted(order, lines, told.get(order))));
    told.forEach(
        (order, lines) ->
            check(
                Invariant.E2,
                back.containsKey(order),
                "order %s: events tell of %s that came back".formatted(order, lines)));
  }

  private void accounts() {
    Set<String> gone = history.leavings().stream().map(Leaving::user).collect(Collectors.toSet());
    Set<String> there =
        history.placed().stream().map(Placed::owner).map(Shopper::id).collect(Collectors.toSet());
    for (String user : there) {
      List<Event> told = of("shop.user", user);
      check(
          Invariant.E1,
          !told.isEmpty()
              && told.getFirst().getType().equals("shop.user.created")
              && (!gone.contains(user) || told.getLast().getType().equals("shop.user.deleted")),
          "user " + user + (gone.contains(user) ? ", who is gone" : "") + ": " + types(told));
    }
    byAggregate
        .getOrDefault("shop.user", Map.of())
        .forEach(
            (user, told) ->
                check(
                    Invariant.E2,
                    gone.contains(user) || !types(told).contains("shop.user.deleted"),
                    "user " + user + " is said to be gone: " + types(told)));
  }

  /** As whoever reads the logs gets them, first while customers shop and then once more. */
  private void readings() {
    Map<String, Sighting> byId = new HashMap<>();
    Map<String, Long> positions = new HashMap<>(); // by source, the last one that was new
    Map<String, Long> versions = new HashMap<>(); // by aggregate, likewise
    List<Sighting> all = new ArrayList<>(events.tapped());
    events.logs().values().forEach(log -> log.stream().map(Sighting::of).forEach(all::add));
    for (Sighting one : all) {
      @Nullable Sighting before = byId.putIfAbsent(one.id(), one);
      if (before != null) {
        check(Invariant.E4, one.equals(before), one + " was " + before + ", or said otherwise");
        continue;
      }
      @Nullable Long position = positions.put(one.source(), one.position());
      @Nullable Long version = versions.put(one.aggregate(), one.version());
      check(
          Invariant.E3,
          one.position() == 1 + Objects.requireNonNullElse(position, 0L)
              && one.version() == 1 + Objects.requireNonNullElse(version, 0L),
          "%s came after position %s and version %s".formatted(one, position, version));
    }
  }

  private void consumers() {
    events
        .memories()
        .forEach(
            (flow, memory) -> {
              Set<String> wanted = new HashSet<>();
              for (Event event : events.logs().getOrDefault(flow.source, List.of())) {
                if (flow.wants(event)) {
                  wanted.add(event.getEventId());
                  consumer(flow, memory, event);
                }
              }
              Set<String> others = new TreeSet<>(memory.handled());
              others.addAll(memory.dead());
              others.removeAll(wanted);
              others.removeAll(history.strays());
              check(
                  Invariant.E6,
                  others.isEmpty(),
                  flow.consumer + " knows events that are not for it: " + others);
            });
  }

  private void consumer(Flow flow, Memory memory, Event event) {
    String id = event.getEventId();
    check(
        Invariant.E6,
        memory.handled().contains(id) != memory.dead().contains(id),
        "event %s (%s of %s) is %s %s"
            .formatted(
                id,
                event.getType(),
                event.getSubject(),
                memory.handled().contains(id) ? "handled and a dead letter of" : "lost to",
                flow.consumer));
  }

  /** What was made of each event, once, in their order. */
  private void histories() {
    Set<String> dead =
        events.memories().getOrDefault(Flow.VIEW, new Memory(Set.of(), Set.of())).dead();
    byAggregate
        .getOrDefault("shop.order", Map.of())
        .forEach(
            (order, told) -> {
              List<String> ids =
                  told.stream().map(Event::getEventId).filter(id -> !dead.contains(id)).toList();
              List<String> shown = events.readModel().changes().getOrDefault(order, List.of());
              check(
                  Invariant.E5,
                  shown.equals(ids),
                  "order " + order + " has the events " + ids + ", its history shows " + shown);
            });
    byAggregate
        .getOrDefault("shop.user", Map.of())
        .forEach(
            (user, told) -> {
              String state =
                  payload(told.getLast(), UserCreated.getDefaultInstance())
                      .getUser()
                      .getState()
                      .name();
              @Nullable String known = events.readModel().users().get(user);
              check(
                  Invariant.E5,
                  state.equals("STATE_" + known),
                  "user " + user + " is " + state + ", and order-svc thinks " + known);
            });
  }

  private void lists() {
    ReadModel model = events.readModel();
    same(Invariant.Q1, "order", model.written(), "shown as", model.shown());
    same(Invariant.Q2, "row", model.rows(), "made anew as", model.rebuilt());
  }

  private void same(
      Invariant invariant,
      String what,
      Map<String, String> one,
      String otherwise,
      Map<String, String> other) {
    Set<String> keys = new TreeSet<>(one.keySet());
    keys.addAll(other.keySet());
    for (String key : keys) {
      check(
          invariant,
          Objects.equals(one.get(key), other.get(key)),
          "%s %s is %s, %s %s".formatted(what, key, one.get(key), otherwise, other.get(key)));
    }
  }

  private void causes() {
    Map<String, Event> byId = new HashMap<>();
    events
        .logs()
        .values()
        .forEach(log -> log.forEach(event -> byId.put(event.getEventId(), event)));
    for (Event event : byId.values()) {
      Set<String> way = new HashSet<>();
      @Nullable Event cause = event;
      while (cause != null
          && cause.getCorrelationId().equals(event.getCorrelationId())
          && !cause.getCausationId().isEmpty()
          && way.add(cause.getEventId())) {
        cause = byId.get(cause.getCausationId());
      }
      check(
          Invariant.E11,
          !event.getCorrelationId().isEmpty()
              && cause != null
              && cause.getCausationId().isEmpty()
              && cause.getCorrelationId().equals(event.getCorrelationId()),
          "event %s (%s of %s) leads to nothing: %s"
              .formatted(event.getEventId(), event.getType(), event.getSubject(), way));
      if (way.size() > 1) {
        history.count("an event answered one that answered another");
      }
    }
  }

  /** Money comes back because an event asked for it, or a request that we know of. */
  private void refundsThatNobodyAskedFor() {
    Map<String, Long> asked =
        history.refunds().stream()
            .collect(Collectors.groupingBy(History.Refund::order, Collectors.counting()));
    Map<String, Long> unasked =
        events.logs().getOrDefault(Shop.PAYMENT, List.of()).stream()
            .filter(event -> event.getCausationId().isEmpty())
            .map(event -> payload(event, PaymentRefunded.getDefaultInstance()).getOrderId())
            .collect(Collectors.groupingBy(order -> order, Collectors.counting()));
    unasked.forEach(
        (order, refunds) ->
            check(
                Invariant.E11,
                refunds <= asked.getOrDefault(order, 0L),
                "%d refunds of %s answer no event, and %d were asked for"
                    .formatted(refunds, order, asked.getOrDefault(order, 0L))));
  }

  private List<Event> of(String type, String id) {
    return byAggregate.getOrDefault(type, Map.of()).getOrDefault(id, List.of());
  }

  private OrderFacts facts(Event event) {
    return payload(event, OrderEvent.getDefaultInstance()).getOrder();
  }

  /** What all events of an aggregate have in common can be read of each. */
  @SuppressWarnings("unchecked") // a parser gives what its message is
  private <M extends Message> M payload(Event event, M form) {
    try {
      return (M) form.getParserForType().parseFrom(event.getData());
    } catch (InvalidProtocolBufferException e) {
      findings.violated(Invariant.E2, "event " + event.getEventId() + " is no message: " + e);
      return form;
    }
  }

  private static List<String> types(List<Event> told) {
    return told.stream().map(Event::getType).toList();
  }

  private void check(Invariant invariant, boolean holds, String otherwise) {
    findings.check(invariant, holds, otherwise);
  }
}
