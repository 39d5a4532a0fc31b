package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The key-value store.
 *
 * <p>Every method is called with the ledger's lock held.
 */
final class KeyValues {
  /** A key and its value; the array is never changed. */
  @SuppressWarnings("ArrayRecordComponent") // compared nowhere
  record Entry(String key, byte[] value, long flags, long createIndex, long modifyIndex) {
    Map<String, @Nullable Object> json() {
      return json(value.length == 0 ? null : Base64.getEncoder().encodeToString(value));
    }

    /** The entry as a transaction answers a write: without its value. */
    Map<String, @Nullable Object> jsonWithoutValue() {
      return json(null);
    }

    private Map<String, @Nullable Object> json(@Nullable String base64) {
      return object(
          "LockIndex",
          0,
          "Key",
          key,
          "Flags",
          Json.Decimal.unsigned(flags),
          "Value",
          base64,
          "CreateIndex",
          createIndex,
          "ModifyIndex",
          modifyIndex);
    }
  }

  static final int VALUE_MAX = 524_288;
  private static final Set<String> WRITES =
      Set.of("set", "cas", "delete", "delete-tree", "delete-cas", "lock", "unlock");
  private static final int KEYS_MAX = 4_096;

  /** What the agent can still write to its disk with a heap of 64 MiB. */
  private static final long BYTES_MAX = 4L * 1024 * 1024;

  private static final int TOMBSTONES_MAX = 4_096;

  private final Ledger ledger;
  private final NavigableMap<String, Entry> entries = new TreeMap<>();
  private final LinkedHashMap<String, Long> tombstones = new LinkedHashMap<>();
  private final long firstIndex;
  private long bytes;
  private long tableIndex;

  /** An empty store in which everything is as new as the ledger's index. */
  KeyValues(Ledger ledger) {
    this.ledger = ledger;
    firstIndex = ledger.index();
    tableIndex = firstIndex;
  }

  /** The entries as they are now, as {@link #restore} takes them back. */
  Iterable<@Nullable Object> saved() {
    return Json.lazily(List.copyOf(entries.values()), Entry::json);
  }

  /** Takes back what {@link #saved} returned. */
  void restore(List<? extends @Nullable Object> saved) {
    for (Object entry : saved) {
      Fields fields =
          new Fields(
              entry, List.of("LockIndex", "Key", "Flags", "Value", "CreateIndex", "ModifyIndex"));
      byte[] value = Base64.getDecoder().decode(fields.text("Value"));
      bytes += value.length;
      entries.put(
          fields.text("Key"),
          new Entry(
              fields.text("Key"),
              value,
              fields.unsigned("Flags"),
              fields.unsigned("CreateIndex"),
              fields.unsigned("ModifyIndex")));
    }
  }

  @Nullable Entry get(String key) {
    return entries.get(key);
  }

  /** Every entry whose key begins with {@code prefix}, by key. */
  List<Entry> list(String prefix) {
    List<Entry> found = new ArrayList<>();
    for (Entry entry : entries.tailMap(prefix, true).values()) {
      if (!entry.key().startsWith(prefix)) {
        break;
      }
      found.add(entry);
    }
    return found;
  }

  /** Moves when {@code key} changes; while there is none, when any key does. */
  long keyIndex(String key) {
    Entry entry = entries.get(key);
    return entry == null ? tableIndex : Math.max(firstIndex, entry.modifyIndex());
  }

  /** Moves when a key that begins with {@code prefix} changes or goes. */
  long prefixIndex(String prefix) {
    if (prefix.isEmpty()) {
      return tableIndex;
    }
    long newest = 0;
    for (Entry entry : list(prefix)) {
      newest = Math.max(newest, entry.modifyIndex());
    }
    for (Map.Entry<String, Long> tombstone : tombstones.entrySet()) {
      if (tombstone.getKey().startsWith(prefix)) {
        newest = Math.max(newest, tombstone.getValue());
      }
    }
    return newest == 0 ? tableIndex : Math.max(firstIndex, newest);
  }

  /**
   * Sets the key; {@code cas} is the index it must have, 0 for a key that must be new.
   *
   * @return false if it has another
   */
  boolean put(String key, byte[] value, long flags, @Nullable Long cas) {
    return put(key, value, flags, cas, ledger::advance);
  }

  private boolean put(
      String key, byte[] value, long flags, @Nullable Long cas, LongSupplier newIndex) {
    Entry old = entries.get(key);
    if (cas != null && cas != (old == null ? 0 : old.modifyIndex())) {
      return false;
    }
    long after = bytes + value.length - (old == null ? 0 : old.value().length);
    if (after > BYTES_MAX || (old == null && entries.size() >= KEYS_MAX)) {
      throw new ApiError(
          413,
          "this agent holds at most " + KEYS_MAX + " keys and " + BYTES_MAX + " bytes of values");
    }
    long index = newIndex.getAsLong();
    bytes = after;
    tableIndex = index;
    tombstones.remove(key);
    entries.put(key, new Entry(key, value, flags, old == null ? index : old.createIndex(), index));
    return true;
  }

