package dev.weft.edge;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;

/** A representation that is kept, and its body in the codings that were asked for. Thread-safe. */
final class Kept {
  /** What an entry takes beside its texts and bodies, about. */
  private static final int ENTRY_BYTES = 1_000;

  private final Representation representation;
  private final Map<String, String> told;
  private final long began;
  private final long change;
  private final Duration life;
  private final int bytes;
  private final Map<ContentCoding, byte[]> coded = new EnumMap<>(ContentCoding.class);

  /** Bytes of coded bodies that there is room for. */
  private int room;

  /**
   * @param told what the service said of it, as headers
   * @param began when its call did, by the clock of the cache
   * @param change the last one when its call began
   * @param life after which nobody takes it any more
   */
  Kept(
      Representation representation,
      Map<String, String> told,
      long began,
      long change,
      Duration life) {
    this.representation = representation;
    this.told = told;
    this.began = began;
    this.change = change;
    this.life = life;
    Answer whole = representation.whole();
    int length = whole.body().length;
    this.room = ContentCoding.pays(whole.contentType(), length) ? length : 0;
    this.bytes = ENTRY_BYTES + length + room + texts(representation, told);
  }

  private static int texts(Representation representation, Map<String, String> told) {
    int length = representation.nextPage().map(String::length).orElse(0);
    for (Map.Entry<String, String> header : told.entrySet()) {
      length += header.getKey().length() + header.getValue().length();
    }
    return length;
  }

  Representation representation() {
    return representation;
  }

  Map<String, String> told() {
    return told;
  }

  long began() {
    return began;
  }

  long change() {
    return change;
  }

  Duration life() {
    return life;
  }

  /** What it takes at most, whatever is coded of it. */
  int bytes() {
    return bytes;
  }

  /** The body so coded. */
  byte[] coded(ContentCoding coding) {
    synchronized (coded) {
      byte[] known = coded.get(coding);
      if (known != null) {
        return known;
      }
    }
    byte[] made = coding.encode(representation.whole().body());
    synchronized (coded) {
      if (made.length <= room && coded.putIfAbsent(coding, made) == null) {
        room -= made.length;
      }
    }
    return made;
  }
}
