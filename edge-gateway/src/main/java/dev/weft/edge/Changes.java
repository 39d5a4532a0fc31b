package dev.weft.edge;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * What was changed through this edge, and in which order, so that nothing is answered that was
 * asked for before a change (RFC 9111, 4.4). A change of a resource is one of its path, without a
 * verb, and of the collection above it.
 *
 * <p>Paths share places: now and then one is taken for changed that is not, never the other way.
 * Thread-safe.
 */
final class Changes {
  /** A power of two. */
  private static final int PLACES = 4_096;

  private final AtomicLong last = new AtomicLong();
  private final AtomicLongArray places = new AtomicLongArray(PLACES);

  /** The number of the last change. */
  long last() {
    return last.get();
  }

  /** Whether the resource was changed after the change of this number. */
  boolean since(String resource, long number) {
    return places.get(place(resource)) > number;
  }

  /** Notes that a request may have changed something; one without side effects did not. */
  void note(Asked asked) {
    if (asked.rpc().grpc().isSafe()) {
      return;
    }
    String resource = resource(asked);
    long number = last.incrementAndGet();
    places.accumulateAndGet(place(resource), number, Math::max);
    places.accumulateAndGet(
        place(resource.substring(0, resource.lastIndexOf('/'))), number, Math::max);
  }

  /** The path of what a request is about, however it is written. */
  static String resource(Asked asked) {
    String path = asked.target().path();
    if (asked.route().template().verb().isPresent()) {
      path = path.substring(0, path.lastIndexOf(':'));
    }
    return path.indexOf('%') < 0 ? path : RequestTarget.decode(path);
  }

  private static int place(String resource) {
    int hash = resource.hashCode();
    return (hash ^ hash >>> 16) & (PLACES - 1);
  }
}