  /**
   * Deletes the key, which may be gone already; {@code cas} is the index it must have.
   *
   * @return false if it has another
   */
  boolean delete(String key, @Nullable Long cas) {
    return delete(key, cas, ledger::advance);
  }

  private boolean delete(String key, @Nullable Long cas, LongSupplier newIndex) {
    Entry old = entries.get(key);
    if (old == null) {
      return true;
    }
    if (cas != null && cas != old.modifyIndex()) {
      return false;
    }
    bury(old, newIndex.getAsLong());
    return true;
  }

  /** Deletes every key that begins with {@code prefix}, as one change. */
  void deleteTree(String prefix) {
    deleteTree(prefix, ledger::advance);
  }

  private void deleteTree(String prefix, LongSupplier newIndex) {
    List<Entry> doomed = list(prefix);
    if (!doomed.isEmpty()) {
      long index = newIndex.getAsLong();
      doomed.forEach(entry -> bury(entry, index));
    }
  }

  private void bury(Entry entry, long index) {
    entries.remove(entry.key());
    bytes -= entry.value().length;
    tableIndex = index;
    tombstones.remove(entry.key());
    tombstones.put(entry.key(), index);
    if (tombstones.size() > TOMBSTONES_MAX) {
      tombstones.pollFirstEntry();
    }
  }

  // ---- Transactions

  /** One step of a transaction, as {@code /v1/txn} takes it. */
  @SuppressWarnings("ArrayRecordComponent") // compared nowhere
  record Step(String verb, String key, byte[] value, long flags, long index) {
    boolean writes() {
      return WRITES.contains(verb);
    }
  }

  /** What the steps answered, or what stopped some of them: one of the two is empty. */
  record Outcome(
      List<Map<String, @Nullable Object>> results, List<Map<String, @Nullable Object>> errors) {}

  /** Takes every step or none, all of them at one index. */
  Outcome transact(List<Step> steps) {
    NavigableMap<String, Entry> entriesBefore = new TreeMap<>(entries);
    LinkedHashMap<String, Long> tombstonesBefore = new LinkedHashMap<>(tombstones);
    long bytesBefore = bytes;
    long tableIndexBefore = tableIndex;
    LongSupplier index = once(ledger::advance);
    List<Map<String, @Nullable Object>> results = new ArrayList<>();
    List<Map<String, @Nullable Object>> errors = new ArrayList<>();
    for (int i = 0; i < steps.size(); i++) {
      String error = take(steps.get(i), index, results);
      if (error != null) {
        errors.add(object("OpIndex", i, "What", error));
      }
    }
    if (!errors.isEmpty()) {
      entries.clear();
      entries.putAll(entriesBefore);
      tombstones.clear();
      tombstones.putAll(tombstonesBefore);
      bytes = bytesBefore;
      tableIndex = tableIndexBefore;
      results.clear();
    }
    return new Outcome(results, errors);
  }

  private static LongSupplier once(LongSupplier supplier) {
    long[] value = new long[1];
    return () -> {
      if (value[0] == 0) {
        value[0] = supplier.getAsLong();
      }
      return value[0];
    };
  }

  private @Nullable String take(
      Step step, LongSupplier index, List<Map<String, @Nullable Object>> results) {
    String key = step.key();
    if (key.isEmpty()) {
      return "Must provide key";
    }
    Entry entry = entries.get(key);
    switch (step.verb()) {
      case "set", "cas" -> {
        Long cas = step.verb().equals("cas") ? step.index() : null;
        try {
          if (!put(key, step.value(), step.flags(), cas, index)) {
            return "failed to set key \"" + key + "\", index is stale";
          }
        } catch (ApiError e) {
          return e.text();
        }
        results.add(object("KV", Objects.requireNonNull(entries.get(key)).jsonWithoutValue()));
      }
      case "get" -> {
        if (entry == null) {
          return missing(key);
        }
        results.add(object("KV", entry.json()));
      }
      case "get-tree" -> list(key).forEach(found -> results.add(object("KV", found.json())));
      case "check-index" -> {
        if (entry == null) {
          return missing(key);
        }
        if (entry.modifyIndex() != step.index()) {
          return "failed index check for key \"%s\", current modify index %d != %d"
              .formatted(key, entry.modifyIndex(), step.index());
        }
        results.add(object("KV", entry.jsonWithoutValue()));
      }
      case "check-not-exists" -> {
        if (entry != null) {
          return "key \"" + key + "\" exists";
        }
      }
      case "delete" -> delete(key, null, index);
      case "delete-tree" -> deleteTree(key, index);
      case "delete-cas" -> {
        if (!delete(key, step.index(), index)) {
          return "failed to delete key \"" + key + "\", index is stale";
        }
      }
      case "lock", "unlock", "check-session" -> {
        return "this agent has no sessions, so no key can be locked";
      }
      case String other -> {
        return "unknown KV verb \"" + other + "\"";
      }
    }
    return null;
  }

  private static String missing(String key) {
    return "key \"" + key + "\" doesn't exist";
  }
}
