package dev.weft.events;

import dev.weft.event.v1.AcknowledgeRequest;
import dev.weft.event.v1.EventLogServiceGrpc.EventLogServiceBlockingStub;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends acknowledgements, several in one call: of each lane the last one is enough. One that gets
 * lost costs a repetition, nothing else.
 *
 * <p>Thread-safe.
 */
final class Acknowledgements implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Acknowledgements.class);

  /** What is acknowledged late comes again after a crash, and nothing else. */
  private static final Duration TOGETHER = Duration.ofMillis(100);

  private static final Duration AGAIN = Duration.ofMillis(500);
  private static final Duration DEADLINE = Duration.ofSeconds(2);

  private final String group;
  private final EventLogServiceBlockingStub calls;
  private final Semaphore some = new Semaphore(0);
  private volatile boolean closed;

  // Guarded by this: by lane.
  private Map<Integer, String> tokens = new HashMap<>();

  Acknowledgements(String group, EventLogServiceBlockingStub calls) {
    this.group = group;
    this.calls = calls;
  }

  void start() {
    Thread.ofVirtual().name("acknowledge-" + group).start(this::run);
  }

  /** Everything in the lane up to the token was handled. */
  void done(int lane, String token) {
    synchronized (this) {
      tokens.put(lane, token);
    }
    some.release();
  }

  /** Sends what is left. */
  @Override
  public void close() {
    closed = true;
    some.release();
    flush();
  }

  private void run() {
    try {
      while (!closed) {
        some.acquire();
        LockSupport.parkNanos(TOGETHER.toNanos());
        some.drainPermits();
        if (!flush()) {
          LockSupport.parkNanos(AGAIN.toNanos());
          some.release();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Sends what there is; false if it did not arrive. */
  private boolean flush() {
    Map<Integer, String> sent = take();
    if (sent.isEmpty()) {
      return true;
    }
    try {
      var _ =
          calls
              .withDeadlineAfter(DEADLINE.toMillis(), TimeUnit.MILLISECONDS)
              .acknowledge(
                  AcknowledgeRequest.newBuilder()
                      .setGroup(group)
                      .addAllTokens(sent.values())
                      .build());
      return true;
    } catch (StatusRuntimeException e) {
      log.debug("{}: acknowledgements did not arrive ({})", group, e.getStatus().getCode());
      giveBack(sent);
      return false;
    }
  }

  private synchronized Map<Integer, String> take() {
    Map<Integer, String> taken = tokens;
    tokens = new HashMap<>();
    return taken;
  }

  /** Unless there are newer ones. */
  private synchronized void giveBack(Map<Integer, String> unsent) {
    unsent.forEach(tokens::putIfAbsent);
  }
}
