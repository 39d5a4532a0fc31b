package dev.weft.prove;

import com.fasterxml.jackson.databind.JsonNode;
import dev.weft.prove.History.Placed;
import dev.weft.prove.Listed.Row;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Looks at lists and histories of orders all the time, in the name of their customers. */
final class Browser implements AutoCloseable {
  private static final Duration PAUSE = Duration.ofMillis(150);
  private static final String NAME = "browser";
  private static final int PAGES_EVERY = 4;
  private static final int PAGES_MAX = 6;
  private static final int HTTP_PRECONDITION_FAILED = 412;

  private final History history;
  private final Listed listed;
  private final Random random;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread;

  Browser(History history, long seed) {
    this.history = history;
    listed = new Listed(history);
    random = new Random(seed);
    thread = Thread.ofVirtual().name(NAME).start(this::browse);
  }

  @Override
  public void close() {
    closing.countDown();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void browse() {
    try {
      for (int turn = 1; !closing.await(PAUSE.toMillis(), TimeUnit.MILLISECONDS); turn++) {
        List<Placed> all = history.standing();
        if (!all.isEmpty()) {
          Placed one = all.get(random.nextInt(all.size()));
          list(one.owner());
          readAfter(one);
          if (turn % PAGES_EVERY == 0) {
            turnPages(one.owner());
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void list(Shopper customer) {
    long start = history.micros();
    Answer answer = customer.get("/v1/orders?pageSize=20");
    history.add(NAME, Op.Kind.LIST, "", "", start, answer, customer.id());
    listed.shows(customer.id(), rows(answer));
  }

  /** Asks for the history of an order, and says what its own page showed of it just now. */
  private void readAfter(Placed one) {
    Answer now = one.owner().get("/v1/orders/" + one.order());
    if (!now.ok()) {
      return; // nothing is seen through a fault
    }
    long seen = version(now.body());
    long start = history.micros();
    Answer answer =
        one.owner()
            .get("/v1/orders/%s/history?readAfter=%s:%d".formatted(one.order(), one.order(), seen));
    history.add(NAME, Op.Kind.READ_AFTER, "", one.order(), start, answer, "version " + seen);
    if (answer.status() == HTTP_PRECONDITION_FAILED) {
      history.count("the read model was not new enough, and said so (412)");
    } else if (answer.ok()) {
      JsonNode changes = answer.body().path("changes");
      listed.showsAfter(one.order(), seen, version(changes.path(changes.size() - 1)));
    }
  }

  private void turnPages(Shopper customer) {
    NavigableSet<String> before = new TreeSet<>(listed.known(customer.id()));
    List<Row> read = new ArrayList<>();
    String token = "";
    long start = history.micros();
    Answer page;
    int pages = 0;
    do {
      page = customer.get("/v1/orders?pageSize=10&pageToken=" + token);
      if (!page.ok()) {
        return;
      }
      read.addAll(rows(page));
      token = page.text("nextPageToken");
      pages++;
    } while (!token.isEmpty() && pages < PAGES_MAX);
    history.add(NAME, Op.Kind.PAGES, "", "", start, page, read.size() + " orders");
    listed.turned(before, read, token.isEmpty());
    listed.shows(customer.id(), read);
  }

  private static List<Row> rows(Answer list) {
    List<Row> rows = new ArrayList<>();
    for (JsonNode order : list.body().path("orders")) {
      rows.add(new Row(order.path("orderId").asText(), version(order)));
    }
    return rows;
  }

  /** Its etag without the quotes. */
  private static long version(JsonNode order) {
    return Long.parseLong(order.path("etag").asText("0").replace("\"", ""));
  }
}
