package dev.weft.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Base64;

/** Random words that two processes of one installation share. */
final class Secrets {
  private static final int BYTES = 24;

  private Secrets() {}

  /** The file, which is made if it is missing and stays as it is if it is not. */
  static Path in(Path file) {
    if (!Files.exists(file)) {
      StateDir.write(file, word() + "\n");
    }
    return file;
  }

  static String word() {
    byte[] random = new byte[BYTES];
    new SecureRandom().nextBytes(random);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(random);
  }
}
