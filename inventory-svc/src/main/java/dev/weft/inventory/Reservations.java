package dev.weft.inventory;

import dev.weft.durable.CommandId;
import dev.weft.durable.Database;
import dev.weft.durable.Fence;
import dev.weft.durable.Fence.Answer;
import dev.weft.durable.Fence.Attempt;
import dev.weft.durable.Work;
import dev.weft.inventory.Movement.Kind;
import dev.weft.inventory.Reservation.Shortage;
import dev.weft.inventory.Reservation.State;
import dev.weft.inventory.StockStore.Line;
import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import org.jdbi.v3.core.Handle;

/**
 * Goods held for orders: one reservation per order, for ever. Every command may come twice, late,
 * or before the one it follows: it answers as the first time, or is refused for good, and no unit
 * is held, sold or given back twice. The {@link Fence} tells a command that comes again, or too
 * late; the reservation, what became of the goods since.
 *
 * <pre>
 * HELD ──▶ PINNED ──▶ CONFIRMED
 *   │  ╲     │  (also straight from HELD)
 *   │   ╲    ▼                    ╲
 *   │    ▶ RELEASED    also what    ▶ RETURNED when the order is called off after all
 *   ▼                  remains of a release that came first, and of a refusal
 * EXPIRED
 * </pre>
 *
 * <p>Thread-safe.
 */
final class Reservations {
  /** Little of the two seconds that callers have, who keep others waiting meanwhile. */
  private static final Duration TURN = Duration.ofMillis(300);

  /** So many wait to reserve a product: as many as get their turn in time. */
  private static final int RESERVING_MAX = 8;

  /** More: what is reserved must be sold or given back, however many want to reserve. */
  private static final int ENDING_MAX = 2 * RESERVING_MAX;

  private static final int KNOWN_MAX = 1_000;

  /** What a fence need not keep. */
  private static final byte[] IN_THE_RESERVATION = {};

  private final Database database;
  private final ReservationStore store;
  private final StockStore stock;
  private final ReservationEvents events;
  private final Duration life;
  private final Runnable tooLate;
  private final Turns turns = new Turns(TURN);
  // The products of orders that this process reserved them for: they never change.
  private final Map<UUID, Set<UUID>> known = new ConcurrentHashMap<>();

  /**
   * @param life how long goods are held that nobody pins
   * @param tooLate told of each attempt to hold goods that were given back before
   */
  Reservations(
      Database database,
      ReservationStore store,
      StockStore stock,
      ReservationEvents events,
      Duration life,
      Runnable tooLate) {
    this.database = database;
    this.store = store;
    this.stock = stock;
    this.events = events;
    this.life = life;
    this.tooLate = tooLate;
  }

  /** Holds all lines of an order, or none. */
  Reservation reserve(UUID orderId, SortedMap<UUID, Integer> lines, CommandId command) {
    Reservation reservation =
        inTurn(lines.keySet(), RESERVING_MAX, tx -> reserve(tx, orderId, lines, command));
    if (reservation.shortage().isPresent()) {
      throw outOfStock(reservation.shortage().get());
    }
    return switch (reservation.state()) {
      case HELD, PINNED, CONFIRMED, RETURNED -> {
        if (!reservation.lines().equals(lines)) {
          throw ofOtherItems();
        }
        if (reservation.overdue()) {
          throw ended();
        }
        yield reservation;
      }
      case RELEASED -> throw released();
      case EXPIRED -> throw ended();
    };
  }

  private Reservation reserve(
      Handle tx, UUID orderId, SortedMap<UUID, Integer> lines, CommandId command) {
    byte[] hash = InventoryMessages.sha256(orderId + " " + lines);
    AtomicReference<Reservation> begun = new AtomicReference<>();
    Attempt attempt =
        Fence.attempt(tx, command, hash, () -> hold(tx, orderId, lines, command, begun));
    return switch (attempt) {
      case Attempt.Answered _ ->
          Optional.ofNullable(begun.get()).or(() -> store.find(tx, orderId)).orElseThrow();
      case Attempt.Cancelled() -> {
        tooLate.run();
        throw released();
      }
      case Attempt.Reused() -> throw ofOtherItems();
    };
  }

