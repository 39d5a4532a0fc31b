package dev.weft.consul.agent;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/** {@code /v1/kv}. */
final class KvApi {
  private static final String TOO_LARGE =
      "Request body(%s bytes) too large, max size: "
          + KeyValues.VALUE_MAX
          + " bytes. See https://www.consul.io/docs/agent/options.html#kv_max_value_size.";

  private final Ledger ledger;
  private final KeyValues keys;
  private final Reads reads;

  KvApi(Ledger ledger, KeyValues keys, Reads reads) {
    this.ledger = ledger;
    this.keys = keys;
    this.reads = reads;
  }

  void addTo(HttpFace http) {
    http.serve("GET", "/v1/kv/", this::get);
    http.serve("PUT", "/v1/kv/", this::put);
    http.serve("DELETE", "/v1/kv/", this::delete);
  }

  private Reply get(Request request) throws InterruptedException {
    if (request.has("keys")) {
      return keys(request);
    }
    if (request.has("recurse")) {
      String prefix = request.tail();
      return reads.indexed(
          request,
          () -> keys.prefixIndex(prefix),
          () -> {
            List<KeyValues.Entry> found = keys.list(prefix);
            return found.isEmpty()
                ? new Reply(404, Map.of(), null)
                : Reply.json(found.stream().map(KeyValues.Entry::json).toList());
          });
    }
    String key = request.tail("Missing key name");
    return reads.indexed(
        request,
        () -> keys.keyIndex(key),
        () -> {
          KeyValues.Entry entry = keys.get(key);
          if (entry == null) {
            return new Reply(404, Map.of(), null);
          }
          return request.has("raw") ? raw(entry) : Reply.json(List.of(entry.json()));
        });
  }

  /** Whatever a value holds, a browser must not run it. */
  private static Reply raw(KeyValues.Entry entry) {
    return Reply.bytes(200, "text/plain", entry.value())
        .with("X-Content-Type-Options", "nosniff")
        .with("Content-Security-Policy", "sandbox");
  }

  private Reply keys(Request request) throws InterruptedException {
    String prefix = request.tail();
    String separator = request.query("separator");
    return reads.indexed(
        request,
        () -> keys.prefixIndex(prefix),
        () -> {
          Set<String> names = new LinkedHashSet<>();
          for (KeyValues.Entry entry : keys.list(prefix)) {
            int cut = separator.isEmpty() ? -1 : entry.key().indexOf(separator, prefix.length());
            names.add(cut < 0 ? entry.key() : entry.key().substring(0, cut + separator.length()));
          }
          return names.isEmpty() && !prefix.isEmpty()
              ? new Reply(404, Map.of(), null)
              : Reply.json(new ArrayList<>(names));
        });
  }

  private Reply put(Request request) throws InterruptedException {
    String key = request.tail("Missing key name");
    conflicts(request, "cas", "acquire", "release");
    if (request.has("acquire") || request.has("release")) {
      throw new ApiError(500, "this agent has no sessions, so no key can be locked");
    }
    Long flags = request.unsigned("flags");
    Long cas = request.unsigned("cas");
    byte[] value = request.body(KeyValues.VALUE_MAX, TOO_LARGE);
    return changed(() -> keys.put(key, value, flags == null ? 0 : flags, cas));
  }

  private Reply delete(Request request) throws InterruptedException {
    conflicts(request, "recurse", "cas");
    if (request.has("recurse")) {
      return changed(
          () -> {
            keys.deleteTree(request.tail());
            return true;
          });
    }
    String key = request.tail("Missing key name");
    Long cas = request.unsigned("cas");
    return changed(() -> keys.delete(key, cas));
  }

  private Reply changed(Supplier<Boolean> change) throws InterruptedException {
    return Reply.json(ledger.durably(change));
  }

  private static void conflicts(Request request, String... exclusive) {
    List<String> given = new ArrayList<>();
    for (String name : exclusive) {
      if (request.has(name)) {
        given.add(name + "=" + request.query(name));
      }
    }
    if (given.size() > 1) {
      throw new ApiError(
          400, "Conflicting flags: " + String.join("&", given.stream().sorted().toList()));
    }
  }
}
