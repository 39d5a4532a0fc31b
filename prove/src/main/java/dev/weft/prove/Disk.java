package dev.weft.prove;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A small disk in memory that a folder is put on, and that can be full. Linux, as root. */
final class Disk {
  private static final long MEGABYTE = 1 << 20;
  private static final int TRIES = 50;

  private final Path folder;
  private final long megabytes;

  private Disk(Path folder, long megabytes) {
    this.folder = folder;
    this.megabytes = megabytes;
  }

  /** Thrown where this machine does not allow it. */
  static final class Unavailable extends Exception {
    private static final long serialVersionUID = 1;

    Unavailable(String reason) {
      super(reason);
    }
  }

  /** Puts a new folder on a disk of this size. */
  static Disk mount(Path folder, long megabytes) throws Unavailable {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    run(
        List.of(
            "mount",
            "-t",
            "tmpfs",
            "-o",
            options(megabytes * MEGABYTE),
            "weft",
            folder.toString()));
    return new Disk(folder, megabytes);
  }

  /** Takes away what a run that was killed left there. */
  static void unmount(Path folder) {
    try {
      if (mounted(folder)) {
        run(List.of("umount", folder.toString()));
      }
    } catch (Unavailable e) {
      throw new ProofException(folder + " is still a disk in memory: " + e.getMessage(), e);
    }
  }

  /** Makes it just as large as what is on it. */
  void fill() {
    for (int tries = 1; ; tries++) {
      try {
        resize(usedBytes());
        return;
      } catch (Unavailable e) {
        // More was written meanwhile.
        if (tries == TRIES) {
          throw new ProofException("the disk cannot be made smaller: " + e.getMessage(), e);
        }
      }
    }
  }

  /** Gives it back its size. */
  void free() {
    try {
      resize(megabytes * MEGABYTE);
    } catch (Unavailable e) {
      throw new ProofException("the disk cannot be made larger: " + e.getMessage(), e);
    }
  }

  private long usedBytes() {
    try {
      FileStore store = Files.getFileStore(folder);
      return store.getTotalSpace() - store.getUnallocatedSpace();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void resize(long bytes) throws Unavailable {
    run(List.of("mount", "-o", "remount," + options(bytes), folder.toString()));
  }

  private static String options(long bytes) {
    return "size=" + bytes + ",mode=0700";
  }

  private static boolean mounted(Path folder) {
    try {
      return Files.exists(Path.of("/proc/self/mounts"))
          && Files.readAllLines(Path.of("/proc/self/mounts")).stream()
              .anyMatch(line -> line.split(" ", -1)[1].equals(folder.toString()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void run(List<String> command) throws Unavailable {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getOutputStream().close();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new Unavailable(said.strip().lines().findFirst().orElse(command.getFirst()));
      }
    } catch (IOException e) {
      throw new Unavailable("no " + command.getFirst() + " to be had");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }
}
