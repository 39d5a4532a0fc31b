package dev.weft.order;

import dev.weft.durable.Bell;
import dev.weft.durable.Database;
import dev.weft.durable.PageToken;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.TimeLeft;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;

/**
 * What is asked of the read model, which follows the orders by milliseconds. Whoever names what
 * they wrote or saw gets an answer that is at least as new, or none: it is waited for up to a
 * second.
 *
 * <p>Thread-safe.
 */
final class OrderQueries {
  private static final Duration WAIT_MAX = Duration.ofSeconds(1);

  /** For what somebody did a moment ago and does not name. */
  static final Duration COURTESY = Duration.ofMillis(250);

  /** Of what the caller gives us, for the answer itself. */
  private static final Duration ANSWER = Duration.ofMillis(200);

  /** What another process takes in does not ring here. */
  private static final Duration LOOK_EVERY = Duration.ofMillis(50);

  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  /** Who waits asks the database whenever anything moves. */
  static final int WAITING_MAX = 64;

  private final Database database;
  private final Orders orders;
  private final OrderViewStore view;
  private final Bell moved;
  private final Duration courtesy;
  private final Semaphore room = new Semaphore(WAITING_MAX);

  /**
   * @param moved rings when this process has taken an event into the view
   * @param courtesy how long a list waits for what its user did last in this process
   */
  OrderQueries(
      Database database, Orders orders, OrderViewStore view, Bell moved, Duration courtesy) {
    this.database = database;
    this.orders = orders;
    this.view = view;
    this.moved = moved;
    this.courtesy = courtesy;
  }

  /** Which orders to list, and which end first. */
  record Filter(
      Optional<UUID> visibleTo,
      Optional<UUID> ofUser,
      Optional<OrderState> state,
      boolean newestFirst) {

    /** Whether nobody but somebody else has such orders. */
    private boolean ofSomebodyElse() {
      return visibleTo.isPresent() && ofUser.isPresent() && !visibleTo.equals(ofUser);
    }

    private OrderViewStore.Wanted wanted() {
      return new OrderViewStore.Wanted(visibleTo.or(() -> ofUser), state);
    }

    private String[] arguments() {
      List<String> arguments = new ArrayList<>();
      arguments.add("orders");
      arguments.add(visibleTo.map(UUID::toString).orElse("*"));
      arguments.add(ofUser.map(UUID::toString).orElse("*"));
      arguments.add(state.map(OrderState::name).orElse("*"));
      if (!newestFirst) {
        arguments.add("oldest first");
      }
      return arguments.toArray(String[]::new);
    }
  }

  /** Some orders of a list, where it goes on, empty at its end, and how many it has in all. */
  record Page(List<Order> orders, String nextToken, long total) {}

  Page list(Filter filter, int size, String token, List<ReadAfter> readAfter) {
    Optional<UUID> after = lastKey(token, filter.arguments());
    await(filter.visibleTo(), readAfter);
    filter.visibleTo().ifPresent(this::awaitOwn);
    if (filter.ofSomebodyElse()) {
      return new Page(List.of(), "", 0);
    }
    return database.read(
        tx -> {
          List<Order> found = view.list(tx, filter.wanted(), after, filter.newestFirst(), size + 1);
          List<Order> shown = found.size() > size ? found.subList(0, size) : found;
          String next =
              found.size() > size
                  ? PageToken.after(shown.getLast().id().toString(), filter.arguments())
                  : "";
          return new Page(shown, next, view.count(tx, filter.wanted()));
        });
  }

  /** What happened to an order that this user may see; of anybody when the user is empty. */
  List<OrderChange.Told> history(UUID id, Optional<UUID> visibleTo, List<ReadAfter> readAfter) {
    orders.get(id, visibleTo);
    await(visibleTo, readAfter);
    return database.read(tx -> view.history(tx, id));
  }

  /** The sort key in a page token that was made with the same arguments. */
  static Optional<UUID> lastKey(String token, String... arguments) {
    try {
      return PageToken.lastKey(token, arguments).map(UUID::fromString);
    } catch (IllegalArgumentException e) {
      throw Rejection.invalid("page_token", "does not belong to this list");
    }
  }

  private void await(Optional<UUID> visibleTo, List<ReadAfter> all) {
    if (all.isEmpty()) {
      return;
    }
    long mark = moved.mark();
    if (database.read(tx -> view.reached(tx, visibleTo, all))) {
      return;
    }
    if (!database.read(tx -> view.written(tx, visibleTo, all))) {
      throw Rejection.invalid("read_after", "names an order, or a version of one, that never was");
    }
    if (!arrive(visibleTo, all, mark, WAIT_MAX)) {
      throw behind();
    }
  }

  /** Waits a little for what the user did last, once; the list is there also without it. */
  private void awaitOwn(UUID user) {
    long mark = moved.mark();
    Optional<ReadAfter> write = orders.recent().of(user);
    if (write.isPresent()) {
      Optional<UUID> visibleTo = Optional.of(user);
      List<ReadAfter> own = List.of(write.get());
      if (!database.read(tx -> view.reached(tx, visibleTo, own))) {
        boolean _ = arrive(visibleTo, own, mark, courtesy);
      }
      orders.recent().listed(user, write.get());
    }
  }

  /** Waits until these are in what is read; says whether they are. */
  private boolean arrive(
      Optional<UUID> visibleTo, List<ReadAfter> all, long since, Duration atMost) {
    if (!room.tryAcquire()) {
      return false;
    }
    try {
      long mark = since;
      long end = System.nanoTime() + TimeLeft.ofCall(atMost, ANSWER).toNanos();
      for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
        moved.awaitAfter(mark, Duration.ofNanos(Math.min(left, LOOK_EVERY.toNanos())));
        mark = moved.mark();
        if (database.read(tx -> view.reached(tx, visibleTo, all))) {
          return true;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      room.release();
    }
    return false;
  }

  // No UNAVAILABLE: nothing else is wrong with this service, and nobody should repeat it at once.
  private static Rejection behind() {
    return Rejection.conflict(
            "READ_MODEL_BEHIND", "the list is not as new as read_after yet", RETRY_AFTER)
        .with("http_status", "412");
  }
}
