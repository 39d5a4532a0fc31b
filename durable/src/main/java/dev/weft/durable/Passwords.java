package dev.weft.durable;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Properties;

/** A random password per role, made at first use and kept in a file only its owner can read. */
final class Passwords {
  private static final SecureRandom random = new SecureRandom();

  private final Path file;
  private final Properties known;

  private Passwords(Path file, Properties known) {
    this.file = file;
    this.known = known;
  }

  static Passwords in(Path file) throws IOException {
    Properties known = new Properties();
    if (Files.exists(file)) {
      try (Reader reader = Files.newBufferedReader(file)) {
        known.load(reader);
      }
    }
    return new Passwords(file, known);
  }

  synchronized boolean knows(String role) {
    return known.containsKey(role);
  }

  synchronized String of(String role) {
    String password = known.getProperty(role);
    if (password == null) {
      byte[] bytes = new byte[24];
      random.nextBytes(bytes);
      password = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
      known.setProperty(role, password);
      save();
    }
    return password;
  }

  private void save() {
    try {
      // Written aside and renamed, so that a crash leaves the old file or the new one.
      Path aside = file.resolveSibling(file.getFileName() + ".new");
      Files.deleteIfExists(aside);
      Files.createFile(
          aside,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      try (Writer writer = Files.newBufferedWriter(aside)) {
        known.store(writer, "Passwords of the local PostgreSQL, by role");
      }
      Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
