package dev.weft.mesh;

import java.io.PrintStream;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The {@code main} of a service: reads the environment, wires, starts, waits for SIGTERM, closes.
 *
 * <p>Exit codes: 64 when the environment is wrong, with one line on stderr and nothing opened; 1
 * when the start fails, with the cause in the log; 143, as of any JVM, after SIGTERM. Closing may
 * take {@value #CLOSE_SECONDS} s; then the process ends anyway, with 1.
 */
public final class MeshProcess {
  /** As BSD's sysexits: the command was used incorrectly. */
  static final int EXIT_CONFIG = 64;

  static final int EXIT_FAILED = 1;

  /**
   * Longer than the drain of a server, shorter than the patience of a supervisor that then kills.
   */
  static final long CLOSE_SECONDS = 28;

  private static final Logger log = LoggerFactory.getLogger(MeshProcess.class);

  private static final StackWalker CALLERS =
      StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);

  private final String name;
  private final PrintStream err;
  private final IntConsumer exit;
  private final Duration closeWithin;
  private final CountDownLatch stopped = new CountDownLatch(1);

  MeshProcess(String name, PrintStream err, IntConsumer exit, Duration closeWithin) {
    this.name = name;
    this.err = err;
    this.exit = exit;
    this.closeWithin = closeWithin;
  }

  /**
   * Runs a process until it is asked to stop. Call it from {@code main} and do nothing after it.
   *
   * <p>Its version, unless {@code WEFT_VERSION} says another, is the one that the manifest of the
   * calling class's jar has as {@code Implementation-Version}.
   *
   * @param name the service's name, as in the registry
   * @param wiring makes the process from its environment; throws {@link ConfigException} before it
   *     opens anything if a variable is wrong
   */
  public static void run(String name, Function<Env, ? extends RunningProcess> wiring) {
    new MeshProcess(name, System.err, Runtime.getRuntime()::halt, Duration.ofSeconds(CLOSE_SECONDS))
        .runUntilStopped(withVersionOf(CALLERS.getCallerClass(), Env.system()), wiring);
  }

  static Env withVersionOf(Class<?> main, Env env) {
    String version = main.getPackage().getImplementationVersion();
    return version == null ? env : env.withDefault("WEFT_VERSION", version);
  }

  private void runUntilStopped(Env env, Function<Env, ? extends RunningProcess> wiring) {
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, thrown) -> log.error("thread {} died", thread.getName(), thrown));
    start(env, wiring, close -> Runtime.getRuntime().addShutdownHook(new Thread(close, "stop")));
    try {
      stopped.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Starts the process, or reports why not and asks for the exit. {@code onSignal} gets what closes
   * it.
   */
  void start(Env env, Function<Env, ? extends RunningProcess> wiring, Consumer<Runnable> onSignal) {
    long began = System.nanoTime();
    RunningProcess process;
    try {
      Logging.check(env);
      Logging.name(name, env.or("WEFT_VERSION", "dev"));
      process = wiring.apply(env);
    } catch (ConfigException e) {
      err.println(name + ": " + e.getMessage());
      exit.accept(EXIT_CONFIG);
      return;
    } catch (RuntimeException | Error e) {
      log.error("{} cannot be wired", name, e);
      exit.accept(EXIT_FAILED);
      return;
    }
    AtomicBoolean closing = new AtomicBoolean();
    onSignal.accept(
        () -> {
          if (closing.compareAndSet(false, true)) {
            closeInTime(process);
          }
        });
    try {
      log.debug("{} starts", name);
      process.start();
      log.info("{} started in {} ms", name, millisSince(began));
    } catch (Exception | Error e) {
      // A stop that arrives while starting closes what the start is still using: not a failure.
      if (closing.compareAndSet(false, true)) {
        log.error("{} cannot start", name, e);
        closeInTime(process);
        exit.accept(EXIT_FAILED);
      }
    }
  }

  private void closeInTime(RunningProcess process) {
    log.info("{} stops", name);
    long began = System.nanoTime();
    Thread closer =
        Thread.ofPlatform()
            .name("close")
            .daemon()
            .start(
                () -> {
                  try {
                    process.close();
                  } catch (RuntimeException | Error e) {
                    log.error("{} did not close cleanly", name, e);
                  }
                });
    boolean closed = false;
    try {
      closed = closer.join(closeWithin);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    stopped.countDown();
    if (closed) {
      log.info("{} stopped in {} ms", name, millisSince(began));
    } else {
      log.error("{} did not close within {} s and is ended", name, closeWithin.toSeconds());
      exit.accept(EXIT_FAILED);
    }
  }

  private static long millisSince(long nanos) {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - nanos);
  }
}
