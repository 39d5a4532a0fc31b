package dev.weft.durable;

import dev.weft.durable.LocalPostgresException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.tukaani.xz.XZInputStream;

/**
 * The server's programs, unpacked once from the archive on the class path into a directory named by
 * its content.
 */
record PostgresBinaries(Path directory) {
  private static final long TOOL_SECONDS_MAX = 60;

  /** Unpacks below {@code parent} unless it is there already; processes may race for it. */
  static PostgresBinaries unpack(Path parent) throws IOException {
    String resource = "/postgres-" + platform() + ".txz";
    try (InputStream archive = PostgresBinaries.class.getResourceAsStream(resource)) {
      if (archive == null) {
        throw new LocalPostgresException(
            Kind.MACHINE,
            "no PostgreSQL binaries for this platform on the class path ("
                + resource
                + "): set DATABASE_URL to a PostgreSQL of your own");
      }
      Path target = parent.resolve("postgresql-" + fingerprint(archive));
      if (!Files.isDirectory(target)) {
        Files.createDirectories(
            parent,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        unpackTo(resource, target);
      }
      return new PostgresBinaries(target);
    }
  }

  /** A command line that runs one of the programs, as root without being root. */
  List<String> command(String program, List<String> arguments) {
    List<String> command = new ArrayList<>();
    if (runsAsRoot()) {
      // PostgreSQL refuses root. In a user namespace without a mapping the same process has
      // another number and still owns its files.
      command.addAll(List.of("unshare", "--user", "--"));
    }
    command.add(directory.resolve("bin").resolve(program).toString());
    command.addAll(arguments);
    return List.copyOf(command);
  }

  /** Runs a tool to its end and returns its exit code and what it said. */
  static Result run(List<String> command) throws IOException {
    Path output = Files.createTempFile("weft-", ".out");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      process.getOutputStream().close();
      if (!process.waitFor(TOOL_SECONDS_MAX, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        return new Result(-1, command.getFirst() + " did not end in " + TOOL_SECONDS_MAX + " s");
      }
      return new Result(process.exitValue(), Files.readString(output).strip());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LocalPostgresException(Kind.FAILED, "interrupted", e);
    } finally {
      Files.deleteIfExists(output);
    }
  }

  /** What a tool left: its exit code and its output, both streams. */
  record Result(int exitCode, String output) {}

  static boolean runsAsRoot() {
    return "root".equals(System.getProperty("user.name"));
  }

  private static void unpackTo(String resource, Path target) throws IOException {
    Path fresh = Files.createTempDirectory(target.getParent(), "unpacking-");
    try (InputStream archive = PostgresBinaries.class.getResourceAsStream(resource)) {
      Process tar =
          new ProcessBuilder("tar", "-x", "-C", fresh.toString())
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      try (OutputStream input = tar.getOutputStream()) {
        new XZInputStream(archive).transferTo(input);
      }
      if (tar.waitFor() != 0) {
        throw new LocalPostgresException(
            Kind.DISK_FULL, "cannot unpack PostgreSQL into " + fresh + ": is the disk full?");
      }
      try {
        Files.move(fresh, target);
      } catch (IOException e) {
        // Another process was faster, which is as good.
        if (!Files.isDirectory(target)) {
          throw e;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LocalPostgresException(Kind.FAILED, "interrupted", e);
    } finally {
      Directories.delete(fresh);
    }
  }

  private static String fingerprint(InputStream archive) throws IOException {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      new DigestInputStream(archive, sha).transferTo(OutputStream.nullOutputStream());
      return HexFormat.of().formatHex(sha.digest(), 0, 6);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String platform() {
    String os =
        System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("mac")
            ? "darwin"
            : "linux";
    return switch (System.getProperty("os.arch")) {
      case "amd64", "x86_64" -> os + "-x86_64";
      case "aarch64", "arm64" -> os + "-arm_64";
      case String other -> os + "-" + other;
    };
  }
}
