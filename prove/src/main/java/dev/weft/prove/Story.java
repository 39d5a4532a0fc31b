package dev.weft.prove;

import com.google.protobuf.Timestamp;
import dev.weft.prove.Books.Charge;
import dev.weft.prove.Books.NetworkEntry;
import dev.weft.prove.Books.Saga;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.payment.v1.LedgerEntry;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What happened to an order, across services: what clients asked, what the card network, the ledger
 * and the shelves wrote, by time, and where its saga stands. Databases' times are those they had,
 * and wrong while their clocks were moved.
 */
final class Story {
  private static final Pattern ID =
      Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");

  private final History history;
  private final Books books;

  Story(History history, Books books) {
    this.history = history;
    this.books = books;
  }

  /** Something at a moment since the history began. */
  private record Event(long micros, String what) {}

  /** The story of the order, of all that these sentences name, that has the fewest lines. */
  List<String> shortest(List<String> violations) {
    List<String> shortest = List.of();
    for (String violation : violations) {
      Matcher id = ID.matcher(violation);
      while (id.find()) {
        List<String> story = of(id.group());
        if (!story.isEmpty() && (shortest.isEmpty() || story.size() < shortest.size())) {
          shortest = story;
        }
      }
    }
    return shortest;
  }

  /** Nothing if there is no such order anywhere. */
  List<String> of(String order) {
    List<Event> events = new ArrayList<>();
    for (Op op : history.about(order)) {
      String what =
          "%-13s %s %s %d %s"
              .formatted(op.client(), op.kind(), op.result(), op.status(), op.note());
      events.add(new Event(op.startMicros(), what));
    }
    @Nullable Charge charge = books.charges().get(order);
    if (charge != null) {
      for (NetworkEntry entry : charge.entries()) {
        String what =
            "%-13s %s: %s".formatted(Shop.CARD_NETWORK, entry.operation(), entry.status());
        events.add(new Event(history.micros(entry.time()), what));
      }
    }
    for (LedgerEntry entry : books.ledger()) {
      if (entry.getOrderId().equals(order)) {
        String what =
            "%-13s ledger %s %+d"
                .formatted(Shop.PAYMENT, entry.getAccount(), Books.minor(entry.getAmount()));
        events.add(new Event(micros(entry.getCreateTime()), what));
      }
    }
    for (StockMovement movement : books.movements()) {
      if (movement.getOrderId().equals(order)) {
        String what =
            "%-13s %s %d of %s"
                .formatted(
                    Shop.INVENTORY,
                    movement.getKind().name().replace("KIND_", "").toLowerCase(Locale.ROOT),
                    movement.getQuantity(),
                    movement.getProductId());
        events.add(new Event(micros(movement.getCreateTime()), what));
      }
    }
    List<String> story = new ArrayList<>();
    events.stream()
        .sorted(Comparator.comparingLong(Event::micros))
        .map(event -> "%9.3f s  %s".formatted(event.micros() / 1e6, event.what().strip()))
        .forEach(story::add);
    @Nullable Saga saga = books.sagas().get(order);
    if (saga != null) {
      story.add("in the end   saga %s %s %s".formatted(saga.id(), saga.state(), saga.reason()));
      saga.steps().forEach(step -> story.add("               " + step));
    }
    if (books.orders().containsKey(order)) {
      story.add("in the end   " + books.orders().get(order));
    }
    return story;
  }

  private long micros(Timestamp time) {
    return history.micros(Instant.ofEpochSecond(time.getSeconds(), time.getNanos()));
  }
}
