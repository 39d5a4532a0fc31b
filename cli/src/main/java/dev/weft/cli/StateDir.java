package dev.weft.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where one running system keeps everything: data, keys, logs, its state. Readable by its owner
 * only.
 */
record StateDir(Path path) {

  /** The folder the user names, else {@code .weft} beside the sources. */
  static StateDir of(@Nullable Path named) {
    Path root = Path.of(System.getenv().getOrDefault("WEFT_ROOT", "."));
    return new StateDir((named == null ? root.resolve(".weft") : named).toAbsolutePath());
  }

  StateDir create() {
    directory(path);
    return this;
  }

  /** A folder in it, made when it is missing. */
  Path folder(String name) {
    return directory(path.resolve(name));
  }

  Path state() {
    return path.resolve("state.json");
  }

  Path demo() {
    return path.resolve("demo.json");
  }

  Path log(String process) {
    return folder("logs").resolve(process + ".log");
  }

  /** Replaces a file as a whole: a reader sees the old text or the new one, also after a crash. */
  static void write(Path file, String text) {
    try {
      Path fresh =
          Files.createTempFile(
              file.getParent(),
              file.getFileName().toString(),
              ".new",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      Files.writeString(fresh, text, StandardCharsets.UTF_8);
      try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Removes it with all it holds, if it is there. */
  void delete() {
    if (!Files.exists(path)) {
      return;
    }
    try (Stream<Path> all = Files.walk(path)) {
      for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path directory(Path folder) {
    try {
      return Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (IOException e) {
      throw new Trouble(folder + " cannot be made: " + e.getMessage());
    }
  }
}
