package dev.weft.edge;

import dev.weft.mesh.Caller;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * How often anybody may ask: an address, a user, and either of them of a method whose contract
 * states a {@code rate_limit}. A method is counted as one, by whatever path or protocol it is
 * called.
 *
 * <p>A request is counted when it has a route: first against its address, before its token is
 * looked at, then against its user and its method, before its body is read. What this edge answers
 * by itself, such as 404, costs it no more than a refusal would, and is not counted, but for its
 * pages ({@link ApiPages}), which are long. Whoever is refused by one limit is not counted against
 * it, nor against those after it.
 *
 * <p>Several edges that share a Redis count there, too, once all limits of this edge alone have let
 * a request through. So what an edge has refused costs Redis nothing; without its answer the edge's
 * own counts hold.
 *
 * <p>Answers tell in {@code RateLimit-Policy} and {@code RateLimit} what was counted
 * (draft-ietf-httpapi-ratelimit-headers-11): {@code r} requests are left at once, and after {@code
 * t} seconds all are, or, for who was refused, one is.
 *
 * <p>Thread-safe.
 */
final class RateLimits {
  private static final AttributeKey<String> LIMIT = AttributeKey.stringKey("limit");
  private static final int KINDS = 3;

  private final Optional<Limit> ofAddress;
  private final Optional<Limit> ofPrincipal;
  private final Networks uncounted;
  private final TrustedHops hops;
  private final Buckets buckets;
  private final Optional<SharedBuckets> shared;
  private final LongCounter refused;
  private final LongCounter alone;

  /** Whom a limit is for. */
  private enum Kind {
    ADDRESS(1),
    PRINCIPAL(2),
    ROUTE(3);

    private final long id;
    private final String text = name().toLowerCase(Locale.ROOT);

    Kind(long id) {
      this.id = id;
    }
  }

  /**
   * What somebody may.
   *
   * @param name as headers have it
   * @param policy the same as {@code RateLimit-Policy} tells it
   */
  private record Limit(Kind kind, Quota quota, String name, String policy) {
    static Limit of(Kind kind, Quota quota) {
      String name = '"' + kind.text + '"';
      return new Limit(
          kind, quota, name, name + ";q=" + quota.requests() + ";w=" + quota.windowSeconds());
    }
  }

  /** A limit, and how much of it is used up. */
  private static final class Use {
    private final Limit limit;

    /** As {@link Buckets#take} says it. */
    private long nanos;

    Use(Limit limit, long nanos) {
      this.limit = limit;
      this.nanos = nanos;
    }

    /** Until all is there again, or for who is refused one is. */
    long seconds() {
      return Math.ceilDiv(Math.abs(nanos), TimeUnit.SECONDS.toNanos(1));
    }

    long left() {
      return nanos < 0 ? 0 : limit.quota.left(nanos);
    }
  }

  /**
   * @param shared by several edges; empty if this one counts for itself
   */
  RateLimits(
      RateLimitConfig config,
      TrustedHops hops,
      Buckets buckets,
      Optional<SharedBuckets> shared,
      Meter meter) {
    this.ofAddress = config.address().map(quota -> Limit.of(Kind.ADDRESS, quota));
    this.ofPrincipal = config.principal().map(quota -> Limit.of(Kind.PRINCIPAL, quota));
    this.uncounted = config.uncounted();
    this.hops = hops;
    this.buckets = buckets;
    this.shared = shared;
    refused =
        meter
            .counterBuilder("weft.edge.rate_limited")
            .setUnit("{request}")
            .setDescription("Requests refused by a limit, which is of an address, user or method.")
            .build();
    alone =
        meter
            .counterBuilder("weft.edge.rate_limited_alone")
            .setUnit("{request}")
            .setDescription("Requests that this edge counted alone, as Redis did not answer.")
            .build();
    meter
        .counterBuilder("weft.edge.rate_limit_buckets_forgotten")
        .setUnit("{bucket}")
        .setDescription("Buckets forgotten before they were full, as too many were in use.")
        .buildWithCallback(out -> out.record(buckets.forgotten()));
  }

  /**
   * Counts a request against its address.
   *
   * @throws Refused if that has used up its limit
   */
  Counted arrive(Exchange exchange) {
    String client = hops.client(exchange.request().headers(), exchange.peer());
    Optional<IpAddress> address = IpAddress.of(client);
    boolean counts = address.isEmpty() || !uncounted.contains(address.get());
    Counted counted = new Counted(exchange, client, address, counts);
    if (counts) {
      exchange.onAnswer(counted::tell);
      ofAddress.ifPresent(limit -> counted.count(limit, counted.holder(Kind.ADDRESS.id)));
    }
    return counted;
  }

