package dev.weft.edge;

import dev.weft.edge.CacheMetrics.Result;
import io.grpc.Metadata;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.concurrent.ScheduledFuture;
import io.opentelemetry.api.metrics.Meter;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Answers reads whose contract allows it with what was answered before (RFC 9111): to anybody what
 * was answered to nobody in particular, and else to the same token only. Who asks the same at the
 * same time waits for one call. While the service cannot be asked, an answer that is too old will
 * do, for as long as the contract says (RFC 5861), and after that what it declares for this case.
 *
 * <p>What an answer might depend on is part of the question it is kept for, or has it not kept. Of
 * answers only successes are kept, and none of which a service says what is meant for one client.
 *
 * <p>Thread-safe; each request is handled on its event loop, which never waits.
 */
final class ResponseCache {
  /** Who waited for so many calls of others, which all failed, makes one. */
  private static final int FLIGHTS_MAX = 2;

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  /** What a service may say of an answer that anybody may be told again. */
  private static final Set<String> KEPT_HEADERS =
      Set.of("content-language", "deprecation", "etag", "last-modified", "link", "sunset");

  private final Optional<KeptAnswers> answers;
  private final ConcurrentMap<KeptAnswers.Key, Flight> flights = new ConcurrentHashMap<>();
  private final Changes changes = new Changes();
  private final AtomicInteger waiting = new AtomicInteger();
  private final Slots waitingForServices;
  private final LongSupplier nanoTime;
  private final LongWork work;
  private final CacheMetrics metrics;

  /** Makes the call of a request. */
  interface Calling {
    /** How long it may take, from when the request came. */
    Duration time();

    /**
     * Makes it.
     *
     * @throws Refused if it is not made: then nobody is told anything
     */
    void call(Asked asked, Recipient recipient);
  }

  /**
   * @param bytesMax of the answers that are kept; 0 switches the cache off
   * @param waitingMax how many requests may wait for calls of others to one service; more get 503
   */
  ResponseCache(int bytesMax, int waitingMax, LongSupplier nanoTime, LongWork work, Meter meter) {
    this.answers =
        bytesMax == 0 ? Optional.empty() : Optional.of(new KeptAnswers(bytesMax, nanoTime));
    this.waitingForServices = new Slots(waitingMax);
    this.nanoTime = nanoTime;
    this.work = work;
    this.metrics = new CacheMetrics(meter);
    answers.ifPresent(kept -> metrics.show(kept::bytes, waiting::get));
  }

  /** What has been changed, to be told of every change. */
  Changes changes() {
    return changes;
  }

  /** Whether answers to this request may be kept, as far as its route says. */
  boolean covers(Exchange exchange, Asked asked) {
    Rpc rpc = asked.rpc();
    return !rpc.fresh().isZero()
        && answers.isPresent()
        && rpc.unary()
        && rpc.successStatus() == 200
        && (exchange.method().equals("GET") || exchange.isHead());
  }

  /** Answers a request that it covers, which has no body. */
  void serve(Exchange exchange, Asked asked, Calling calling) {
    HttpHeaders headers = exchange.request().headers();
    CacheDirectives wanted = CacheDirectives.of(headers);
    boolean known = exchange.user().isPresent() || !headers.contains("authorization");
    if (!known || !wanted.store() || MetadataRules.tellsMore(headers)) {
      metrics.count(asked.route(), Result.PASSED);
      exchange.alsoAnswer("Cache-Status", "weft; fwd=bypass");
      ToClient client = new ToClient(exchange, asked, changes, work);
      client.having(() -> calling.call(asked, client));
      return;
    }
    KeptAnswers.Key key =
        new KeptAnswers.Key(
            asked.route().transcoder(),
            exchange.request().uri(),
            MetadataRules.passed(headers),
            exchange.user());
    new Visit(answers.orElseThrow(), exchange, asked, key, wanted, calling).begin();
  }

  /** Seconds that have passed, whole ones. */
  private long age(Kept kept) {
    return Math.max(0, nanoTime.getAsLong() - kept.began()) / SECOND;
  }

  /** One request that is answered from here. Used on its event loop. */
  private final class Visit implements Recipient {
    private final KeptAnswers store;
    private final Exchange exchange;
    private final Asked asked;
    private final KeptAnswers.Key key;
    private final CacheDirectives wanted;
    private final Calling calling;
    private final String resource;
    private final long arrived = System.nanoTime();
    private final Consumer<Flight.Landing> landed = this::landed;

