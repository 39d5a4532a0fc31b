package dev.weft.user;

import dev.weft.durable.DatabaseConfig;
import dev.weft.events.EventTransports;
import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Env;
import dev.weft.mesh.MeshConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;

/**
 * What user-svc has to be told. README.md lists the variables.
 *
 * @param seal what seals signing keys in the database
 * @param firstAdmin made if there is no administrator
 */
record UserConfig(
    MeshConfig mesh,
    DatabaseConfig database,
    EventTransports events,
    KeySeal seal,
    Optional<FirstAdmin> firstAdmin) {
  static final String SERVICE = "user-svc";
  private static final int PORT = 9101;

  static UserConfig from(Env env) {
    return new UserConfig(
        MeshConfig.from(env, SERVICE, PORT),
        env.secret(
            "DATABASE_URL", "postgresql://user:password@host:port/database", DatabaseConfig::parse),
        EventTransports.from(env, SERVICE),
        content(env, "WEFT_SERVICE_KEY_FILE", KeySeal::of)
            .orElseThrow(() -> ConfigException.missing("WEFT_SERVICE_KEY_FILE")),
        content(env, "WEFT_BOOTSTRAP_ADMIN_FILE", FirstAdmin::parse));
  }

  private static <T> Optional<T> content(Env env, String variable, Function<String, T> parse) {
    Optional<Path> file = env.file(variable);
    try {
      return file.isEmpty()
          ? Optional.empty()
          : Optional.of(parse.apply(Files.readString(file.get())));
    } catch (IOException e) {
      throw ConfigException.wrong(variable, file.toString(), "a text file that can be read");
    } catch (IllegalArgumentException e) {
      throw ConfigException.wrong(
          variable, file.get().toString(), "a usable file: " + e.getMessage());
    }
  }
}
