package dev.weft.failpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/** The points that a folder arms. */
final class FailPoints {
  private static final int KILLED = 137;
  private static final long STALL_MAX_MILLIS = TimeUnit.MINUTES.toMillis(1);

  private final Path folder;
  private final IntConsumer halt;

  FailPoints(Path folder, IntConsumer halt) {
    this.folder = folder;
    this.halt = halt;
  }

  void hit(String point) {
    Path armed = folder.resolve(point);
    if (!Files.exists(armed)) {
      return;
    }
    try {
      Path fired = folder.resolve(point + ".fired");
      Files.move(armed, fired, StandardCopyOption.ATOMIC_MOVE);
      act(point, Files.readString(fired).strip());
    } catch (NoSuchFileException e) {
      // Another thread was quicker.
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void act(String point, String action) {
    if (action.equals("halt")) {
      halt.accept(KILLED);
    } else if (action.equals("fail")) {
      throw new FailPoint.Failure(point);
    } else if (action.startsWith("stall ")) {
      stall(Math.min(Long.parseLong(action.substring("stall ".length())), STALL_MAX_MILLIS));
    } else {
      throw new IllegalArgumentException(
          point + ": " + action + " (expected: halt, fail or stall MILLISECONDS)");
    }
  }

  /** Interrupts do not end it: what is stalled is to be late, whatever the caller wants. */
  private static void stall(long millis) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    boolean interrupted = false;
    for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
      LockSupport.parkNanos(left);
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
