package dev.weft.card;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * An append-only file of lines that survives {@code kill -9} and power loss: what {@link
 * #awaitDurable} returned for is on the disk.
 *
 * <p>Lines are written in batches, each {@code batch <bytes> <crc32c>} and then its lines, and each
 * batch is forced to the disk before the next one begins; whoever appended meanwhile shares the
 * next. So only the last batch can be torn, and nobody was told of it: it is dropped when the file
 * is opened. Damage before the last batch is refused.
 *
 * <p>Thread-safe. One process per file, by a lock that ends with the process. When a write fails,
 * nothing more is appended and {@code onFailure} is told once.
 */
final class Journal implements AutoCloseable {
  /** Enough for hundreds of appenders; who comes when it is full waits in {@link #append}. */
  private static final int PENDING_BYTES_MAX = 4 << 20;

  static final String FILE = "ledger.journal";

  private static final int HEADER_BYTES_MAX = 40;
  private static final byte[] MARK = "batch ".getBytes(StandardCharsets.US_ASCII);
  private static final System.Logger log = System.getLogger(Journal.class.getName());

  private final Path file;
  private final FileChannel channel;
  private final Consumer<IOException> onFailure;
  private final Thread writer;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private ByteArrayOutputStream pending = new ByteArrayOutputStream();
  // Counted in batches: a line's ticket is the batch that will carry it.
  private long current = 1;
  private long durable;
  private long durableBytes;
  private @Nullable IOException failure;
  private boolean closed;

  private Journal(Path file, FileChannel channel, Consumer<IOException> onFailure) {
    this.file = file;
    this.channel = channel;
    this.onFailure = onFailure;
    writer = Thread.ofPlatform().name("journal").daemon().unstarted(this::write);
  }

  /**
   * Opens the journal of this directory, or makes one, and hands every line in it to {@code
   * replay}, oldest first.
   *
   * @throws IOException also when the file is damaged or in use, with what to do in the message
   */
  static Journal open(Path directory, Consumer<String> replay, Consumer<IOException> onFailure)
      throws IOException {
    Files.createDirectories(directory);
    Path file = directory.resolve(FILE);
    boolean fresh = Files.notExists(file);
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      if (!locked(channel)) {
        throw new IOException(
            file + " is in use by another card-network: stop it, or set WEFT_DATA_DIR");
      }
      if (fresh) {
        force(directory);
      }
      long whole = replay(file, channel, replay);
      long torn = channel.size() - whole;
      if (torn > 0) {
        log.log(
            System.Logger.Level.WARNING,
            "{0}: dropped the last {1} bytes, a write that a crash cut short before it was answered",
            file,
            Long.toString(torn));
        channel.truncate(whole);
        channel.force(true);
      }
      channel.position(whole);
      Journal journal = new Journal(file, channel, onFailure);
      journal.durableBytes = whole;
      journal.writer.start();
      return journal;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /**
   * Adds a line, which must not hold a line break, after all that were added before.
   *
   * @return the ticket to {@link #awaitDurable} with
   */
  long append(String line) {
    byte[] bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
    lock.lock();
    try {
      while (pending.size() + bytes.length > PENDING_BYTES_MAX && pending.size() > 0) {
        check();
        changed.awaitUninterruptibly();
      }
      check();
      pending.writeBytes(bytes);
      changed.signalAll();
      return current;
    } finally {
      lock.unlock();
    }
  }

  /** The ticket that covers every line appended so far. */
  long last() {
    lock.lock();
    try {
      return pending.size() > 0 ? current : current - 1;
    } finally {
      lock.unlock();
    }
  }

  /** Returns when the line of this ticket, and all before it, are on the disk. */
  void awaitDurable(long ticket) {
    lock.lock();
    try {
      while (durable < ticket) {
        check();
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Lines from a place in the file on.
   *
   * @param from 0, or {@link Page#next} of an earlier page
   */
  Page read(long from, int linesMax) throws IOException {
    List<String> lines = new ArrayList<>();
    long at = from;
    long end = durableBytes();
    try (FileChannel reader = FileChannel.open(file, StandardOpenOption.READ)) {
      while (lines.size() < linesMax) {
        Batch batch = batchAt(reader, at, end);
        if (batch == null) {
          break;
        }
        // Only whole batches, so that every cursor is the start of one.
        lines.addAll(batch.lines());
        at = batch.end();
      }
    }
    return new Page(lines, at);
  }

  /** Returns when the file goes on after this place, or when so much time has passed. */
  void awaitMore(long after, Duration atMost) throws InterruptedException {
    long left = atMost.toNanos();
    lock.lock();
    try {
      while (durableBytes <= after && left > 0) {
        left = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  /** The place itself, if {@link #read} can go on from there, else 0. */
  long placeOrBegin(long place) throws IOException {
    long end = durableBytes();
    return place == end || (place < end && read(place, 1).next() > place) ? place : 0;
  }

  /**
   * Some lines of the file.
   *
   * @param lines may be a few more than were asked for
   * @param next where the next page begins
   */
  record Page(List<String> lines, long next) {}

  private long durableBytes() {
    lock.lock();
    try {
      return durableBytes;
    } finally {
      lock.unlock();
    }
  }

  boolean healthy() {
    lock.lock();
    try {
      return failure == null && !closed;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() throws IOException {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    boolean interrupted = false;
    while (true) {
      try {
        writer.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    channel.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void check() {
    if (failure != null) {
      throw new UncheckedIOException(failure);
    }
    if (closed) {
      throw new IllegalStateException("the journal is closed");
    }
  }

  private void write() {
    while (true) {
      byte[] lines;
      lock.lock();
      try {
        while (pending.size() == 0) {
          if (closed) {
            return;
          }
          changed.awaitUninterruptibly();
        }
        lines = pending.toByteArray();
        pending = new ByteArrayOutputStream();
        current++;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
      IOException failed = null;
      ByteBuffer batch = framed(lines);
      try {
        while (batch.hasRemaining()) {
          channel.write(batch);
        }
        channel.force(false);
      } catch (IOException e) {
        failed = e;
      }
      lock.lock();
      try {
        if (failed == null) {
          durable++;
          durableBytes += batch.capacity();
        } else {
          failure = failed;
        }
        changed.signalAll();
      } finally {
        lock.unlock();
      }
      if (failed != null) {
        onFailure.accept(failed);
        return;
      }
    }
  }

  private static ByteBuffer framed(byte[] lines) {
    byte[] header =
        ("batch " + lines.length + " " + Long.toHexString(crc(lines)) + "\n")
            .getBytes(StandardCharsets.US_ASCII);
    return ByteBuffer.allocate(header.length + lines.length).put(header).put(lines).flip();
  }

  private static long crc(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return crc.getValue();
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  /** A new file is only there after a power loss if its directory was forced as well. */
  private static void force(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /** Returns where the last whole batch ends. */
  private static long replay(Path file, FileChannel channel, Consumer<String> replay)
      throws IOException {
    long at = 0;
    long size = channel.size();
    for (Batch batch = batchAt(channel, at, size);
        batch != null;
        batch = batchAt(channel, at, size)) {
      batch.lines().forEach(replay);
      at = batch.end();
    }
    if (wholeBatchAfter(channel, at)) {
      throw new IOException(
          file
              + " is damaged at byte "
              + at
              + ", with whole batches after it: restore it, or move it away to begin anew");
    }
    return at;
  }

  private static boolean wholeBatchAfter(FileChannel channel, long damage) throws IOException {
    long size = channel.size();
    int step = 1 << 16;
    for (long from = damage + 1; from < size; from += step) {
      // Overlaps the next window, so that a mark on the border is seen.
      byte[] window = bytesAt(channel, from, (int) Math.min(step + MARK.length, size - from));
      for (int i = 0; i + MARK.length <= window.length; i++) {
        if (Arrays.equals(window, i, i + MARK.length, MARK, 0, MARK.length)
            && batchAt(channel, from + i, size) != null) {
          return true;
        }
      }
    }
    return false;
  }

  private record Batch(List<String> lines, long end) {}

  /** The batch that begins here; null when there is none before the end, or not a whole one. */
  private static @Nullable Batch batchAt(FileChannel channel, long at, long limit)
      throws IOException {
    long left = limit - at;
    if (left <= 0) {
      return null;
    }
    String head =
        new String(
            bytesAt(channel, at, (int) Math.min(HEADER_BYTES_MAX, left)),
            StandardCharsets.ISO_8859_1);
    int end = head.indexOf('\n');
    if (end < 0) {
      return null;
    }
    String[] words = head.substring(0, end).split(" ", -1);
    if (words.length != 3 || !words[0].equals("batch")) {
      return null;
    }
    int length;
    long crc;
    try {
      length = Integer.parseInt(words[1]);
      crc = Long.parseLong(words[2], 16);
    } catch (NumberFormatException e) {
      return null;
    }
    long begin = at + end + 1;
    if (length < 1 || length > left - end - 1) {
      return null;
    }
    byte[] lines = bytesAt(channel, begin, length);
    if (crc(lines) != crc) {
      return null;
    }
    return new Batch(new String(lines, StandardCharsets.UTF_8).lines().toList(), begin + length);
  }

  private static byte[] bytesAt(FileChannel channel, long at, int length) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length);
    while (buffer.hasRemaining() && channel.read(buffer, at + buffer.position()) >= 0) {
      // Reads on until it is full or the file ends.
    }
    return Arrays.copyOf(buffer.array(), buffer.position());
  }
}