  private Answer hold(
      Handle tx,
      UUID orderId,
      SortedMap<UUID, Integer> lines,
      CommandId command,
      AtomicReference<Reservation> begun) {
    Optional<Instant> expires = store.insertHeld(tx, orderId, life, command.toString());
    if (expires.isEmpty()) {
      // By another command: there is one reservation for an order.
      return new Answer.Done(IN_THE_RESERVATION);
    }
    Optional<Shortage> shortage = shortage(tx, lines);
    if (shortage.isPresent()) {
      // Kept, so that a duplicate that is still under way gets the same answer and no goods.
      store.refuse(tx, orderId, shortage.get());
      return new Answer.Refused(IN_THE_RESERVATION);
    }
    store.insertLines(tx, orderId, lines);
    stock.move(tx, Kind.RESERVE, Line.of(orderId, lines));
    begun.set(new Reservation(orderId, State.HELD, lines, expires, false, Optional.empty()));
    if (known.size() >= KNOWN_MAX) {
      known.clear();
    }
    known.put(orderId, lines.keySet());
    return new Answer.Done(IN_THE_RESERVATION);
  }

  /** The first line that there is not enough of; what is not in the catalogue has none. */
  private Optional<Shortage> shortage(Handle tx, SortedMap<UUID, Integer> lines) {
    Map<UUID, Long> available = stock.lockAvailable(tx, lines.keySet());
    return lines.entrySet().stream()
        .filter(line -> available.getOrDefault(line.getKey(), 0L) < line.getValue())
        .findFirst()
        .map(line -> new Shortage(line.getKey(), available.getOrDefault(line.getKey(), 0L)));
  }

  /** Takes the expiry off a reservation. */
  Reservation pin(UUID orderId, String commandId) {
    Optional<Reservation> pinned = database.inOneStatement(tx -> store.pin(tx, orderId, commandId));
    return pinned.orElseGet(() -> database.inTransaction(tx -> pin(tx, orderId, commandId)));
  }

  private Reservation pin(Handle tx, UUID orderId, String commandId) {
    Reservation reservation = store.lock(tx, orderId).orElseThrow(Reservations::notFound);
    return switch (reservation.state()) {
      // Unless it is overdue.
      case HELD -> store.pin(tx, orderId, commandId).orElseThrow(Reservations::ended);
      case PINNED, CONFIRMED, RETURNED -> reservation;
      case RELEASED, EXPIRED -> throw ended();
    };
  }

  /** Sells what is reserved. */
  Reservation confirm(UUID orderId, String commandId) {
    return inTurn(orderId, tx -> confirm(tx, orderId, commandId));
  }

  private Reservation confirm(Handle tx, UUID orderId, String commandId) {
    Optional<Reservation> sold = store.sell(tx, orderId, commandId);
    if (sold.isEmpty()) {
      Reservation reservation = store.lock(tx, orderId).orElseThrow(Reservations::notFound);
      switch (reservation.state()) {
        case CONFIRMED, RETURNED -> {
          return reservation;
        }
        // Held beyond its time, unless it came after the first look.
        case HELD, PINNED -> sold = store.sell(tx, orderId, commandId);
        case RELEASED, EXPIRED -> {}
      }
    }
    Reservation confirmed = sold.orElseThrow(Reservations::ended);
    stock.move(tx, Kind.CONFIRM, Line.of(confirmed));
    return confirmed;
  }

