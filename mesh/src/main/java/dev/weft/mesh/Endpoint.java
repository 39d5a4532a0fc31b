package dev.weft.mesh;

import io.grpc.ClientStreamTracer;
import io.grpc.ConnectivityState;
import io.grpc.LoadBalancer.PickResult;
import io.grpc.LoadBalancer.Subchannel;
import io.grpc.Metadata;
import io.grpc.Status;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;

/**
 * One address of a service with its connection, and how its calls go.
 *
 * <p>The state of the connection is told in the channel's SynchronizationContext only, how calls go
 * from anywhere; both may be asked from anywhere.
 */
final class Endpoint {
  /** After so long without a call, what was known of its speed counts a third. */
  private static final double FORGETTING_NANOS = TimeUnit.SECONDS.toNanos(10);

  /**
   * What a call counts that failed by the instance's fault. A failure is often quicker than any
   * answer, and an instance that fails must not look like the best.
   */
  private static final long FAILED_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final SocketAddress address;
  private final long hash;
  private final Subchannel subchannel;
  private final LongSupplier nanoTime;
  private final PickResult plain;
  private final PickResult counted;
  private final PickResult timed;

  private volatile ConnectivityState state = ConnectivityState.IDLE;
  private volatile Status failure = Status.UNAVAILABLE;
  private volatile long readySince;
  private boolean fresh = true;

  private final AtomicInteger running = new AtomicInteger();

  /** Written under the lock; read without. */
  private volatile double tookNanos;

  private volatile long toldAt;
  private volatile boolean told;

  Endpoint(SocketAddress address, Subchannel subchannel, LongSupplier nanoTime) {
    this.address = address;
    this.hash = Hashes.of(address.toString());
    this.subchannel = subchannel;
    this.nanoTime = nanoTime;
    this.plain = PickResult.withSubchannel(subchannel);
    this.counted = PickResult.withSubchannel(subchannel, new Tracing(false));
    this.timed = PickResult.withSubchannel(subchannel, new Tracing(true));
  }

  SocketAddress address() {
    return address;
  }

  /** Of its address. */
  long hash() {
    return hash;
  }

  Subchannel subchannel() {
    return subchannel;
  }

  ConnectivityState state() {
    return state;
  }

  /** Why there is no connection. */
  Status failure() {
    return failure;
  }

  /**
   * Takes a new state of the connection; false if that changes nothing for calls. A connection that
   * failed counts as failed until there is one: calls shall not wait for each attempt.
   */
  boolean state(ConnectivityState next, Status status) {
    if (state == ConnectivityState.TRANSIENT_FAILURE
        && (next == ConnectivityState.CONNECTING || next == ConnectivityState.IDLE)) {
      return false;
    }
    if (next == ConnectivityState.READY && fresh) {
      fresh = false;
      readySince = nanoTime.getAsLong();
    }
    if (next == ConnectivityState.TRANSIENT_FAILURE) {
      // It may be another process when it is back.
      fresh = true;
      failure = status;
    }
    state = next;
    return true;
  }

  boolean isReady() {
    return state == ConnectivityState.READY;
  }

  /** How long it has been there without a failure of its connection. */
  long readyNanos(long now) {
    return now - readySince;
  }

  /** To send a call there of which nothing has to be known. */
  PickResult plain() {
    return plain;
  }

  /** To send a call there that counts while it runs; its time says nothing, as that of a stream. */
  PickResult counted() {
    return counted;
  }

  /** To send a call there that counts while it runs, and whose time does, too. */
  PickResult timed() {
    return timed;
  }

  int running() {
    return running.get();
  }

  /**
   * What a call takes there, as far as {@link #load} goes by it: what is long ago counts less.
   * Empty before the first one, and where only calls are counted or nothing is.
   */
  Optional<Duration> latency(long now) {
    return told
        ? Optional.of(
            Duration.ofNanos((long) (tookNanos * Math.exp(-(now - toldAt) / FORGETTING_NANOS))))
        : Optional.empty();
  }

  /**
   * How long one more call would take, as a guess: what the last ones took, for each that is there
   * already. An instance of which nothing is known gets one call to find out.
   */
  double load(long now) {
    int calls = running.get();
    if (!told) {
      return calls == 0 ? 0 : Double.MAX_VALUE;
    }
    return tookNanos * Math.exp(-(now - toldAt) / FORGETTING_NANOS) * (calls + 1);
  }

  /**
   * Takes the time of a call: a longer one than was known counts at once, shorter ones by and by.
   */
  private synchronized void took(long nanos, long now) {
    double known = tookNanos;
    double old = told ? Math.exp(-(now - toldAt) / FORGETTING_NANOS) : 0;
    tookNanos = nanos > known ? nanos : known * old + nanos * (1 - old);
    toldAt = now;
    told = true;
  }

  /** Hears of the calls that are sent there. */
  private final class Tracing extends ClientStreamTracer.Factory {
    private final boolean time;

    Tracing(boolean time) {
      this.time = time;
    }

    @Override
    public ClientStreamTracer newClientStreamTracer(
        ClientStreamTracer.StreamInfo info, Metadata headers) {
      running.incrementAndGet();
      return new Tracer(nanoTime.getAsLong(), time);
    }
  }

  private final class Tracer extends ClientStreamTracer {
    private final long startedAt;
    private final boolean time;

    Tracer(long startedAt, boolean time) {
      this.startedAt = startedAt;
      this.time = time;
    }

    @Override
    public void streamClosed(Status status) {
      running.decrementAndGet();
      if (!time) {
        return;
      }
      long now = nanoTime.getAsLong();
      long nanos = now - startedAt;
      switch (OutlierDetection.end(status).getCode()) {
        case UNAVAILABLE, INTERNAL, UNKNOWN, RESOURCE_EXHAUSTED ->
            took(Math.max(nanos, FAILED_NANOS), now);
        case CANCELLED, DEADLINE_EXCEEDED -> {
          // It would have taken longer.
          if (nanos > tookNanos) {
            took(nanos, now);
          }
        }
        default -> took(nanos, now);
      }
    }
  }
}
