package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The config entries, of every kind this agent knows. They have one index: a query for any of them
 * wakes when any other changes.
 *
 * <p>Every method is called with the ledger's lock held.
 */
final class ConfigEntries {
  /** An entry and when it was written. */
  record Stored(ConfigEntry entry, long createIndex, long modifyIndex) {
    Map<String, @Nullable Object> json() {
      Map<String, @Nullable Object> json = entry.json();
      json.put("CreateIndex", createIndex);
      json.put("ModifyIndex", modifyIndex);
      return json;
    }

    private Map<String, @Nullable Object> saved() {
      return object("Entry", entry.json(), "CreateIndex", createIndex, "ModifyIndex", modifyIndex);
    }
  }

  private record Key(String kind, String name) implements Comparable<Key> {
    @Override
    public int compareTo(Key other) {
      int byKind = kind.compareTo(other.kind);
      return byKind == 0 ? name.compareTo(other.name) : byKind;
    }
  }

  private static final int ENTRIES_MAX = 1_024;

  private final Ledger ledger;
  private final NavigableMap<Key, Stored> entries = new TreeMap<>();
  private long index;

  /** No entries, as new as the ledger's index. */
  ConfigEntries(Ledger ledger) {
    this.ledger = ledger;
    index = ledger.index();
  }

  /** Moves when any entry comes, changes or goes. */
  long index() {
    return index;
  }

  @Nullable Stored get(String kind, String name) {
    return entries.get(new Key(kind, name));
  }

  /** The entry of that kind and name. */
  @Nullable ConfigEntry find(String kind, String name) {
    Stored stored = get(kind, name);
    return stored == null ? null : stored.entry();
  }

  /** All entries of the kind, by name; those of every kind if it is empty. */
  List<Stored> list(String kind) {
    return entries.values().stream()
        .filter(stored -> kind.isEmpty() || stored.entry().kind().equals(kind))
        .toList();
  }

  /** All intentions of all entries, by precedence. */
  Stream<Intention> intentions() {
    return list(ServiceIntentions.KIND).stream()
        .flatMap(
            stored ->
                stored.entry() instanceof ServiceIntentions intentions
                    ? intentions.sources().stream()
                        .map(
                            source ->
                                new Intention(
                                    intentions, source, stored.createIndex(), stored.modifyIndex()))
                    : Stream.empty())
        .sorted(Intention.BY_PRECEDENCE);
  }

  /**
   * Writes the entry in place of that of its kind and name.
   *
   * @throws ApiError if it contradicts another
   */
  void put(ConfigEntry entry) {
    ServiceGraph.requireValid(this, entry.kind(), entry.name(), entry);
    Key key = new Key(entry.kind(), entry.name());
    Stored old = entries.get(key);
    if (old == null && entries.size() >= ENTRIES_MAX) {
      throw new ApiError(429, "this agent holds at most " + ENTRIES_MAX + " config entries");
    }
    if (old != null && old.entry().equals(entry)) {
      return;
    }
    index = ledger.advance();
    entries.put(key, new Stored(entry, old == null ? index : old.createIndex(), index));
  }

  /**
   * Writes the entry if it was not written since.
   *
   * @param modifyIndex 0 if there must be none
   */
  boolean put(ConfigEntry entry, long modifyIndex) {
    Stored old = get(entry.kind(), entry.name());
    if ((old == null ? 0 : old.modifyIndex()) != modifyIndex) {
      return false;
    }
    put(entry);
    return true;
  }

  /**
   * Removes the entry; an unknown one is no error.
   *
   * @throws ApiError if another needs it
   */
  void delete(String kind, String name) {
    Key key = new Key(kind, name);
    if (entries.containsKey(key)) {
      ServiceGraph.requireValid(this, kind, name, null);
      entries.remove(key);
      index = ledger.advance();
    }
  }

  /** Removes the entry if it is there and was not written since. */
  boolean delete(String kind, String name, long modifyIndex) {
    Stored old = get(kind, name);
    if (old == null || old.modifyIndex() != modifyIndex) {
      return false;
    }
    delete(kind, name);
    return true;
  }

  // ---- Over a restart

  /** The entries as they are now, as {@link #restore} takes them back. */
  Iterable<@Nullable Object> saved() {
    return Json.lazily(new ArrayList<>(entries.values()), Stored::saved);
  }

  /**
   * Takes back what {@link #saved} returned.
   *
   * @throws RuntimeException if it makes no sense
   */
  void restore(List<? extends @Nullable Object> saved) {
    for (Object one : saved) {
      Fields fields = new Fields(one, List.of("Entry", "CreateIndex", "ModifyIndex"));
      ConfigEntry entry = ConfigEntry.restore(fields.object("Entry"));
      entries.put(
          new Key(entry.kind(), entry.name()),
          new Stored(entry, fields.unsigned("CreateIndex"), fields.unsigned("ModifyIndex")));
    }
  }
}
