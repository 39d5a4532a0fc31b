package dev.weft.prove;

import dev.weft.prove.Mischief.Way;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** Carries one way of a connection, as the mischief lets it. Used by one thread. */
final class Pump implements Runnable {
  static final int BUFFER_BYTES = 16 * 1024;

  private static final int SLICES_PER_SECOND = 20;

  private final LineConnection connection;
  private final Affliction affliction;
  private final Way way;
  private final Socket source;
  private final Socket sink;
  private Mischief seen = Mischief.NONE;

  /** Since the mischief began: how much went, and the end of what went. */
  private long passed;

  private String tail = "";

  Pump(LineConnection connection, Affliction affliction, Way way, Socket source, Socket sink) {
    this.connection = connection;
    this.affliction = affliction;
    this.way = way;
    this.source = source;
    this.sink = sink;
  }

  @Override
  public void run() {
    try {
      pump();
    } catch (IOException e) {
      if (connection.vanished()) {
        swallow();
      } else {
        connection.broke(way);
      }
    } finally {
      connection.pumpEnded();
    }
  }

  private void pump() throws IOException {
    InputStream in = source.getInputStream();
    OutputStream out = sink.getOutputStream();
    byte[] buffer = new byte[BUFFER_BYTES];
    for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
      if (!carry(buffer, count, out)) {
        return;
      }
    }
    connection.awaitPassage(way);
    if (!connection.vanished()) {
      sink.shutdownOutput();
    }
  }

  /** Takes what a caller says to nobody, until it ends. */
  private void swallow() {
    if (way == Way.BACK) {
      return;
    }
    byte[] buffer = new byte[BUFFER_BYTES];
    try {
      InputStream in = source.getInputStream();
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        affliction.held(count);
      }
    } catch (IOException e) {
      // It ended otherwise.
    }
  }

  /** False when the connection is at its end. */
  private boolean carry(byte[] bytes, int count, OutputStream out) throws IOException {
    boolean counted = false;
    while (true) {
      if (connection.vanished() || (connection.orphaned() && way == Way.BACK)) {
        affliction.held(count);
        return true;
      }
      Mischief now = affliction.of(connection);
      if (!now.equals(seen)) {
        seen = now;
        passed = 0;
        tail = "";
      }
      switch (now) {
        case Mischief.None() -> {
          out.write(bytes, 0, count);
          if (connection.orphaned()) {
            connection.writeBehind(out);
          }
          return true;
        }
        case Mischief.Slow(Duration latency, Duration jitter) -> {
          affliction.slowed(count);
          affliction.awaitChange(connection, now, latency.plusNanos(upTo(jitter)));
          out.write(bytes, 0, count);
          return true;
        }
        case Mischief.Drip(int bytesPerSecond) -> {
          affliction.slowed(count);
          drip(now, Math.max(1, bytesPerSecond / SLICES_PER_SECOND), bytes, count, out);
          return true;
        }
        case Mischief.Cut(Set<Way> ways) when ways.contains(way) -> {
          if (!counted) {
            affliction.held(count);
            counted = true;
          }
          connection.hold(way, now);
          if (connection.ended()) {
            return false;
          }
        }
        case Mischief.ResetAfter(Way at, long limit) when at == way && passed + count > limit -> {
          out.write(bytes, 0, (int) (limit - passed));
          connection.reset();
          return false;
        }
        case Mischief.ResetAt(Way at, String words)
            when at == way && completes(words, bytes, count) -> {
          connection.reset();
          return false;
        }
        case Mischief.Cut _, Mischief.ResetAfter _, Mischief.ResetAt _ -> {
          out.write(bytes, 0, count);
          passed += count;
          return true;
        }
      }
    }
  }

  private void drip(Mischief now, int slice, byte[] bytes, int count, OutputStream out)
      throws IOException {
    for (int at = 0; at < count; at += slice) {
      out.write(bytes, at, Math.min(slice, count - at));
      affliction.awaitChange(
          connection, now, Duration.ofMillis(TimeUnit.SECONDS.toMillis(1) / SLICES_PER_SECOND));
    }
  }

  /** Whether the words stand in what comes now, or end in it. */
  private boolean completes(String words, byte[] bytes, int count) {
    String text = tail + new String(bytes, 0, count, StandardCharsets.ISO_8859_1);
    tail = text.substring(Math.max(0, text.length() - words.length() + 1));
    return text.contains(words);
  }

  private static long upTo(Duration jitter) {
    return jitter.isZero() ? 0 : ThreadLocalRandom.current().nextLong(jitter.toNanos());
  }
}