    /** Why what is kept was not answered, as RFC 9211 has it. */
    private String forward = "miss";

    /** Which this request's call is. */
    private @Nullable Flight flight;

    private @Nullable ScheduledFuture<?> late;
    private boolean waited;
    private int flightsMissed;
    private long began;
    private long change;

    Visit(
        KeptAnswers store,
        Exchange exchange,
        Asked asked,
        KeptAnswers.Key key,
        CacheDirectives wanted,
        Calling calling) {
      this.store = store;
      this.exchange = exchange;
      this.asked = asked;
      this.key = key;
      this.wanted = wanted;
      this.calling = calling;
      this.resource = Changes.resource(asked);
    }

    void begin() {
      Kept kept = found();
      if (kept != null) {
        long fresh = asked.rpc().fresh().toSeconds();
        long age = age(kept);
        if (age < fresh && wanted.takes(age, fresh)) {
          metrics.count(asked.route(), Result.HIT);
          again(kept, "hit; ttl=" + (fresh - age));
          return;
        }
        forward = age < fresh ? "request" : "stale";
      }
      if (!wanted.call()) {
        refuse(Problems.notKept());
        return;
      }
      if (wanted.reuse()) {
        callOrWait();
      } else {
        call(null);
      }
    }

    private @Nullable Kept found() {
      Kept kept = store.find(key);
      return kept == null || changes.since(resource, kept.change()) ? null : kept;
    }

    /** What is too old, and yet will do while the service cannot be asked. */
    private @Nullable Kept stale() {
      Rpc rpc = asked.rpc();
      if (rpc.stale().isZero() || !wanted.takesStale()) {
        return null;
      }
      Kept kept = found();
      return kept != null && age(kept) < rpc.fresh().plus(rpc.stale()).toSeconds() ? kept : null;
    }

    private void callOrWait() {
      Flight own = new Flight(changes.last());
      Flight others = flights.putIfAbsent(key, own);
      if (others == null) {
        call(own);
      } else if (changes.since(resource, others.change())) {
        // Its answer may be of before the change, which this client may know of.
        flights.remove(key, others);
        callOrWait();
      } else {
        waitFor(others);
      }
    }

    private void waitFor(Flight others) {
      Duration left = left();
      if (!waitingForServices.take(asked.rpc().service())) {
        failed(Problems.busy(asked.rpc().service()));
      } else if (others.board(landed)) {
        await(others, left);
      } else {
        // It has landed between the two looks.
        waitingForServices.release(asked.rpc().service());
        flights.remove(key, others);
        begin();
      }
    }

    /** What is left of the time that a call of this request may take. */
    private Duration left() {
      return calling.time().minusNanos(System.nanoTime() - arrived);
    }

    private void await(Flight others, Duration left) {
      waited = true;
      waiting.incrementAndGet();
      lateAfter(left, others);
      exchange.onGone(
          () -> {
            others.leave(landed);
            waitNoMore();
          });
    }

    private void lateAfter(Duration time, Flight others) {
      late =
          exchange
              .loop()
              .schedule(
                  () -> Gateway.guarded(exchange, () -> waitedFor(others)),
                  time.toNanos(),
                  TimeUnit.NANOSECONDS);
    }

    private void waitedFor(Flight others) {
      // The registry may have said meanwhile that calls have more.
      Duration left = left();
      if (left.isPositive()) {
        lateAfter(left, others);
        return;
      }
      others.leave(landed);
      waitNoMore();
      failed(Problems.unanswered());
    }

    private void waitNoMore() {
      ScheduledFuture<?> timer = late;
      if (timer != null) {
        timer.cancel(false);
        late = null;
        waiting.decrementAndGet();
        waitingForServices.release(asked.rpc().service());
      }
    }

    /** Called on the event loop of whoever made the call. */
    private void landed(Flight.Landing landing) {
      exchange
          .loop()
          .execute(
              () -> {
                waitNoMore();
                Gateway.guarded(exchange, () -> goOn(landing));
              });
    }

