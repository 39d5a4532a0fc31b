package dev.weft.consul;

import static java.util.stream.Collectors.toMap;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps one instance registered until it is closed: through an agent that is not there yet, and
 * through one that restarts and forgot us.
 *
 * <p>The agent is asked every 2 s, give or take a fifth, whether it still knows the instance with
 * all its checks; if not, the instance is registered again, and its checks start with the health
 * they last had, so that an agent's restart does not look like an outage of the service. After
 * failures the next attempt follows within 2 s.
 *
 * <p>{@link #close} deregisters. Thread-safe.
 */
public final class Registration implements AutoCloseable {
  /** Whether the agent knows the instance, as far as we know. */
  public enum State {
    /** Not yet, or no longer: attempts go on. */
    PENDING,
    REGISTERED,
    CLOSED
  }

  private static final Duration INTERVAL = Duration.ofSeconds(2);
  private static final Backoff BACKOFF = Backoff.upTo(INTERVAL);
  private static final Logger log = LoggerFactory.getLogger(Registration.class);

  private final Agent agent;
  private final ServiceRegistration wanted;
  private final CountDownLatch closing = new CountDownLatch(1);

  // Written under this object's lock, which is held during calls so that deregistering comes last.
  private volatile State state = State.PENDING;
  private volatile @Nullable ConsulException lastFailure;
  private Map<String, Health> lastSeen = Map.of();
  private int failures;

  Registration(Agent agent, ServiceRegistration wanted) {
    this.agent = agent;
    this.wanted = wanted;
  }

  /**
   * Tries once, and goes on in the background.
   *
   * @throws ConsulException if the registration itself is at fault
   */
  void start() {
    keep();
    ConsulException failure = lastFailure;
    if (failure != null && failure.permanent()) {
      throw failure;
    }
    Thread.ofVirtual().name("consul-registration " + wanted.id()).start(this::run);
  }

  /** What is kept registered. */
  public ServiceRegistration registration() {
    return wanted;
  }

  /** Whether the agent knew the instance when it was last asked. */
  public State state() {
    return state;
  }

  /** Why the last attempt failed; empty once one succeeded. */
  public Optional<ConsulException> lastFailure() {
    return Optional.ofNullable(lastFailure);
  }

  private void run() {
    try {
      while (!closing.await(pause().toMillis(), TimeUnit.MILLISECONDS)) {
        keep();
      }
    } catch (InterruptedException e) {
      log.warn("{} is no longer kept registered: its thread was interrupted", wanted.id(), e);
    }
  }

  private synchronized Duration pause() {
    return failures == 0 ? BACKOFF.jittered(INTERVAL) : BACKOFF.after(failures);
  }

  /** One look at the agent, and whatever follows from it. */
  private synchronized void keep() {
    if (state == State.CLOSED) {
      return;
    }
    try {
      if (state == State.REGISTERED && !known()) {
        state = State.PENDING;
        log.warn(
            "Consul no longer knows {} with all its checks, registering it again", wanted.id());
      }
      if (state == State.PENDING) {
        agent.register(wanted.withChecks(wanted.checks().stream().map(this::asLastSeen).toList()));
        state = State.REGISTERED;
        log.info("registered {} with Consul as {}", wanted.name(), wanted.id());
      }
      lastFailure = null;
      failures = 0;
    } catch (ConsulException e) {
      failures++;
      ConsulException before = lastFailure;
      lastFailure = e;
      if (before == null || before.status() != e.status()) {
        log.warn("{} cannot be kept registered, trying on: {}", wanted.id(), e.getMessage());
      } else {
        log.debug("attempt {} to keep {} registered failed", failures, wanted.id(), e);
      }
    }
  }

  private boolean known() {
    Optional<InstanceHealth> seen = agent.health(wanted.id());
    if (seen.isEmpty()) {
      return false;
    }
    Map<String, Health> health =
        seen.get().checks().stream()
            .collect(toMap(CheckResult::id, CheckResult::status, (a, _) -> a));
    lastSeen = health;
    return wanted.checks().stream().map(Check::id).allMatch(health::containsKey);
  }

  private Check asLastSeen(Check check) {
    Health health = lastSeen.get(check.id());
    return health == null ? check : check.withInitial(health);
  }

  /**
   * Deregisters the instance, also after a registration of unknown outcome. Takes at most 10 s, if
   * the agent hangs; never throws: an agent that cannot be told removes the instance once its
   * checks fail for long enough.
   */
  @Override
  public void close() {
    closing.countDown();
    synchronized (this) {
      if (state != State.CLOSED) {
        deregister();
      }
      state = State.CLOSED;
    }
  }

  private void deregister() {
    try {
      agent.deregister(wanted.id());
      log.info("deregistered {} from Consul", wanted.id());
    } catch (ConsulException e) {
      log.warn(
          "{} could not be deregistered, its checks will have it removed: {}",
          wanted.id(),
          e.getMessage());
    }
  }
}
