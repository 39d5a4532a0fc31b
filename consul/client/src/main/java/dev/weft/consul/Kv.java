package dev.weft.consul;

import com.ecwid.consul.v1.Response;
import com.ecwid.consul.v1.kv.KeyValueConsulClient;
import com.ecwid.consul.v1.kv.model.GetBinaryValue;
import com.ecwid.consul.v1.kv.model.PutParams;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.weft.consul.LastKnown.Page;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Consul's key-value store. Keys are paths like {@code weft/routes/owners}, without a leading
 * slash; values are at most 512 KiB.
 *
 * <p>Every call ends within 5 s and throws {@link ConsulException} when it fails; a write that
 * failed without an answer may have happened. Thread-safe.
 */
public final class Kv {
  private static final int MAX_VALUE = 512 << 10;

  private final ConsulHttp http;
  private final KeyValueConsulClient client;
  private final SharedWatches<KvEntry, List<KvEntry>> watches;

  Kv(ConsulHttp http, Semaphore slots) {
    this.http = http;
    Rights rights = new Rights(http);
    this.client = new KeyValueConsulClient(http);
    this.watches =
        new SharedWatches<>(
            query ->
                new Watch<>(
                    query,
                    (index, wait) -> poll(query, index, wait),
                    new LastKnown<>(
                        (_, _) -> false,
                        known -> rights.requireOneOf(query, path(known.iterator().next())),
                        System::nanoTime),
                    view -> view.answered() ? List.copyOf(view.entries().values()) : null,
                    slots));
  }

  /** The key with its value as it is now; empty if there is no such key. */
  public Optional<KvEntry> get(String key) {
    String path = path(key);
    return Optional.ofNullable(
            http.typed("GET " + path, () -> client.getKVBinaryValue(escaped(key))).getValue())
        .map(Kv::entry);
  }

  /** All entries whose key starts with the prefix, by key. */
  public List<KvEntry> list(String prefix) {
    String path = path(prefix);
    return orEmpty(http.typed("GET " + path, () -> client.getKVBinaryValues(escaped(prefix))))
        .stream()
        .map(Kv::entry)
        .toList();
  }

  /** All keys that start with the prefix, in order. */
  public List<String> keys(String prefix) {
    String path = path(prefix);
    return orEmpty(http.typed("GET " + path, () -> client.getKVKeysOnly(escaped(prefix))));
  }

  /** Sets the value, whatever was there. */
  public void put(String key, byte[] value) {
    if (!write(key, value, null)) {
      throw ConsulException.unreadable(200, "PUT " + path(key), "false");
    }
  }

  /** Sets the value to text in UTF-8, whatever was there. */
  public void put(String key, String value) {
    put(key, value.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Sets the value if the key was not written since.
   *
   * @param modifyIndex of the entry that was read; 0 sets the value only if there is none
   * @return whether it was set
   */
  public boolean cas(String key, byte[] value, long modifyIndex) {
    PutParams params = new PutParams();
    params.setCas(modifyIndex);
    return write(key, value, params);
  }

  private boolean write(String key, byte[] value, @Nullable PutParams params) {
    requireKey(key);
    if (value.length > MAX_VALUE) {
      throw new IllegalArgumentException(
          "value of " + key + ": " + value.length + " bytes (expected: at most " + MAX_VALUE + ")");
    }
    return http.typed(
            "PUT " + path(key),
            () ->
                params == null
                    ? client.setKVBinaryValue(escaped(key), value)
                    : client.setKVBinaryValue(escaped(key), value, params))
        .getValue();
  }

  /** Deletes the key if it is there. */
  public void delete(String key) {
    requireKey(key);
    http.typed("DELETE " + path(key), () -> client.deleteKVValue(escaped(key)));
  }

  /**
   * Deletes the key if it was not written since.
   *
   * @param modifyIndex of the entry that was read
   * @return whether it is gone
   */
  public boolean deleteCas(String key, long modifyIndex) {
    requireKey(key);
    Answer answer = http.delete(path(key) + "?cas=" + Long.toUnsignedString(modifyIndex));
    return answer.require(200).read(JsonElement::getAsBoolean);
  }

  /** Deletes every key that starts with the prefix, which must not be empty. */
  public void deleteAll(String prefix) {
    requireKey(prefix);
    http.typed("DELETE " + path(prefix), () -> client.deleteKVValues(escaped(prefix)));
  }

  /**
   * Calls the listener with the entry now and after each write or deletion; writes that follow each
   * other closely may be heard of as one. While the agent cannot be reached, refuses our token what
   * was there, or forgot what it knew (for a minute at most), the last known entry stands.
   */
  public Subscription watch(String key, Consumer<Optional<KvEntry>> listener) {
    requireKey(key);
    return watches.subscribe(path(key), entries -> listener.accept(entries.stream().findFirst()));
  }

  /** As {@link #watch}, for all entries whose key starts with the prefix, by key. */
  public Subscription watchAll(String prefix, Consumer<List<KvEntry>> listener) {
    return watches.subscribe(path(prefix) + "?recurse", listener);
  }

  private Page<KvEntry> poll(String query, long index, Duration wait) {
    Answer answer = http.poll(query, index, wait);
    Map<String, KvEntry> entries = new TreeMap<>();
    if (answer.status() != 404) {
      answer.require(200).read(Kv::entries).forEach(entry -> entries.put(entry.key(), entry));
    }
    return new Page<>(entries, answer.requireIndex(), answer.doubtful());
  }

  private static List<KvEntry> entries(JsonElement body) {
    return Wire.array(body).asList().stream()
        .map(JsonElement::getAsJsonObject)
        .map(Kv::entry)
        .toList();
  }

  private static KvEntry entry(JsonObject entry) {
    return new KvEntry(
        Wire.text(entry, "Key"),
        Base64.getDecoder().decode(Wire.text(entry, "Value")),
        Long.parseUnsignedLong(Wire.text(entry, "Flags")),
        entry.get("ModifyIndex").getAsLong());
  }

  private static KvEntry entry(GetBinaryValue entry) {
    byte[] value = entry.getValue();
    return new KvEntry(
        entry.getKey(),
        value == null ? new byte[0] : value,
        entry.getFlags(),
        entry.getModifyIndex());
  }

  private static <E> List<E> orEmpty(Response<List<E>> response) {
    List<E> value = response.getValue();
    return value == null ? List.of() : List.copyOf(value);
  }

  private static String requireKey(String key) {
    if (key.isEmpty() || key.startsWith("/")) {
      throw new IllegalArgumentException(
          "key: '" + key + "' (expected: not empty, no leading slash)");
    }
    return key;
  }

  private static String path(String key) {
    return "/v1/kv/" + escaped(key);
  }

  private static String escaped(String key) {
    return Arrays.stream(key.split("/", -1))
        .map(ConsulHttp::segment)
        .collect(Collectors.joining("/"));
  }

  void close() {
    watches.close();
  }
}
