package dev.weft.card;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * What the process is told by its environment.
 *
 * @param bind the address to listen on
 * @param port the port to listen on; 0 means any free one
 * @param dataDirectory where the journal is kept
 * @param webhooks whom to tell what happens, if anybody
 * @param logLevel the least level that is logged
 * @param logFormat how lines look
 */
record CardConfig(
    String bind,
    int port,
    Path dataDirectory,
    Optional<Webhooks.Merchant> webhooks,
    System.Logger.Level logLevel,
    LogLine.Format logFormat) {
  private static final int SECRET_LENGTH_MIN = 16;

  /** A variable is wrong; the message names it and its value. */
  static final class Wrong extends RuntimeException {
    private static final long serialVersionUID = 1;

    private Wrong(String variable, String value, String expected) {
      super(variable + "=" + value + " (expected: " + expected + ")", null, false, false);
    }
  }

  static CardConfig from(Map<String, String> environment) {
    return new CardConfig(
        or(environment, "WEFT_BIND", "127.0.0.1"),
        port(or(environment, "PORT", "9105")),
        directory(or(environment, "WEFT_DATA_DIR", ".weft/card-network")),
        merchant(environment),
        level(or(environment, "LOG_LEVEL", "INFO")),
        format(or(environment, "LOG_FORMAT", "json")));
  }

  private static Optional<Webhooks.Merchant> merchant(Map<String, String> environment) {
    String url = or(environment, "WEFT_CARD_WEBHOOK_URL", "");
    if (url.isEmpty()) {
      return Optional.empty();
    }
    String file = or(environment, "WEFT_CARD_WEBHOOK_SECRET_FILE", "");
    return Optional.of(
        new Webhooks.Merchant(
            httpUrl(url), new SecretKeySpec(secret(file).getBytes(UTF_8), "HmacSHA256")));
  }

  private static URI httpUrl(String value) {
    try {
      URI url = URI.create(value);
      if (List.of("http", "https").contains(url.getScheme()) && url.getHost() != null) {
        return url;
      }
    } catch (IllegalArgumentException e) {
      // Refused below, together with a URL of another kind.
    }
    throw new Wrong("WEFT_CARD_WEBHOOK_URL", value, "a URL such as http://127.0.0.1:10103/path");
  }

  private static String secret(String file) {
    try {
      String secret = Files.readString(Path.of(file)).strip();
      if (secret.length() >= SECRET_LENGTH_MIN) {
        return secret;
      }
    } catch (IOException | InvalidPathException e) {
      // Refused below, together with a secret that is none.
    }
    throw new Wrong(
        "WEFT_CARD_WEBHOOK_SECRET_FILE",
        file,
        "a file that holds " + SECRET_LENGTH_MIN + " characters or more");
  }

  private static String or(Map<String, String> environment, String name, String defaultValue) {
    @Nullable String value = environment.get(name);
    return value == null || value.isEmpty() ? defaultValue : value;
  }

  private static int port(String value) {
    try {
      int port = Integer.parseInt(value);
      if (port >= 0 && port <= 65_535) {
        return port;
      }
    } catch (NumberFormatException e) {
      // Refused below, together with a number out of range.
    }
    throw new Wrong("PORT", value, "a whole number from 0 to 65535");
  }

  private static Path directory(String value) {
    try {
      return Path.of(value);
    } catch (InvalidPathException e) {
      throw new Wrong("WEFT_DATA_DIR", value, "a directory");
    }
  }

  private static System.Logger.Level level(String value) {
    return switch (value.toUpperCase(Locale.ROOT)) {
      case "TRACE", "DEBUG", "INFO", "ERROR", "OFF" ->
          System.Logger.Level.valueOf(value.toUpperCase(Locale.ROOT));
      case "WARN" -> System.Logger.Level.WARNING;
      default -> throw new Wrong("LOG_LEVEL", value, "TRACE, DEBUG, INFO, WARN, ERROR or OFF");
    };
  }

  private static LogLine.Format format(String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "json" -> LogLine.Format.JSON;
      case "text" -> LogLine.Format.TEXT;
      default -> throw new Wrong("LOG_FORMAT", value, "json or text");
    };
  }
}
