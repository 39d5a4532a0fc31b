package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * {@code /v1/event}: the last user events, forgotten on a restart. Their index is not a count but a
 * hash of the newest id, so it moves up and down through all 64 bits.
 */
final class EventApi {
  private static final int KEPT = 256;
  private static final int PAYLOAD_MAX = 512;

  /** {@code payload} is base64. */
  private record Event(UUID id, String name, String payload, long time) {
    long index() {
      return id.getMostSignificantBits() ^ id.getLeastSignificantBits();
    }

    Map<String, @Nullable Object> json() {
      return object(
          "ID",
          id.toString(),
          "Name",
          name,
          "Payload",
          payload.isEmpty() ? null : payload,
          "NodeFilter",
          "",
          "ServiceFilter",
          "",
          "TagFilter",
          "",
          "Version",
          1,
          "LTime",
          time);
    }
  }

  private final Ledger ledger;
  private final Reads reads;
  private final Deque<Event> events = new ArrayDeque<>();
  private long fired;

  EventApi(Ledger ledger, Reads reads) {
    this.ledger = ledger;
    this.reads = reads;
  }

  void addTo(HttpFace http) {
    http.serve("PUT", "/v1/event/fire/", this::fire);
    http.serve("GET", "/v1/event/list", this::list);
  }

  private Reply fire(Request request) {
    String name = request.tail("Missing name");
    byte[] payload =
        request.body(
            PAYLOAD_MAX, "the payload (%s bytes) is larger than " + PAYLOAD_MAX + " bytes");
    return ledger.read(
        () -> {
          Event event =
              new Event(
                  UUID.randomUUID(), name, Base64.getEncoder().encodeToString(payload), ++fired);
          events.addLast(event);
          if (events.size() > KEPT) {
            events.removeFirst();
          }
          ledger.touch();
          return Reply.json(event.json());
        });
  }

  private Reply list(Request request) throws InterruptedException {
    String name = request.query("name");
    Request.Wait wait = request.waiting();
    return reads.waiting(
        request,
        () -> wait.index() == 0 || index() != wait.index(),
        wait.index() == 0 ? Duration.ZERO : wait.patience(),
        () -> {
          List<?> rows =
              events.stream()
                  .filter(event -> name.isEmpty() || event.name().equals(name))
                  .map(Event::json)
                  .toList();
          return Reply.json(rows).with("X-Consul-Index", Long.toUnsignedString(index()));
        });
  }

  private long index() {
    Event newest = events.peekLast();
    return newest == null ? 1 : newest.index();
  }
}
