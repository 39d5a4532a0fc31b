package dev.weft.cli;

import static dev.weft.cli.Programs.CARD_NETWORK;
import static dev.weft.cli.Programs.DATABASE;
import static dev.weft.cli.Programs.EDGE;
import static dev.weft.cli.Programs.OPERATOR;
import static dev.weft.cli.Programs.REGISTRY;
import static dev.weft.cli.Programs.SERVICES;

import dev.weft.durable.LocalPostgres;
import dev.weft.durable.LocalPostgresException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The whole system as processes of this machine: started in order, kept running, stopped in
 * reverse.
 *
 * <p>One supervisor per state folder, held by a file lock that ends with its process. Its children
 * end with it too, also when it is killed.
 */
final class Supervisor implements AutoCloseable {
  private static final Duration READY_LIMIT = Duration.ofSeconds(90);
  private static final Duration LEFTOVERS_LIMIT = Duration.ofSeconds(45);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(30);
  private static final Duration PAUSE = Duration.ofMillis(20);
  private static final Duration LOOK_EVERY = Duration.ofMillis(500);
  private static final int LOOKS_AT_ALL = 4; // every so many

  private final StateDir dir;
  private final Programs programs;
  private final Console console;
  private final Http http = new Http();
  private final Probe probe;
  private final Map<String, Child> children = new LinkedHashMap<>();
  private final Object stateFile = new Object();
  // Held while it starts; nothing is started by whoever comes after closing.
  private final ReentrantLock starting = new ReentrantLock();
  private final Object launching = new Object();
  private final CountDownLatch stopped = new CountDownLatch(1);
  private @Nullable FileLock lock;
  private @Nullable LocalPostgres postgres;
  private volatile boolean ready;
  private volatile boolean closing;
  private volatile boolean folderGone;
  private @Nullable Object lockKey;

  Supervisor(StateDir dir, Programs programs, Console console) {
    this.dir = dir;
    this.programs = programs;
    this.console = console;
    this.probe = new Probe(http, programs);
  }

  /**
   * Starts everything and returns when the first order can be placed; {@link Trouble} once it is
   * {@linkplain #close closed}.
   */
  DemoData.Accounts start() {
    starting.lock();
    try {
      return startAll();
    } finally {
      starting.unlock();
    }
  }

  private DemoData.Accounts startAll() {
    lock = lock();
    Thread.ofVirtual().name("folder").start(this::watchFolder);
    clearLeftovers();
    programs.insistOnFreePorts();
    probe.insistOnBeingShownWhatIsThere();
    if (programs.startsRegistry()) {
      launch(programs.registry());
      awaitReady(REGISTRY);
    }
    launch(programs.cardNetwork());
    Map<String, String> databases = startDatabase();
    ServiceKeys keys = ServiceKeys.in(dir.folder("identity"), withNames());
    for (String service : programs.services()) {
      String database = databases.get(database(Instances.service(service)));
      if (database == null) {
        throw new IllegalStateException("no database for " + service);
      }
      launch(programs.service(service, keys, database));
    }
    launch(programs.edge(keys));
    programs.services().forEach(this::awaitReady);
    awaitReady(EDGE);
    awaitReady(CARD_NETWORK);
    var accounts = new DemoData(dir, http, programs.url(EDGE)).seed();
    ready = true;
    writeState();
    Thread.ofVirtual().name("readiness").start(this::watchReadiness);
    return accounts;
  }

  /**
   * Returns when {@link #close} has stopped everything.
   *
   * @return whether somebody wanted that; false if it had to, because its folder was removed
   */
  boolean awaitStopped() throws InterruptedException {
    stopped.await();
    return !folderGone;
  }

  SystemState state() {
    List<SystemState.Running> running = new ArrayList<>();
    for (Child child : all()) {
      String name = child.name();
      Instant started = child.startTime();
      running.add(
          new SystemState.Running(
              name,
              child.pid(),
              started == null ? 0 : started.toEpochMilli(),
              child.state().name().toLowerCase(Locale.ROOT),
              programs.port(name),
              programs.managementPort(name),
              child.restarts()));
    }
    return new SystemState(
        self(),
        ready && !closing,
        programs.writeArchives(),
        programs.plaintext(),
        running,
        programs.urls());
  }

