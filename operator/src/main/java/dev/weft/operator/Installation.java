package dev.weft.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.weft.consul.ConsulConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Where a system's registry is, and what proves that it is the operator who asks.
 *
 * @param token the registry's own, if it wants one
 * @param tokenFile what holds it, if it is not said: {@code CONSUL_HTTP_TOKEN_FILE}, else the
 *     operator's in the folder {@code WEFT_CONSUL_TOKENS_DIR}
 * @param key the operator's private key
 * @param keys the public keys of all who can prove their names
 * @param plaintext whether its services are known to do without TLS
 */
record Installation(
    String registry,
    Optional<String> token,
    Optional<Path> tokenFile,
    Path key,
    Path keys,
    boolean plaintext) {
  private static final String REGISTRY = "CONSUL_HTTP_ADDR";
  private static final String KEY = "WEFT_SERVICE_KEY_FILE";
  private static final String KEYS = "WEFT_SERVICE_KEYS_FILE";
  private static final String USUAL_REGISTRY = "http://127.0.0.1:8500";
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * The system of a folder, if the user names one. Else the one that the environment names by
   * {@code CONSUL_HTTP_ADDR}, else the one that runs from {@code .weft}, else the environment's at
   * the usual address. A key in the environment does not choose the system: a shell in which a
   * service is being written has that service's.
   */
  static Installation find(Optional<Path> named, Map<String, String> environment) {
    if (named.isPresent()) {
      return running(named.get(), environment).orElseThrow(Installation::notRunning);
    }
    Optional<Installation> usual =
        running(Path.of(environment.getOrDefault("WEFT_ROOT", "."), ".weft"), environment);
    String registry = environment.getOrDefault(REGISTRY, "");
    if (usual.isPresent() && (registry.isEmpty() || registry.equals(usual.get().registry))) {
      return usual.get();
    }
    if (registry.isEmpty() && environment.getOrDefault(KEY, "").isEmpty()) {
      throw notRunning();
    }
    return new Installation(
        registry.isEmpty() ? USUAL_REGISTRY : registry,
        token(environment),
        tokenFile(environment),
        file(environment, KEY),
        file(environment, KEYS),
        false);
  }

  /**
   * The registry of the system that {@link #find} finds, for which no key is needed.
   *
   * @throws Trouble if it is not running
   */
  static ConsulConfig registry(Optional<Path> named, Map<String, String> environment) {
    String registry = environment.getOrDefault(REGISTRY, "");
    if (named.isEmpty() && !registry.isEmpty()) {
      return consul(registry, environment);
    }
    Path folder =
        named.orElseGet(() -> Path.of(environment.getOrDefault("WEFT_ROOT", "."), ".weft"));
    return consul(
        running(folder, environment).orElseThrow(Installation::notRunning).registry, environment);
  }

  private static ConsulConfig consul(String registry, Map<String, String> environment) {
    return ConsulConfig.of(registry, token(environment), tokenFile(environment));
  }

  private static Optional<Installation> running(Path folder, Map<String, String> environment) {
    Path state = folder.resolve("state.json");
    if (!Files.exists(state)) {
      return Optional.empty();
    }
    JsonNode system;
    try {
      system = JSON.readTree(state.toFile());
    } catch (IOException e) {
      throw new Trouble(Trouble.FAILED, state + " cannot be read: " + e.getMessage());
    }
    if (!lives(system.path("supervisor"))) {
      return Optional.empty();
    }
    Path identity = folder.resolve("identity");
    Path key = identity.resolve(Services.OPERATOR + ".key.pem");
    if (!Files.exists(key)) {
      throw new Trouble(
          Trouble.FAILED,
          key
              + " is missing: the system was started by an older ./weft, or is starting; ./weft"
              + " down and ./weft up make it");
    }
    return Optional.of(
        new Installation(
            system.path("urls").path("registry").asText(),
            token(environment),
            tokenFile(environment),
            key,
            identity.resolve("services.jwks.json"),
            system.path("plaintext").asBoolean()));
  }

  /** A pid alone may be somebody else's by now. */
  private static boolean lives(JsonNode supervisor) {
    return ProcessHandle.of(supervisor.path("pid").asLong())
        .filter(ProcessHandle::isAlive)
        .flatMap(process -> process.info().startInstant())
        .filter(start -> start.toEpochMilli() == supervisor.path("startMillis").asLong())
        .isPresent();
  }

  private static Optional<String> token(Map<String, String> environment) {
    return Optional.ofNullable(environment.get("CONSUL_HTTP_TOKEN"));
  }

  private static Optional<Path> tokenFile(Map<String, String> environment) {
    String folder = environment.getOrDefault("WEFT_CONSUL_TOKENS_DIR", "");
    return Optional.ofNullable(environment.get("CONSUL_HTTP_TOKEN_FILE"))
        .filter(file -> !file.isBlank())
        .map(Path::of)
        .or(
            () ->
                folder.isBlank()
                    ? Optional.empty()
                    : Optional.of(Path.of(folder, Services.OPERATOR)));
  }

  private static Path file(Map<String, String> environment, String variable) {
    String value = environment.getOrDefault(variable, "");
    if (value.isEmpty()) {
      throw new Trouble(
          Trouble.USAGE,
          "%s is not set: for a system that ./weft up did not start, %s names the operator's"
                  .formatted(variable, KEY)
              + " private key and "
              + KEYS
              + " the public keys of all services");
    }
    return Path.of(value);
  }

  private static Trouble notRunning() {
    return new Trouble(Trouble.NOT_RUNNING, "not running: start it with ./weft up");
  }
}
