package dev.weft.order;

import dev.weft.durable.Bell;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.EventStore;
import dev.weft.events.UnreadableEventException;
import dev.weft.order.OrderViewStore.Build;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the read model anew from the log, beside the one that is read, page by page, and puts it in
 * that one's place in one transaction: nobody finds an order missing or older than before.
 *
 * <p>How far it is stands in the database. Every process of the service has one of these, and
 * whichever looks next goes on; so one that dies holds nothing up for longer than 5 s.
 *
 * <p>Thread-safe. Whoever makes it starts and closes it.
 */
final class OrderViewBuilder implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(OrderViewBuilder.class);
  private static final int PAGE = 500;
  private static final Duration LOOK_EVERY = Duration.ofSeconds(5);

  private final Database database;
  private final EventStore events;
  private final OrderViewStore view;
  private final Bell bell = new Bell();
  private volatile boolean closed;

  OrderViewBuilder(Database database, EventStore events, OrderViewStore view) {
    this.database = database;
    this.events = events;
    this.view = view;
  }

  void start() {
    Thread.ofVirtual().name("order-view-builder").start(this::run);
  }

  /** Begins to make it anew, unless that has begun already. */
  void begin() {
    boolean underWay = database.read(view::state).build().isPresent();
    if (!underWay && database.inTransaction(view::beginBuild)) {
      log.info("the read model of orders is made anew");
    }
    bell.ring();
  }

  @Override
  public void close() {
    closed = true;
    bell.ring();
  }

  private void run() {
    try {
      while (!closed) {
        long mark = bell.mark();
        boolean more = false;
        try {
          more = step();
        } catch (RuntimeException e) {
          log.warn(
              "the read model of orders is not made anew for now, tried again: {}", e.toString());
          log.debug("the read model of orders is not made anew", e);
        }
        if (!more) {
          bell.awaitAfter(mark, LOOK_EVERY);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Does a part of what there is to do; says whether there may be more. */
  private boolean step() {
    Optional<Build> build = database.read(view::state).build();
    if (build.isEmpty()) {
      return database.inTransaction(tx -> view.deleteOld(tx, PAGE)) > 0;
    }
    List<Event> page = events.read(build.get().position(), PAGE);
    return database.inTransaction(
        tx -> {
          if (!view.lockBuild(tx).equals(build)) {
            return false; // another process is at it
          }
          if (page.size() == PAGE) {
            view.advanceBuild(tx, takeIn(tx, build.get(), page));
          } else {
            finish(tx, build.get(), page);
          }
          return true;
        });
  }

  /** Takes the last events in, while none are taken into what is read, and changes over. */
  private void finish(Handle tx, Build build, List<Event> page) {
    long position = takeIn(tx, build, page);
    view.lockOut(tx);
    List<Event> rest;
    do {
      rest = events.read(tx, position, PAGE);
      position = takeIn(tx, new Build(build.generation(), position, build.begun()), rest);
    } while (!rest.isEmpty());
    view.endBuild(tx);
    long last = position;
    database.afterCommit(
        () -> log.info("the read model of orders was made anew from {} events", last));
  }

  private long takeIn(Handle tx, Build build, List<Event> page) {
    for (Event event : page) {
      if (event.aggregate().type().equals(OrderProjection.AGGREGATE)) {
        try {
          view.apply(tx, build.generation(), OrderProjection.change(event));
        } catch (UnreadableEventException e) {
          // A dead letter of the consumer, which redrives it once it can be read.
          log.error("event {} ({}) is left out: {}", event.id(), event.type(), e.getMessage());
        }
      }
    }
    return page.isEmpty() ? build.position() : page.getLast().position();
  }
}
