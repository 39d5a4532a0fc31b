package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The agent's state in one file, {@code state.json} of the data directory: written whole beside the
 * old one, forced to the disk, then renamed over it, so that a crash leaves one or the other.
 *
 * <p>A request that changes something is answered once its change is in the file; many such
 * requests share one write. What probes find is written within {@value #IDLE_MILLIS} ms.
 */
final class StateFile implements Ledger.Journal, AutoCloseable {
  /** What an earlier run left behind, or the beginning of a first one. */
  record Saved(
      long index,
      String nodeId,
      List<? extends @Nullable Object> services,
      List<? extends @Nullable Object> checks,
      List<? extends @Nullable Object> keys,
      List<? extends @Nullable Object> configEntries,
      Map<String, @Nullable Object> ca) {
    /** Of an agent that has no past. */
    static Saved none() {
      return startingAt(1);
    }

    private static Saved startingAt(long index) {
      return new Saved(
          index,
          UUID.randomUUID().toString(),
          List.of(),
          List.of(),
          List.of(),
          List.of(),
          Map.of());
    }
  }

  private static final Logger LOG = System.getLogger(StateFile.class.getName());
  private static final int FORMAT = 1;
  private static final long IDLE_MILLIS = 250;
  private static final long RETRY_MILLIS = 1_000;

  /** Far more changes than can happen between two writes. */
  private static final long UNWRITTEN_MAX = 1_000_000;

  private static final FileAttribute<?> OWNER_ONLY_DIR =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final FileAttribute<?> OWNER_ONLY_FILE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Path directory;
  private final Path file;
  private final FileChannel lockFile;
  private final InstantSource clock;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition bell = lock.newCondition();
  private @Nullable Supplier<Map<String, @Nullable Object>> state;
  private @Nullable Thread writer;
  private long changes;
  private long urgent;
  private long written;
  private long failed;
  private String failure = "";
  private boolean closing;

  private StateFile(Path directory, FileChannel lockFile, InstantSource clock) {
    this.directory = directory;
    this.file = directory.resolve("state.json");
    this.lockFile = lockFile;
    this.clock = clock;
  }

  /**
   * Takes the directory for this agent alone, making it if need be.
   *
   * @throws IOException if it is not usable or another agent uses it
   */
  static StateFile open(Path directory, InstantSource clock) throws IOException {
    try {
      return take(directory, clock);
    } catch (FileSystemException e) {
      throw new IOException(directory + " cannot hold the state: " + e, e);
    }
  }

  private static StateFile take(Path directory, InstantSource clock) throws IOException {
    if (!Files.isDirectory(directory)) {
      Path parent = directory.toAbsolutePath().getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      Files.createDirectory(directory, OWNER_ONLY_DIR);
    }
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    FileChannel lockFile =
        FileChannel.open(
            directory.resolve("agent.lock"),
            EnumSet.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
            OWNER_ONLY_FILE);
    try {
      FileLock held = lockFile.tryLock();
      if (held != null) {
        return new StateFile(directory, lockFile, clock);
      }
    } catch (OverlappingFileLockException e) {
      LOG.log(Level.DEBUG, "the other agent is in this process", e);
    }
    lockFile.close();
    throw new IOException(directory + " is in use by another agent");
  }

  /** Reads what an earlier run left; a file that makes no sense is moved aside and named. */
  Saved read() throws IOException {
    if (!Files.exists(file)) {
      return Saved.none();
    }
    try {
      Fields saved =
          new Fields(
              Json.parse(Files.readAllBytes(file)),
              List.of(
                  "Format",
                  "Index",
                  "Clean",
                  "Node",
                  "Services",
                  "Checks",
                  "Keys",
                  "ConfigEntries",
                  "Connect"));
      if (saved.number("Format") != FORMAT || saved.text("Node").isEmpty()) {
        throw new IllegalArgumentException("it is not in format " + FORMAT);
      }
      long index = saved.unsigned("Index") + (saved.flag("Clean") ? 0 : UNWRITTEN_MAX);
      return new Saved(
          index,
          saved.text("Node"),
          saved.list("Services"),
          saved.list("Checks"),
          saved.list("Keys"),
          saved.list("ConfigEntries"),
          saved.object("Connect"));
    } catch (IllegalArgumentException e) {
      return setAside(e);
    }
  }

  /**
   * Moves the file out of the way. The next index is unknown then; seconds since 1970 are more than
   * any earlier run can have counted.
   */
  Saved setAside(RuntimeException why) throws IOException {
    long now = clock.instant().getEpochSecond();
    Path aside = directory.resolve("state.json.corrupt-" + now);
    Files.move(file, aside, StandardCopyOption.REPLACE_EXISTING);
    LOG.log(
        Level.ERROR,
        "the state was unreadable ({0}): moved to {1}, starting empty",
        why.getMessage(),
        aside);
    return Saved.startingAt(now);
  }

  /** Starts to keep what {@code source} returns; it is called under the ledger's lock. */
  void start(Ledger ledger, Supplier<Map<String, @Nullable Object>> source) throws IOException {
    state = () -> ledger.read(source);
    save(false);
    ledger.keepIn(this);
    writer = Thread.ofPlatform().name("state-writer").daemon().start(this::writeForEver);
  }

  @Override
  public void changed() {
    lock.lock();
    try {
      changes++;
      bell.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void awaitWritten() throws IOException, InterruptedException {
    lock.lockInterruptibly();
    try {
      long mine = changes;
      if (mine <= written) {
        return;
      }
      urgent = Math.max(urgent, mine);
      bell.signalAll();
      while (written < mine) {
        if (failed >= mine || closing) {
          throw new IOException(closing ? "the agent is closing" : failure);
        }
        bell.await();
      }
    } finally {
      lock.unlock();
    }
  }

  private void writeForEver() {
    try {
      while (true) {
        long target = nextToWrite();
        if (target < 0) {
          return;
        }
        IOException error = trySave();
        settle(target, error);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // nobody does
    }
  }

  /** Waits for changes: at most a moment if somebody waits for them. -1 when closing. */
  private long nextToWrite() throws InterruptedException {
    lock.lock();
    try {
      while (changes == written && !closing) {
        bell.await();
      }
      long nanos = TimeUnit.MILLISECONDS.toNanos(failed > written ? RETRY_MILLIS : IDLE_MILLIS);
      while (nanos > 0 && !closing && urgent <= Math.max(written, failed)) {
        nanos = bell.awaitNanos(nanos);
      }
      return closing ? -1 : changes;
    } finally {
      lock.unlock();
    }
  }

  private @Nullable IOException trySave() {
    try {
      save(false);
      return null;
    } catch (IOException e) {
      return e;
    } catch (OutOfMemoryError e) {
      return new IOException("the state does not fit into the memory", e);
    }
  }

  private void settle(long target, @Nullable IOException error) {
    lock.lock();
    try {
      if (error == null) {
        written = target;
      } else {
        failed = target;
        failure = String.valueOf(error.getMessage());
        LOG.log(Level.ERROR, "cannot write {0}: {1}; trying again", file, failure);
      }
      bell.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void save(boolean clean) throws IOException {
    Supplier<Map<String, @Nullable Object>> source = state;
    if (source == null) {
      return;
    }
    Map<String, @Nullable Object> json = object("Format", FORMAT, "Clean", clean);
    json.putAll(source.get());
    Path fresh = directory.resolve("state.json.new");
    Files.deleteIfExists(fresh);
    Set<StandardOpenOption> options =
        EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try (FileChannel out = FileChannel.open(fresh, options, OWNER_ONLY_FILE)) {
      Json.write(Channels.newOutputStream(out), json);
      out.force(true);
    }
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    try (FileChannel entries = FileChannel.open(directory, StandardOpenOption.READ)) {
      entries.force(true);
    }
  }

  /** Writes the state a last time, when nothing changes any more, and gives up the directory. */
  @Override
  public void close() {
    lock.lock();
    try {
      closing = true;
      bell.signalAll();
    } finally {
      lock.unlock();
    }
    try (lockFile) {
      if (writer != null) {
        writer.join();
      }
      save(true);
    } catch (IOException e) {
      LOG.log(Level.ERROR, "cannot write {0}: {1}", file, e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
