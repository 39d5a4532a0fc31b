package dev.weft.consul;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;

/** A key with its value, as of one moment. Equal when key, value, flags and index are. */
public final class KvEntry {
  private final String key;
  private final byte[] value;
  private final long flags;
  private final long modifyIndex;

  KvEntry(String key, byte[] value, long flags, long modifyIndex) {
    this.key = key;
    this.value = value.clone();
    this.flags = flags;
    this.modifyIndex = modifyIndex;
  }

  /** The whole key, as {@code weft/routes/owners}. */
  public String key() {
    return key;
  }

  /** A copy of the value. */
  public byte[] value() {
    return value.clone();
  }

  /** The value as UTF-8 text. */
  public String text() {
    return new String(value, StandardCharsets.UTF_8);
  }

  /** A number the writer chose; Consul gives it no meaning. */
  public long flags() {
    return flags;
  }

  /** Changes with every write; what {@link Kv#cas} compares. */
  public long modifyIndex() {
    return modifyIndex;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof KvEntry that
        && key.equals(that.key)
        && Arrays.equals(value, that.value)
        && flags == that.flags
        && modifyIndex == that.modifyIndex;
  }

  @Override
  public int hashCode() {
    return Objects.hash(key, modifyIndex);
  }

  @Override
  public String toString() {
    return "KvEntry[key=" + key + ", " + value.length + " bytes, modifyIndex=" + modifyIndex + "]";
  }
}
