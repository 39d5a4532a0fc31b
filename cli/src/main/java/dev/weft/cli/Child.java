package dev.weft.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One process that is kept running: when it dies it is started again, after 0.5 s at first and
 * twice as long each time up to 30 s. It ends when this JVM does, however that happens.
 *
 * <p>Thread-safe.
 */
final class Child {
  private static final Duration BACKOFF_FIRST = Duration.ofMillis(500);
  private static final Duration BACKOFF_MAX = Duration.ofSeconds(30);
  private static final Duration STEADY = Duration.ofSeconds(10);
  static final int MISSES = 3;
  private static final int EXIT_NOT_STARTED = 127; // as a shell has it
  private static final String TIED = script();

  /** Told about every line a child writes and every change of its state. */
  interface Listener {
    void line(String process, String line);

    /** It ended without being asked to, and is started again after the given time. */
    void died(String process, int exitCode, Duration restartIn);

    void changed();
  }

  /** Where the process stands. */
  enum State {
    STARTING,
    READY,
    /** It was ready, and then did not say so several times in a row. */
    UNREADY,
    RESTARTING,
    STOPPING,
    STOPPED
  }

  private final ProcessSpec spec;
  private final LogFile log;
  private final Listener listener;
  private final CountDownLatch stopping = new CountDownLatch(1);
  private volatile @Nullable Process process;
  private volatile State state = State.STARTING;
  private final AtomicInteger restarts = new AtomicInteger();
  private final Object turning = new Object();
  private final AtomicInteger misses = new AtomicInteger();

  Child(ProcessSpec spec, LogFile log, Listener listener) {
    this.spec = spec;
    this.log = log;
    this.listener = listener;
  }

  void start() {
    Process first = spawn();
    Thread.ofVirtual().name(spec.name()).start(() -> keepRunning(first));
  }

  String name() {
    return spec.name();
  }

  State state() {
    return state;
  }

  /** How often it had to be started again. */
  int restarts() {
    return restarts.get();
  }

  /** 0 while it does not run. */
  long pid() {
    Process running = process;
    return running != null && running.isAlive() ? running.pid() : 0;
  }

  @Nullable Instant startTime() {
    Process running = process;
    return running == null ? null : running.info().startInstant().orElse(null);
  }

  /** Says that it answers now. */
  void ready() {
    misses.set(0);
    turn(State.READY, State.STARTING, State.UNREADY);
  }

  /** Says that it did not answer: now and then that is nothing, {@value #MISSES} times it is. */
  void missed() {
    if (misses.incrementAndGet() >= MISSES) {
      turn(State.UNREADY, State.READY);
    }
  }

  private void turn(State to, State... from) {
    synchronized (turning) {
      if (!List.of(from).contains(state)) {
        return;
      }
      state = to;
    }
    listener.changed();
  }

  private void turn(State to) {
    synchronized (turning) {
      state = to;
    }
    listener.changed();
  }

  /** Asks it to end and waits; after the limit it is killed. */
  void stop(Duration limit) {
    stopping.countDown();
    turn(State.STOPPING);
    Process running = process;
    if (running != null) {
      end(running, limit);
    }
    turn(State.STOPPED);
  }

  private void end(Process running, Duration limit) {
    running
        .toHandle()
        .destroy(); // Process.destroy() would close the pipe that its last words come by
    try {
      if (!running.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        log.append("weft: did not end within " + limit.toSeconds() + " s and is killed");
        running.destroyForcibly().waitFor(5, TimeUnit.SECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Process spawn() {
    List<String> command = new ArrayList<>(List.of("sh", "-c", TIED, "tied", spec.stopSignal()));
    command.addAll(spec.command());
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.directory(spec.folder().toFile());
    builder.environment().putAll(spec.environment());
    try {
      Process started = builder.start();
      process = started;
      listener.changed();
      return started;
    } catch (IOException e) {
      throw new Trouble(spec.name() + " cannot be started: " + e.getMessage());
    }
  }

  private void keepRunning(Process first) {
    @Nullable Process running = first;
    Duration backoff = BACKOFF_FIRST;
    try {
      while (true) {
        Instant started = Instant.now();
        int exitCode = running == null ? EXIT_NOT_STARTED : untilItEnds(running);
        if (stopping.getCount() == 0) {
          return;
        }
        if (Duration.between(started, Instant.now()).compareTo(STEADY) > 0) {
          backoff = BACKOFF_FIRST;
        }
        restarts.incrementAndGet();
        turn(State.RESTARTING, State.STARTING, State.READY, State.UNREADY);
        listener.died(spec.name(), exitCode, backoff);
        if (stopping.await(backoff.toMillis(), TimeUnit.MILLISECONDS)) {
          return;
        }
        backoff =
            backoff.multipliedBy(2).compareTo(BACKOFF_MAX) > 0
                ? BACKOFF_MAX
                : backoff.multipliedBy(2);
        misses.set(0);
        turn(State.STARTING, State.RESTARTING);
        running = spawnAgain();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // A machine that has no process to give now may have one later.
  private @Nullable Process spawnAgain() {
    try {
      return spawn();
    } catch (Trouble e) {
      log.append("weft: " + e.getMessage());
      return null;
    }
  }

  private int untilItEnds(Process running) throws IOException, InterruptedException {
    pump(running);
    int exitCode = running.waitFor();
    running.getOutputStream().close(); // lets the watcher behind the process end, too
    return exitCode;
  }

  private void pump(Process running) throws IOException {
    try (var lines =
        new BufferedReader(
            new InputStreamReader(running.getInputStream(), StandardCharsets.UTF_8))) {
      String line;
      while ((line = lines.readLine()) != null) {
        log.append(line);
        listener.line(spec.name(), line);
      }
    }
  }

  private static String script() {
    try (InputStream in = Child.class.getResourceAsStream("tied.sh")) {
      if (in == null) {
        throw new IllegalStateException("tied.sh is missing from the jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
