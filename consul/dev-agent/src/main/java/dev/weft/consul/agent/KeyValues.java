package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
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
          flags,
          "Value",
          base64,
          "CreateIndex",
          createIndex,
          "ModifyIndex",
          modifyIndex);
    }
  }

  static final int VALUE_MAX = 524_288;
  private static final int KEYS_MAX = 16_384;
  private static final long BYTES_MAX = 16L * 1024 * 1024;
  private static final int TOMBSTONES_MAX = 16_384;

  private final Ledger ledger;
  private final NavigableMap<String, Entry> entries = new TreeMap<>();
  private final LinkedHashMap<String, Long> tombstones = new LinkedHashMap<>();
  private long bytes;
  private long tableIndex;

  KeyValues(Ledger ledger) {
    this.ledger = ledger;
    tableIndex = ledger.index();
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
    return entry == null ? tableIndex : entry.modifyIndex();
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
    return newest == 0 ? tableIndex : newest;
  }

  /** Sets the key; {@code cas} is the index it must have, 0 for a key that must be new. */
  boolean put(String key, byte[] value, long flags, @Nullable Long cas) {
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
    long index = ledger.advance();
    bytes = after;
    tableIndex = index;
    tombstones.remove(key);
    entries.put(key, new Entry(key, value, flags, old == null ? index : old.createIndex(), index));
    return true;
  }

  /** Deletes the key; {@code cas} is the index it must have. A key that is not there is deleted. */
  boolean delete(String key, @Nullable Long cas) {
    Entry old = entries.get(key);
    if (old == null) {
      return true;
    }
    if (cas != null && cas != old.modifyIndex()) {
      return false;
    }
    bury(old, ledger.advance());
    return true;
  }

  /** Deletes every key that begins with {@code prefix}, as one change. */
  void deleteTree(String prefix) {
    List<Entry> doomed = list(prefix);
    if (!doomed.isEmpty()) {
      long index = ledger.advance();
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
}