  /** Gives back what is reserved, or makes sure that nothing will be. */
  Reservation release(UUID orderId, CommandId command) {
    String commandId = command.toString();
    return inTurn(
        orderId,
        tx -> {
          // Whatever the order holds by now is given back below.
          Fence.undo(tx, command, _ -> {});
          if (store.insertTombstone(tx, orderId, commandId)) {
            return store.find(tx, orderId).orElseThrow();
          }
          Reservation reservation = store.lock(tx, orderId).orElseThrow();
          return switch (reservation.state()) {
            case HELD, PINNED -> giveBack(tx, reservation, commandId);
            case RELEASED, EXPIRED -> reservation;
            case CONFIRMED, RETURNED ->
                throw Rejection.notAllowedNow("RESERVATION_CONFIRMED", "the goods are sold");
          };
        });
  }

  /**
   * Takes back what was sold to an order, once.
   *
   * @throws IllegalStateException if nothing was sold to it
   */
  void takeBack(Handle tx, UUID orderId) {
    Reservation reservation = store.lock(tx, orderId).orElseThrow(Reservations::notFound);
    switch (reservation.state()) {
      case CONFIRMED -> {
        long eventVersion = store.takeBack(tx, orderId);
        stock.move(tx, Kind.RETURN, Line.of(reservation));
        events.returned(tx, reservation, eventVersion);
      }
      case RETURNED -> {}
      case HELD, PINNED, RELEASED, EXPIRED ->
          throw new IllegalStateException(
              "nothing was sold to order "
                  + orderId
                  + ", its reservation is "
                  + reservation.state());
    }
  }

  Reservation get(UUID orderId) {
    return database.read(tx -> store.find(tx, orderId)).orElseThrow(Reservations::notFound);
  }

  /** Gives back what is held beyond its time, at most so many reservations; says how many. */
  int expire(int limit) {
    return database.inTransaction(
        tx -> {
          List<Reservation> overdue = store.lockOverdue(tx, limit);
          if (!overdue.isEmpty()) {
            overdue.forEach(one -> store.end(tx, one.orderId(), State.EXPIRED, null));
            // Last, because others wait for it.
            stock.move(
                tx, Kind.EXPIRE, overdue.stream().flatMap(one -> Line.of(one).stream()).toList());
          }
          return overdue.size();
        });
  }

  /** A transaction in turn for what the order holds; its lines never change. */
  private Reservation inTurn(UUID orderId, Work<Reservation> work) {
    Set<UUID> products = known.remove(orderId);
    if (products == null) {
      products =
          database
              .read(tx -> store.find(tx, orderId))
              .map(reservation -> reservation.lines().keySet())
              .orElse(Set.of());
    }
    return inTurn(products, ENDING_MAX, work);
  }

  private Reservation inTurn(Set<UUID> products, int waitingMax, Work<Reservation> work) {
    return turns.inTurn(
        products,
        waitingMax,
        () -> {
          try {
            return database.inTransaction(work);
          } catch (Rejection e) {
            if (e.reason().equals(Turns.BUSY)) {
              turns.avoid(database.inTransaction(tx -> stock.locked(tx, products)));
            }
            throw e;
          }
        });
  }

  private Reservation giveBack(Handle tx, Reservation reservation, String commandId) {
    store.end(tx, reservation.orderId(), State.RELEASED, commandId);
    stock.move(tx, Kind.RELEASE, Line.of(reservation));
    return reservation.in(State.RELEASED);
  }

  private static Rejection outOfStock(Shortage shortage) {
    return Rejection.notAllowedNow("OUT_OF_STOCK", "there is not enough of a product")
        .with("product_id", shortage.productId().toString())
        .with("available", Long.toString(shortage.available()));
  }

  private static Rejection ofOtherItems() {
    return Rejection.alreadyExists(
        "RESERVATION_EXISTS", "the order has a reservation of other items");
  }

  private static Rejection released() {
    return Rejection.notAllowedNow("RESERVATION_RELEASED", "the reservation was released");
  }

  private static Rejection ended() {
    return Rejection.notAllowedNow("RESERVATION_ENDED", "the reservation was ended");
  }

  private static Rejection notFound() {
    return Rejection.notFound("RESERVATION_NOT_FOUND", "the order has no reservation");
  }
}
