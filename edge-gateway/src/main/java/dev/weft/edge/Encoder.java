package dev.weft.edge;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Codes an answer that comes in parts, so that each part can be read when it has arrived. Holds
 * memory of its own until it is closed, so there are only so many at once. Used on one event loop.
 */
final class Encoder implements AutoCloseable {
  /** Each takes up to a megabyte outside of the heap. */
  private static final int OPEN_MAX = 64;

  private static final AtomicInteger OPEN = new AtomicInteger();

  private final ContentCoding coding;
  private final ByteArrayOutputStream coded = new ByteArrayOutputStream();
  private final OutputStream out;
  private boolean closed;

  private Encoder(ContentCoding coding) {
    this.coding = coding;
    try {
      out = coding.over(coded);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** None while there are too many. */
  static Optional<Encoder> open(ContentCoding coding) {
    if (OPEN.incrementAndGet() > OPEN_MAX) {
      OPEN.decrementAndGet();
      return Optional.empty();
    }
    try {
      return Optional.of(new Encoder(coding));
    } catch (RuntimeException | Error e) {
      OPEN.decrementAndGet();
      throw e;
    }
  }

  ContentCoding coding() {
    return coding;
  }

  /** The part as it is sent. */
  byte[] part(byte[] plain) {
    try {
      out.write(plain);
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return taken();
  }

  /** What ends the answer. */
  byte[] end() {
    close();
    return taken();
  }

  private byte[] taken() {
    byte[] bytes = coded.toByteArray();
    coded.reset();
    return bytes;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    OPEN.decrementAndGet();
    try {
      out.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