  /**
   * Stops the edge first, so that nothing new comes in; then the services, which may need each
   * other for what still runs; then what only they used. Returns when all of it has ended, a start
   * too that it came into, also to whoever calls it while another does.
   */
  @Override
  public void close() {
    boolean first;
    synchronized (launching) {
      first = !closing;
      closing = true;
    }
    if (!first) {
      awaitClosed();
      return;
    }
    try {
      stopAll();
    } finally {
      stopped.countDown();
    }
  }

  private void awaitClosed() {
    try {
      stopped.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void stopAll() {
    if (!all().isEmpty()) {
      console.stopping(state());
    }
    long began = System.nanoTime();
    stop(List.of(EDGE), began);
    stop(programs.services(), began);
    stop(List.of(CARD_NETWORK, DATABASE, REGISTRY), began);
    boolean startEnded = awaitStartEnded();
    try {
      closeDatabase();
      if (lock != null) {
        ready = false;
        writeState();
      }
    } finally {
      if (startEnded) {
        starting.unlock();
      }
    }
  }

  // It would write into a folder that may be deleted next.
  private boolean awaitStartEnded() {
    try {
      return starting.tryLock(STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void closeDatabase() {
    LocalPostgres server = postgres;
    if (server == null) {
      return;
    }
    try {
      server.close();
    } catch (LocalPostgresException e) {
      if (!folderGone) {
        throw e;
      }
    }
  }

  private void stop(List<String> names, long began) {
    List<Thread> stops = new ArrayList<>();
    for (String name : names) {
      child(
          name,
          child ->
              stops.add(
                  Thread.ofVirtual()
                      .start(
                          () -> {
                            child.stop(STOP_LIMIT);
                            console.stopped(name, began);
                          })));
    }
    for (Thread stop : stops) {
      try {
        stop.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private FileLock lock() {
    try {
      FileChannel channel =
          FileChannel.open(lockFile(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock taken = channel.tryLock();
      if (taken != null) {
        lockKey = key(lockFile());
        return taken;
      }
    } catch (OverlappingFileLockException e) {
      // Falls through: held by this very process is held, too.
    } catch (IOException e) {
      throw new Trouble(dir.path() + " cannot be locked: " + e.getMessage());
    }
    long pid = SystemState.read(dir).map(state -> state.supervisor().pid()).orElse(0L);
    throw new Trouble(
        "already up"
            + (pid == 0 ? "" : " (pid " + pid + ")")
            + ": see ./weft status, or ./weft down first");
  }

  /**
   * Children of a supervisor that was killed end by themselves; this waits for them, and insists.
   */
  private void clearLeftovers() {
    List<ProcessHandle> leftovers =
        SystemState.read(dir).stream()
            .flatMap(state -> state.processes().stream())
            .flatMap(process -> process.handle().stream())
            .toList();
    if (leftovers.isEmpty()) {
      return;
    }
    console.note(
        "the last run was killed; waiting for " + leftovers.size() + " of its processes to end");
    long end = System.nanoTime() + LEFTOVERS_LIMIT.toNanos();
    for (ProcessHandle leftover : leftovers) {
      while (leftover.isAlive()) {
        if (System.nanoTime() > end) {
          leftover.destroyForcibly();
        }
        LockSupport.parkNanos(PAUSE.toNanos());
      }
    }
  }

  private Map<String, String> startDatabase() {
    try {
      var server = LocalPostgres.prepare(dir.folder("postgres"), programs.port(DATABASE));
      postgres = server;
      launch(programs.database(server));
      awaitReady(DATABASE);
      return server.provision(SERVICES.stream().map(Supervisor::database).toList());
    } catch (LocalPostgresException e) {
      throw new Trouble("PostgreSQL: " + e.getMessage());
    }
  }

  private static String database(String service) {
    return service.replace('-', '_');
  }

  private void launch(ProcessSpec spec) {
    var child = new Child(spec, new LogFile(dir.log(spec.name())), new Events());
    synchronized (launching) {
      insistOnGoingOn();
      synchronized (children) {
        children.put(spec.name(), child);
      }
      child.start();
    }
    writeState();
  }

  private void awaitReady(String name) {
    long end = System.nanoTime() + READY_LIMIT.toNanos();
    while (!answers(name)) {
      Child process = child(name);
      insistOnGoingOn();
      if (process != null && process.restarts() > 2) {
        throw failed(name, "keeps ending at start-up");
      }
      if (System.nanoTime() > end) {
        throw failed(name, "is not ready after " + READY_LIMIT.toSeconds() + " s");
      }
      LockSupport.parkNanos(PAUSE.toNanos());
    }
    child(name, Child::ready);
    console.ready(name);
  }

  private void insistOnGoingOn() {
    if (closing) {
      throw new Trouble("stopped before everything was ready");
    }
  }

  private boolean answers(String name) {
    return name.equals(DATABASE) ? databaseAnswers() : probe.answers(name);
  }

  private Trouble failed(String name, String what) {
    List<String> tail = LogFile.tail(dir.log(name), 20);
    return new Trouble(
        4,
        name
            + " "
            + what
            + "; its last lines (all of them: "
            + dir.log(name)
            + "):\n  "
            + String.join("\n  ", tail));
  }

  // What died and was started again is ready again when it answers; what runs may hang.
  private void watchReadiness() {
    var watch =
        new ReadinessWatch(
            this::all,
            this::answers,
            name -> name.equals(DATABASE) ? databaseAnswers() : probe.stillAnswers(name));
    try {
      for (int look = 0; !closing; look++) {
        if (look % LOOKS_AT_ALL == 0) {
          watch.lookAtAll();
        } else {
          watch.lookAtStarting();
        }
        Thread.sleep(LOOK_EVERY);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean databaseAnswers() {
    LocalPostgres server = postgres;
    if (server == null) {
      return false;
    }
    try {
      server.awaitReady(PAUSE);
      return true;
    } catch (LocalPostgresException e) {
      return false;
    }
  }

  // Without its folder nobody could ask for its state, or stop it.
  private void watchFolder() {
    try {
      while (!closing) {
        if (!holdsFolder()) {
          folderGone = true;
          console.note(dir.path() + " was removed: stopping everything");
          close();
        }
        Thread.sleep(LOOK_EVERY);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether the file it locked still is where it was: somebody else may have made another. */
  private boolean holdsFolder() {
    try {
      return Objects.equals(lockKey, key(lockFile()));
    } catch (IOException e) {
      return !(e instanceof NoSuchFileException);
    }
  }

  private Path lockFile() {
    return dir.path().resolve("supervisor.lock");
  }

  private static @Nullable Object key(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
  }

  private List<Child> all() {
    synchronized (children) {
      return List.copyOf(children.values());
    }
  }

  private @Nullable Child child(String name) {
    synchronized (children) {
      return children.get(name);
    }
  }

  private void child(String name, Consumer<Child> action) {
    Child child = child(name);
    if (child != null) {
      action.accept(child);
    }
  }

  // One at a time: what is written last is what was true last.
  private void writeState() {
    synchronized (stateFile) {
      try {
        state().write(dir);
      } catch (UncheckedIOException e) {
        if (holdsFolder()) {
          throw e;
        }
      }
    }
  }

  private static SystemState.Running self() {
    ProcessHandle self = ProcessHandle.current();
    long started = self.info().startInstant().map(Instant::toEpochMilli).orElse(-1L);
    return new SystemState.Running("supervisor", self.pid(), started, "ready", 0, 0, 0);
  }

  /** Everybody who has to prove a name: the operator, too, from the start. */
  private static List<String> withNames() {
    List<String> names = new ArrayList<>(SERVICES);
    names.add(EDGE);
    names.add(OPERATOR);
    return names;
  }

  private final class Events implements Child.Listener {
    @Override
    public void line(String process, String line) {
      console.line(process, line);
    }

    @Override
    public void died(String process, int exitCode, Duration restartIn) {
      console.note(
          process
              + " died (exit code "
              + exitCode
              + "); starting it again in "
              + restartIn.toMillis()
              + " ms");
    }

    @Override
    public void changed() {
      writeState();
    }
  }
}
