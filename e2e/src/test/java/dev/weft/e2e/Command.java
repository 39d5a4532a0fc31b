package dev.weft.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Programs run to their end, as typed at the root of the checkout. */
final class Command {
  /** This module's folder; tests run in it. */
  private static final Path MODULE = Path.of("").toAbsolutePath();

  /** The checkout. */
  static final Path ROOT = MODULE.resolve("..").normalize();

  /** What may be left on disk after the tests. */
  static final Path TARGET = MODULE.resolve("target");

  private static final Duration LIMIT = Duration.ofMinutes(4);

  /** Would change what a system is made of or where it is. */
  static final List<String> NOT_INHERITED =
      List.of(
          "CONSUL_HTTP_ADDR",
          "CONSUL_HTTP_TOKEN",
          "CONSUL_HTTP_TOKEN_FILE",
          "WEFT_CONSUL_TOKENS_DIR",
          "DATABASE_URL",
          "WEFT_STATE_DIR",
          "WEFT_SERVICE_KEY_FILE",
          "WEFT_SERVICE_KEYS_FILE",
          "WEFT_TLS",
          "WEFT_INTENTIONS",
          "PORT");

  /** What a run came to. */
  record Outcome(int exitCode, String out, String err) {
    String all() {
      return "exit code " + exitCode + "\n" + out + err;
    }
  }

  private Command() {}

  /** {@code ./weft} with these arguments; never builds, because Maven just has. */
  static Outcome weft(String... arguments) {
    return weft(Map.of(), arguments);
  }

  static Outcome weft(Map<String, String> environment, String... arguments) {
    List<String> command =
        Stream.concat(Stream.of(ROOT.resolve("weft").toString()), Stream.of(arguments)).toList();
    return run(command, environment);
  }

  /** A script, as a person would paste it into a shell. */
  static Outcome bash(String script, Map<String, String> environment) {
    return run(List.of("bash", "-c", script), environment);
  }

  static Outcome run(List<String> command, Map<String, String> environment) {
    try {
      // Files, because a process that is left running would keep a pipe open.
      Path out = Files.createTempFile(TARGET, "out", ".txt");
      Path err = Files.createTempFile(TARGET, "err", ".txt");
      try {
        ProcessBuilder builder =
            new ProcessBuilder(command)
                .directory(ROOT.toFile())
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        NOT_INHERITED.forEach(builder.environment()::remove);
        builder.environment().put("WEFT_BUILT", "1");
        builder.environment().putAll(environment);
        Process process = builder.start();
        if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
          process.destroyForcibly();
          throw new AssertionError(
              command + " still runs after " + LIMIT + "\n" + Files.readString(err));
        }
        return new Outcome(process.exitValue(), Files.readString(out), Files.readString(err));
      } finally {
        Files.delete(out);
        Files.delete(err);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** A program that an environment variable names, or that is on the PATH. */
  static Optional<Path> find(String variable, String program) {
    String named = System.getenv(variable);
    if (named != null && !named.isBlank()) {
      return Optional.of(Path.of(named).toAbsolutePath());
    }
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(":", -1))
        .map(folder -> Path.of(folder, program).toAbsolutePath())
        .filter(Files::isExecutable)
        .findFirst();
  }
}
