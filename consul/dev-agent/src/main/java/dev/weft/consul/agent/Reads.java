package dev.weft.consul.agent;

import java.net.InetAddress;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * Consistent, possibly blocking reads, with the headers Consul puts on them.
 *
 * <p>A query that names an index waits until its subject has moved past it. The bound on waiting
 * queries is Consul's, for the reason Consul has it: who starts more than that has forgotten some.
 */
final class Reads {
  private static final int WAITING_MAX = 200;
  private static final int CACHED_MAX = 1_024;
  private static final Pattern CACHE_CONTROL =
      Pattern.compile("(?:(?:max-age|stale-if-error)=\\d+|must-revalidate|[a-z-]+)");

  private final Ledger ledger;
  private final String datacenter;
  private final Map<InetAddress, Integer> waiting = new HashMap<>();
  private final Set<String> cached =
      Collections.newSetFromMap(
          new LinkedHashMap<>() {
            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
              return size() > CACHED_MAX;
            }
          });

  Reads(Ledger ledger, String datacenter) {
    this.ledger = ledger;
    this.datacenter = datacenter;
  }

  /** A read of the catalog or of health. */
  Reply catalog(Request request, LongSupplier index, Supplier<Reply> read)
      throws InterruptedException {
    String consistency = request.consistency();
    Reply reply = indexed(request, index, read).with("X-Consul-Effective-Consistency", consistency);
    return request.has("cached") ? cached(request, reply) : reply;
  }

  /** A read that Consul's agents answer from their cache, which knows no leader. */
  Reply ofAgent(Request request, LongSupplier index, Supplier<Reply> read)
      throws InterruptedException {
    return cached(request, indexed(request, index, read)).with("X-Consul-Knownleader", "false");
  }

  /** A read of something that has an index. */
  Reply indexed(Request request, LongSupplier index, Supplier<Reply> read)
      throws InterruptedException {
    request.consistency();
    Request.Wait wait = request.waiting();
    inOurDatacenter(request);
    Supplier<Reply> stamped =
        () ->
            read.get()
                .with("X-Consul-Index", Long.toUnsignedString(Math.max(1, index.getAsLong())))
                .with("X-Consul-Knownleader", "true")
                .with("X-Consul-Lastcontact", "0");
    return wait.index() == 0
        ? ledger.read(stamped)
        : waiting(
            request,
            () -> Long.compareUnsigned(index.getAsLong(), wait.index()) > 0,
            wait.patience(),
            stamped);
  }

  /** Runs {@code read} once {@code ready}, or when the patience is at its end. */
  <T> T waiting(Request request, BooleanSupplier ready, Duration patience, Supplier<T> read)
      throws InterruptedException {
    InetAddress client = request.client();
    synchronized (waiting) {
      int others = waiting.getOrDefault(client, 0);
      if (others >= WAITING_MAX) {
        throw new ApiError(
            429,
            "Your IP is issuing too many concurrent connections, please rate limit your calls\n");
      }
      waiting.put(client, others + 1);
    }
    try {
      return ledger.when(ready, patience, read);
    } finally {
      synchronized (waiting) {
        waiting.computeIfPresent(client, (_, count) -> count == 1 ? null : count - 1);
      }
    }
  }

  private void inOurDatacenter(Request request) {
    String wanted = request.query("dc");
    if (!wanted.isEmpty() && !wanted.equals(datacenter)) {
      throw new ApiError(500, "No path to datacenter");
    }
    if (!request.query("ns").isEmpty()) {
      throw new ApiError(
          400,
          "Bad request: Invalid query parameter: \"ns\" - Namespaces are a Consul Enterprise"
              + " feature");
    }
  }

  /** This agent's answers are always fresh; only the headers are those of Consul's cache. */
  private Reply cached(Request request, Reply reply) {
    String control = request.header("Cache-Control");
    if (control != null) {
      for (String directive : control.toLowerCase(Locale.ROOT).split(",", -1)) {
        if (!CACHE_CONTROL.matcher(directive.strip()).matches()) {
          throw new ApiError(400, "Invalid Cache-Control header.");
        }
      }
    }
    boolean hit;
    synchronized (cached) {
      hit = !cached.add(request.path());
    }
    return hit ? reply.with("X-Cache", "HIT").with("Age", "0") : reply.with("X-Cache", "MISS");
  }
}
