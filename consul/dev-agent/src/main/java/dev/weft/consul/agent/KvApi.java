package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** {@code /v1/kv} and {@code /v1/txn}. */
final class KvApi {
  private static final String TOO_LARGE =
      "Request body(%s bytes) too large, max size: "
          + KeyValues.VALUE_MAX
          + " bytes. See https://www.consul.io/docs/agent/options.html#kv_max_value_size.";

  private static final int TXN_STEPS_MAX = 64;
  private static final int TXN_BODY_MAX = 1024 * 1024;

  private final Ledger ledger;
  private final KeyValues keys;
  private final Reads reads;

  KvApi(State state, Reads reads) {
    ledger = state.ledger();
    keys = state.keys();
    this.reads = reads;
  }

  void addTo(HttpFace http) {
    http.serve("GET", "/v1/kv/", this::get);
    http.serve("PUT", "/v1/kv/", this::put);
    http.serve("DELETE", "/v1/kv/", this::delete);
    http.serve("PUT", "/v1/txn", this::transact);
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

  private Reply transact(Request request) throws InterruptedException {
    List<KeyValues.Step> steps = request.json("Failed to parse body: ", TXN_BODY_MAX, KvApi::steps);
    if (steps.size() > TXN_STEPS_MAX) {
      throw new ApiError(
          413,
          "Transaction contains too many operations (%d > %d)"
              .formatted(steps.size(), TXN_STEPS_MAX));
    }
    KeyValues.Outcome outcome = ledger.durably(() -> keys.transact(steps));
    boolean failed = !outcome.errors().isEmpty();
    Map<String, @Nullable Object> json =
        object(
            "Results",
            failed ? null : outcome.results(),
            "Errors",
            failed ? outcome.errors() : null);
    if (steps.stream().anyMatch(KeyValues.Step::writes)) {
      return Reply.json(failed ? 409 : 200, json);
    }
    json.putAll(object("Index", 0, "LastContact", 0, "KnownLeader", true, "ConsistencyLevel", ""));
    return Reply.json(failed ? 409 : 200, json)
        .with("X-Consul-Knownleader", "true")
        .with("X-Consul-Lastcontact", "0");
  }

  private static List<KeyValues.Step> steps(@Nullable Object json) {
    if (!(json instanceof List<?> operations)) {
      throw new IllegalArgumentException("json: cannot unmarshal into []*api.TxnOp");
    }
    List<KeyValues.Step> steps = new ArrayList<>();
    for (Object operation : operations) {
      Fields kv =
          new Fields(
              new Fields(operation, List.of("KV")).object("KV"),
              List.of("Verb", "Key", "Value", "Flags", "Index", "Session"));
      byte[] value = Base64.getDecoder().decode(kv.text("Value"));
      if (value.length > KeyValues.VALUE_MAX) {
        throw new ApiError(
            413,
            "Value for key \""
                + kv.text("Key")
                + "\" is too large ("
                + value.length
                + " > "
                + KeyValues.VALUE_MAX
                + " bytes)");
      }
      steps.add(
          new KeyValues.Step(
              kv.text("Verb"), kv.text("Key"), value, kv.unsigned("Flags"), kv.unsigned("Index")));
    }
    return steps;
  }
}