  /** The limits of one request. On the event loop of its exchange. */
  final class Counted {
    private final Exchange exchange;
    private final String client;
    private final Optional<IpAddress> address;
    private final boolean counts;
    private final List<Use> uses = new ArrayList<>(KINDS);

    private Counted(Exchange exchange, String client, Optional<IpAddress> address, boolean counts) {
      this.exchange = exchange;
      this.client = client;
      this.address = address;
      this.counts = counts;
    }

    /**
     * Counts the request against its user and its method, and goes on, at once or on the event loop
     * when the other edges' counts are known.
     *
     * @throws Refused if a limit is used up
     */
    void admit(Runnable then) {
      if (!counts) {
        then.run();
        return;
      }
      Optional<String> user = exchange.user().map(Caller.User::id);
      if (user.isPresent() && ofPrincipal.isPresent()) {
        count(ofPrincipal.get(), buckets.key(Kind.PRINCIPAL.id, user.get()));
      }
      Route route = exchange.route();
      if (route != null && route.rpc().quota().isPresent()) {
        long method = buckets.key(Kind.ROUTE.id, route.rpc().name());
        count(
            Limit.of(Kind.ROUTE, route.rpc().quota().get()),
            user.isPresent() ? buckets.key(method, user.get()) : holder(method));
      }
      if (shared.isEmpty() || uses.isEmpty()) {
        then.run();
      } else {
        share(shared.get(), then);
      }
    }

    /** The key of who has the address, for something of this kind. */
    private long holder(long kind) {
      // What is no address, as of a transport that has none, is limited all the same.
      return address.isPresent()
          ? buckets.key(kind, address.get().holder())
          : buckets.key(kind, client);
    }

    private void count(Limit limit, long key) {
      Quota quota = limit.quota;
      Use use = new Use(limit, buckets.take(key, quota.intervalNanos(), quota.toleranceNanos()));
      uses.add(use);
      check(use);
    }

    private void check(Use use) {
      if (use.nanos < 0) {
        refused.add(
            1,
            Attributes.of(
                Outcome.ROUTE, exchange.observation().route(), LIMIT, use.limit.kind.text));
        throw new Refused(
            Problems.rateLimited(
                use.limit.kind.text, use.limit.quota, Duration.ofSeconds(use.seconds())));
      }
    }

    private void share(SharedBuckets all, Runnable then) {
      var _ =
          all.take(uses.stream().map(this::bucket).toList())
              .handle((nanos, failure) -> failure == null ? nanos : List.<Long>of())
              .thenAccept(
                  nanos ->
                      exchange
                          .loop()
                          .execute(() -> Gateway.guarded(exchange, () -> goOn(nanos, then))));
    }

    /**
     * Goes on by what all edges have counted.
     *
     * @param nanos as of the uses; none if nobody knows
     */
    private void goOn(List<Long> nanos, Runnable then) {
      if (nanos.isEmpty()) {
        alone.add(1);
      } else {
        for (int i = 0; i < uses.size(); i++) {
          uses.get(i).nanos = nanos.get(i);
        }
        uses.forEach(this::check);
      }
      then.run();
    }

    private SharedBuckets.Bucket bucket(Use use) {
      String holder = address.map(IpAddress::holderText).orElse(client);
      String user = exchange.user().map(Caller.User::id).orElse(holder);
      Route route = exchange.route();
      String method = route == null ? "" : route.rpc().name();
      return new SharedBuckets.Bucket(
          use.limit.kind.text
              + ":"
              + switch (use.limit.kind) {
                case ADDRESS -> holder;
                case PRINCIPAL -> user;
                case ROUTE -> method + ":" + user;
              },
          use.limit.quota);
    }

    private void tell(Map<String, String> headers) {
      if (uses.isEmpty()) {
        return;
      }
      String policies = "";
      String limits = "";
      for (Use use : uses) {
        String between = policies.isEmpty() ? "" : ", ";
        // At once: a header of two is made sooner so than in a buffer.
        policies = policies + between + use.limit.policy;
        limits = limits + between + use.limit.name + ";r=" + use.left() + ";t=" + use.seconds();
        if (use.nanos < 0) {
          // Also where the protocol has a form of its own to say it in.
          headers.put("Retry-After", Long.toString(use.seconds()));
        }
      }
      headers.put("RateLimit-Policy", policies);
      headers.put("RateLimit", limits);
    }
  }
}
