package dev.weft.consul;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.weft.consul.LastKnown.Page;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Consul's config entries, of every kind.
 *
 * <p>Every call ends within 5 s and throws {@link ConsulException} when it fails. All watches of a
 * kind share one blocking query; it wakes for entries of other kinds, too, but a listener hears of
 * changes of its own only. Thread-safe.
 */
public final class ConfigEntries {
  private final ConsulHttp http;
  private final SharedWatches<ConfigEntry, List<ConfigEntry>> watches;

  ConfigEntries(ConsulHttp http, Semaphore slots) {
    this.http = http;
    Rights rights = new Rights(http);
    watches =
        new SharedWatches<>(
            path ->
                new Watch<>(
                    path,
                    (index, wait) -> poll(path, index, wait),
                    new LastKnown<>(
                        (_, _) -> false,
                        known ->
                            rights.requireOneOf(
                                path, path + "/" + ConsulHttp.segment(known.iterator().next())),
                        System::nanoTime),
                    view -> view.answered() ? List.copyOf(view.entries().values()) : null,
                    slots));
  }

  /** The entry as it is now; empty if there is none. */
  public Optional<ConfigEntry> get(String kind, String name) {
    return entries(http.get(path(kind, name))).stream().findFirst();
  }

  /** All entries of the kind, by name. */
  public List<ConfigEntry> list(String kind) {
    return entries(http.get(path(kind)));
  }

  /**
   * Writes an entry, in place of that of its kind and name.
   *
   * @param json with its {@code Kind} and {@code Name}
   * @throws ConsulException with status 400 or 500 if the agent refuses the entry as such
   */
  public void put(String json) {
    http.put("/v1/config", json).require(200);
  }

  /**
   * Writes an entry, if that of its kind and name was not written since.
   *
   * @param json with its {@code Kind} and {@code Name}
   * @param modifyIndex of the entry that was read; 0 writes only if there is none
   * @return whether it was written
   * @throws ConsulException with status 400 or 500 if the agent refuses the entry as such
   */
  public boolean cas(String json, long modifyIndex) {
    return http.put("/v1/config?cas=" + Long.toUnsignedString(modifyIndex), json)
        .require(200)
        .read(JsonElement::getAsBoolean);
  }

  /**
   * Removes the entry, if it was not written since. Consul before 1.11 removes it whatever was
   * written.
   *
   * @param modifyIndex of the entry that was read
   * @return whether it is gone
   */
  public boolean deleteCas(String kind, String name, long modifyIndex) {
    return http.delete(path(kind, name) + "?cas=" + Long.toUnsignedString(modifyIndex))
        .require(200)
        .read(body -> !body.isJsonPrimitive() || body.getAsBoolean());
  }

  /** Removes the entry if it is there. */
  public void delete(String kind, String name) {
    http.delete(path(kind, name)).require(200);
  }

  /**
   * Calls the listener with the entry from the agent's first answer on and after each change of it.
   * While the agent cannot be reached, refuses our token all entries of the kind, or forgot what it
   * knew (for a minute at most), the last known entry stands. Threads as for {@link
   * Consul#watchService}.
   */
  public Subscription watch(String kind, String name, Consumer<Optional<ConfigEntry>> listener) {
    AtomicReference<@Nullable Optional<ConfigEntry>> last = new AtomicReference<>();
    // By the list: a query for one entry wakes when that is deleted, but Consul 1.8 answers it with
    // the deleted entry and the new index, so that nobody would hear of it.
    return watchAll(
        kind,
        entries -> {
          Optional<ConfigEntry> now =
              entries.stream().filter(entry -> entry.name().equals(name)).findFirst();
          if (!now.equals(last.getAndSet(now))) {
            listener.accept(now);
          }
        });
  }

  /** Calls the listener with all entries of the kind, by name; otherwise as {@link #watch}. */
  public Subscription watchAll(String kind, Consumer<List<ConfigEntry>> listener) {
    return watches.subscribe(path(kind), listener);
  }

  /**
   * Calls the listener with what is said in our own words about a service ({@link
   * ConfigEntry#settings}): by its {@code service-resolver}, else by its {@code service-defaults},
   * else by the {@code proxy-defaults} of all; from the agent's first answers on and after each
   * change. Threads as for {@link Consul#watchService}.
   */
  public Subscription watchSettings(String service, Consumer<Map<String, String>> listener) {
    Layers layers = new Layers(listener);
    List<Subscription> all =
        List.of(
            watch("proxy-defaults", "global", entry -> layers.set(0, entry)),
            watch("service-defaults", service, entry -> layers.set(1, entry)),
            watch("service-resolver", service, entry -> layers.set(2, entry)));
    return () -> all.forEach(Subscription::close);
  }

  /** Entries that say the same, the last one with the last word. */
  private static final class Layers {
    private static final int COUNT = 3;

    private final Consumer<Map<String, String>> listener;
    private final Map<Integer, Map<String, String>> known = new TreeMap<>();
    private @Nullable Map<String, String> told;

    Layers(Consumer<Map<String, String>> listener) {
      this.listener = listener;
    }

    /** Tells while it is locked, so that the listener hears one thing after the other. */
    synchronized void set(int layer, Optional<ConfigEntry> entry) {
      known.put(layer, entry.map(ConfigEntry::settings).orElse(Map.of()));
      Map<String, String> together = new HashMap<>();
      known.values().forEach(together::putAll);
      if (known.size() == COUNT && !together.equals(told)) {
        told = together;
        listener.accept(Map.copyOf(together));
      }
    }
  }

  private Page<ConfigEntry> poll(String path, long index, Duration wait) {
    Answer answer = http.poll(path, index, wait);
    Map<String, ConfigEntry> byName =
        entries(answer).stream()
            .collect(Collectors.toMap(ConfigEntry::name, Function.identity(), (a, _) -> a));
    return new Page<>(byName, answer.requireIndex(), answer.doubtful());
  }

  /** An answer is one entry, a list of them, or 404. */
  private static List<ConfigEntry> entries(Answer answer) {
    if (answer.status() == 404) {
      return List.of();
    }
    return answer.require(200).read(ConfigEntries::read);
  }

  private static List<ConfigEntry> read(JsonElement body) {
    if (body instanceof JsonObject one) {
      return List.of(entry(one));
    }
    return Wire.array(body).asList().stream()
        .map(JsonElement::getAsJsonObject)
        .map(ConfigEntries::entry)
        .toList();
  }

  private static ConfigEntry entry(JsonObject entry) {
    return new ConfigEntry(
        Wire.text(entry, "Kind"),
        Wire.text(entry, "Name"),
        Wire.stringMap(entry.get("Meta")),
        entry.toString(),
        entry.get("ModifyIndex").getAsLong());
  }

  private static String path(String kind) {
    return "/v1/config/" + ConsulHttp.segment(kind);
  }

  private static String path(String kind, String name) {
    return path(kind) + "/" + ConsulHttp.segment(name);
  }

  void close() {
    watches.close();
  }
}
