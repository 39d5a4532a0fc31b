package dev.weft.mesh;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * The environment a process is configured by, typed. Every method throws {@link ConfigException},
 * which names the variable, when a value is missing or of the wrong form. An empty variable counts
 * as not set.
 *
 * <p>Immutable and thread-safe.
 */
public final class Env {
  private final Map<String, String> variables;

  private Env(Map<String, String> variables) {
    this.variables = Map.copyOf(variables);
  }

  /** The environment of this process, as it was started. */
  public static Env system() {
    return new Env(System.getenv());
  }

  /** An environment of the given variables and nothing else. */
  public static Env of(Map<String, String> variables) {
    return new Env(variables);
  }

  /** The same with one more variable, unless that is set already. */
  Env withDefault(String name, String value) {
    if (optional(name).isPresent()) {
      return this;
    }
    Map<String, String> more = new HashMap<>(variables);
    more.put(name, value);
    return new Env(more);
  }

  /** The value of a variable that has to be set. */
  public String required(String name) {
    return optional(name).orElseThrow(() -> ConfigException.missing(name));
  }

  /** The value, if the variable is set. */
  public Optional<String> optional(String name) {
    return Optional.ofNullable(variables.get(name)).filter(value -> !value.isEmpty());
  }

  /** The value, or a default. */
  public String or(String name, String defaultValue) {
    return optional(name).orElse(defaultValue);
  }

  /**
   * The value as {@code parse} reads it, if the variable is set. An {@link
   * IllegalArgumentException} of {@code parse} becomes a {@link ConfigException} that says its
   * message.
   */
  public <T> Optional<T> optional(String name, Function<String, T> parse) {
    return optional(name)
        .map(
            value -> {
              try {
                return parse.apply(value);
              } catch (IllegalArgumentException e) {
                throw ConfigException.wrong(name, value, String.valueOf(e.getMessage()));
              }
            });
  }

  /**
   * The value of a variable that has to be set and that nobody may see, as {@code parse} reads it;
   * or what the file holds that the variable {@code name_FILE} names, as containers are handed
   * their secrets. When it refuses, the {@link ConfigException} shows neither the value nor the
   * parser's message, only {@code expected}.
   */
  public <T> T secret(String name, String expected, Function<String, T> parse) {
    String value =
        optional(name)
            .or(() -> file(name + "_FILE").map(file -> content(name + "_FILE", file)))
            .orElseThrow(() -> ConfigException.missing(name));
    try {
      return parse.apply(value);
    } catch (IllegalArgumentException e) {
      throw ConfigException.wrongSecret(name, expected);
    }
  }

  /** As {@link #secret}, if the variable or the one that names a file is set. */
  public <T> Optional<T> secretIfSet(String name, String expected, Function<String, T> parse) {
    return optional(name).isPresent() || optional(name + "_FILE").isPresent()
        ? Optional.of(secret(name, expected, parse))
        : Optional.empty();
  }

  private static String content(String name, Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      throw ConfigException.wrong(name, file.toString(), "a text file that can be read");
    }
  }

  /** A port from 0, which means any free one, to 65535. */
  public int port(String name, int defaultPort) {
    return integer(name, defaultPort, 0, 65_535);
  }

  /** A whole number between {@code min} and {@code max}, both included. */
  public int integer(String name, int defaultValue, int min, int max) {
    return optional(name)
        .map(
            value -> {
              try {
                int number = Integer.parseInt(value);
                if (number >= min && number <= max) {
                  return number;
                }
              } catch (NumberFormatException e) {
                // Refused below, together with a number out of range.
              }
              throw ConfigException.wrong(name, value, "a whole number from " + min + " to " + max);
            })
        .orElse(defaultValue);
  }

  /** A positive duration in ISO 8601, such as {@code PT1.5S}. */
  public Duration duration(String name, Duration defaultValue) {
    return optional(name)
        .map(
            value -> {
              try {
                Duration duration = Duration.parse(value);
                if (duration.isPositive()) {
                  return duration;
                }
              } catch (DateTimeParseException e) {
                // Refused below, together with a duration that is not positive.
              }
              throw ConfigException.wrong(
                  name, value, "a positive ISO 8601 duration such as PT1.5S");
            })
        .orElse(defaultValue);
  }

  /** {@code true} or {@code false}, in any case. */
  public boolean flag(String name, boolean defaultValue) {
    return optional(name)
        .map(
            value -> {
              if (value.equalsIgnoreCase("true")) {
                return true;
              }
              if (value.equalsIgnoreCase("false")) {
                return false;
              }
              throw ConfigException.wrong(name, value, "true or false");
            })
        .orElse(defaultValue);
  }

  /** An absolute http or https URL with a host, if the variable is set. */
  public Optional<URI> httpUrl(String name) {
    return optional(name)
        .map(
            value -> {
              try {
                URI uri = URI.create(value);
                boolean http =
                    "http".equalsIgnoreCase(uri.getScheme())
                        || "https".equalsIgnoreCase(uri.getScheme());
                if (http && uri.getHost() != null) {
                  return uri;
                }
              } catch (IllegalArgumentException e) {
                // Refused below, together with a URL of another kind.
              }
              throw ConfigException.wrong(name, value, "a URL such as http://127.0.0.1:8500");
            });
  }

  /** A file that exists and can be read, if the variable is set. */
  public Optional<Path> file(String name) {
    return optional(name)
        .map(
            value -> {
              Path path = Path.of(value);
              if (Files.isRegularFile(path) && Files.isReadable(path)) {
                return path;
              }
              throw ConfigException.wrong(name, value, "a file that can be read");
            });
  }
}
