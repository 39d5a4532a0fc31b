package dev.weft.edge;

import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The document of the routes that are served now, made when it is asked for. While routes keep
 * changing, it is made a tenth of the time at most: for nine times as long as making the last one
 * took, that one is the answer, however often somebody asks.
 *
 * <p>Thread-safe.
 */
final class LiveDocument {
  /** Some 30,000 operations. */
  static final int BYTES_MAX = 64 * 1024 * 1024;

  /** How much longer than it takes to make one nobody makes another. */
  private static final int REST = 9;

  private final Supplier<RouteTable> routes;
  private final String version;
  private final Optional<Path> comments;
  private final int bytesMax;
  private final LongSupplier nanoTime;
  private volatile @Nullable Made last;

  /**
   * The document of a table.
   *
   * @param document empty if it is too long
   * @param until by {@link #nanoTime}, when it may be replaced by that of another table
   */
  private record Made(RouteTable of, Optional<Packed> document, long until) {}

  /**
   * @param routes that are served at the moment
   * @param version of what is described
   * @param comments where descriptor sets with comments are
   * @param bytesMax of the document
   * @param nanoTime by which it is known how long making one takes
   */
  LiveDocument(
      Supplier<RouteTable> routes,
      String version,
      Optional<Path> comments,
      int bytesMax,
      LongSupplier nanoTime) {
    this.routes = routes;
    this.version = version;
    this.comments = comments;
    this.bytesMax = bytesMax;
    this.nanoTime = nanoTime;
  }

  /** The document, if it need not be made. */
  Optional<Packed> made() {
    Made known = last;
    return known != null && isGood(known) ? Optional.of(document(known)) : Optional.empty();
  }

  /**
   * The document. Takes as long as making one, or waits for who does it already: one is made at a
   * time.
   *
   * @throws Refused if it is longer than it may be
   */
  synchronized Packed get() {
    Made known = last;
    if (known != null && isGood(known)) {
      return document(known);
    }
    RouteTable now = routes.get();
    long began = nanoTime.getAsLong();
    Optional<Packed> document = onAThreadOfItsOwn(now);
    long ended = nanoTime.getAsLong();
    Made made = new Made(now, document, ended + REST * (ended - began));
    last = made;
    return document(made);
  }

  private boolean isGood(Made made) {
    return made.of == routes.get() || nanoTime.getAsLong() - made.until < 0;
  }

  private Packed document(Made made) {
    return made.document.orElseThrow(() -> new Refused(Problems.documentTooLong(bytesMax)));
  }

  /**
   * Virtual threads share the processors by waiting, and this does not wait: with thousands of
   * routes it would keep a processor from all others for seconds.
   */
  private Optional<Packed> onAThreadOfItsOwn(RouteTable table) {
    FutureTask<Optional<Packed>> made = new FutureTask<>(() -> describe(table));
    Thread.ofPlatform().daemon().name("openapi").start(made);
    try {
      return made.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("the routes cannot be described", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("the edge stops", e);
    }
  }

  private Optional<Packed> describe(RouteTable table) {
    ApiComments said = comments.map(ApiComments::read).orElse(ApiComments.NONE);
    return Packed.of("application/json", bytesMax, out -> OpenApi.write(table, said, version, out));
  }
}