    private void goOn(Flight.Landing landing) {
      switch (landing) {
        case Flight.Answered(Kept kept) -> {
          metrics.count(asked.route(), Result.JOINED);
          again(kept, "fwd=" + forward + "; collapsed");
        }
        case Flight.Private() -> call(null);
        case Flight.Failed(Optional<Problem> problem) -> {
          // It may have been the other one's own failure, such as a client that left.
          if (problem.isPresent() && answeredStale(problem.get())) {
            return;
          }
          flightsMissed++;
          if (flightsMissed < FLIGHTS_MAX) {
            begin();
          } else {
            call(null);
          }
        }
      }
    }

    /**
     * Has the call made.
     *
     * @param own the flight that it is, if others may wait for it
     */
    private void call(@Nullable Flight own) {
      flight = own;
      began = nanoTime.getAsLong();
      change = own == null ? changes.last() : own.change();
      Optional<Problem> problem = Optional.empty();
      boolean made = false;
      try {
        // Who did not wait has all of it, and it begins with the call.
        Optional<Duration> left = waited ? Optional.of(left()) : Optional.empty();
        if (left.isEmpty() || left.get().isPositive()) {
          calling.call(left.map(asked::within).orElse(asked), this);
          made = true;
        } else {
          problem = Optional.of(Problems.unanswered());
        }
      } catch (Refused e) {
        problem = Optional.of(e.problem());
      } finally {
        if (!made) {
          land(new Flight.Failed(problem));
        }
      }
      problem.ifPresent(this::failed);
    }

    @Override
    public void reply(byte[] message, Metadata metadata) {
      Flight.Landing landing = new Flight.Failed(Optional.empty());
      Kept kept;
      boolean stored = false;
      try {
        Representation representation = Success.read(asked, exchange, message, metadata);
        Map<String, String> told = MetadataRules.toHeaders(metadata);
        Duration life = asked.rpc().fresh().plus(asked.rpc().stale());
        kept = new Kept(representation, told, began, change, life);
        if (KEPT_HEADERS.containsAll(told.keySet())) {
          stored = store.keep(key, kept);
          landing = new Flight.Answered(kept);
        } else {
          landing = new Flight.Private();
        }
      } finally {
        land(landing);
      }
      metrics.count(asked.route(), Result.MISS);
      answer(kept, "fwd=" + forward + (stored ? "; stored" : ""));
    }

    @Override
    public void fail(Problem problem) {
      land(new Flight.Failed(Optional.of(problem)));
      failed(problem);
    }

    /** The flight that this request began has ended; who asks from now on begins another. */
    private void land(Flight.Landing landing) {
      Flight own = flight;
      if (own != null) {
        flight = null;
        flights.remove(key, own);
        own.land(landing);
      }
    }

    private void failed(Problem problem) {
      if (!answeredStale(problem) && !answeredInstead(problem)) {
        refuse(problem);
      }
    }

    private void refuse(Problem problem) {
      metrics.count(asked.route(), Result.MISS);
      exchange.refuse(problem);
    }

    private boolean answeredStale(Problem problem) {
      Kept old = Fallback.isAbsence(problem) ? stale() : null;
      if (old == null) {
        return false;
      }
      metrics.count(asked.route(), Result.STALE);
      long ttl = asked.rpc().fresh().toSeconds() - age(old);
      again(old, "fwd=stale; fwd-status=" + problem.status() + "; ttl=" + ttl);
      return true;
    }

    private boolean answeredInstead(Problem problem) {
      Optional<Fallback> fallback = Fallback.of(asked.rpc(), problem);
      if (fallback.isEmpty()) {
        return false;
      }
      metrics.count(asked.route(), Result.FALLBACK);
      exchange.alsoAnswer(
          "Cache-Status", "weft; fwd=" + forward + "; fwd-status=" + problem.status());
      new ToClient(exchange, asked, changes, work).answer(fallback.get());
      return true;
    }

    /** Answers with what was answered to others. */
    private void again(Kept kept, String status) {
      exchange.alsoAnswer("Age", Long.toString(age(kept)));
      answer(kept, status);
    }

    /** Answers with this, as this client wants it. */
    private void answer(Kept kept, String status) {
      exchange.alsoAnswer("Cache-Status", "weft; " + status);
      Answer answer = kept.representation().to(exchange, asked);
      exchange.alsoAnswer(kept.told());
      ToClient.send(exchange, answer, kept::coded, work);
    }
  }
}
