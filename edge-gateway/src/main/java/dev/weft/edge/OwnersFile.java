package dev.weft.edge;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps in a file what the registry last said of {@link RouteOwners}, so that an edge which starts
 * while the registry is away gives nobody what is another's.
 *
 * <p>A file that cannot be read is as none, and one that cannot be written is only reported. To be
 * used by one thread at a time.
 */
final class OwnersFile {
  private static final Logger log = LoggerFactory.getLogger(OwnersFile.class);

  private static final String NAME = "owners.json";

  /** More than a value of the registry can have. */
  private static final long BYTES_MAX = 1024 * 1024;

  private final Path folder;

  /**
   * @param folder made when it is first written to
   */
  OwnersFile(Path folder) {
    this.folder = folder;
  }

  /** What was last written. */
  Optional<String> read() {
    Path file = folder.resolve(NAME);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      long size = Files.size(file);
      if (size > BYTES_MAX) {
        throw new IOException(size + " bytes");
      }
      return Optional.of(Files.readString(file));
    } catch (IOException e) {
      log.warn("{} cannot be used until the registry answers: {}", file, e.toString());
      return Optional.empty();
    }
  }

  /** Replaces what is in the file, wholly or not at all; without text there is no file. */
  void write(Optional<String> json) {
    Path file = folder.resolve(NAME);
    Path written = folder.resolve(NAME + ".new");
    try {
      if (json.isEmpty()) {
        Files.deleteIfExists(file);
        return;
      }
      Files.createDirectories(folder);
      Files.writeString(
          written,
          json.get(),
          StandardOpenOption.CREATE,
          StandardOpenOption.WRITE,
          StandardOpenOption.TRUNCATE_EXISTING,
          StandardOpenOption.DSYNC);
      Files.move(
          written, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      log.warn("{} cannot be written, a restart without the registry goes by less", file, e);
    }
  }
}
