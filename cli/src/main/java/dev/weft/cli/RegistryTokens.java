package dev.weft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * The tokens by which a registry with ACLs knows who asks: as {@code ./weft} was given them. {@code
 * WEFT_CONSUL_TOKENS_DIR} is a folder with a file for each name ({@code order-svc}, {@code
 * edge-gateway}, {@code operator}), so that each process has the rights of its own service and no
 * others; without it all have the token of {@code CONSUL_HTTP_TOKEN} or {@code
 * CONSUL_HTTP_TOKEN_FILE}, which with it is that of the commands alone.
 *
 * <p>Files are read again for each request. Immutable.
 */
final class RegistryTokens {
  private static final String TOKEN = "CONSUL_HTTP_TOKEN";
  private static final String FILE = "CONSUL_HTTP_TOKEN_FILE";
  private static final String FOLDER = "WEFT_CONSUL_TOKENS_DIR";

  /** For whom a token is none of their affair: what they would inherit is empty. */
  static final Map<String, String> NONE = Map.of(TOKEN, "", FILE, "");

  private final Map<String, String> given;

  /**
   * @param given the environment of {@code ./weft}
   */
  RegistryTokens(Map<String, String> given) {
    this.given = Map.copyOf(given);
  }

  /**
   * What a process of a service is told.
   *
   * @throws Trouble if there is a folder and no file for it in there
   */
  Map<String, String> variables(String service) {
    if (value(FOLDER).isEmpty()) {
      return Map.of(TOKEN, value(TOKEN), FILE, value(FILE).isEmpty() ? "" : absolute(value(FILE)));
    }
    Path file = Path.of(value(FOLDER), service);
    if (!Files.isReadable(file)) {
      throw new Trouble(2, "%s: no token of %s: %s".formatted(FOLDER, service, file));
    }
    return Map.of(TOKEN, "", FILE, absolute(file.toString()));
  }

  /**
   * The token that a command itself sends: its own, else that of a name in the folder.
   *
   * @param name whose rights are enough for what is asked
   * @return nothing if there is none
   * @throws Trouble if the file cannot be read
   */
  Optional<String> own(String name) {
    if (!value(TOKEN).isEmpty()) {
      return Optional.of(value(TOKEN));
    }
    Path file;
    if (!value(FILE).isEmpty()) {
      file = Path.of(value(FILE));
    } else if (!value(FOLDER).isEmpty()) {
      file = Path.of(value(FOLDER), name);
    } else {
      return Optional.empty();
    }
    String token;
    try {
      token = Files.readString(file).strip();
    } catch (IOException e) {
      throw new Trouble(2, "the file of Consul's token cannot be read: " + file);
    }
    if (!token.chars().allMatch(c -> c > 0x20 && c < 0x7f)) {
      throw new Trouble(2, "the file of Consul's token holds no token: " + file);
    }
    return Optional.of(token).filter(text -> !text.isEmpty());
  }

  private String value(String variable) {
    return given.getOrDefault(variable, "").strip();
  }

  // A process runs in another folder.
  private static String absolute(String file) {
    return Path.of(file).toAbsolutePath().toString();
  }
}
