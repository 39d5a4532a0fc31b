package dev.weft.mesh;

import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Whether calls between services are TLS, with certificates of Consul Connect on both sides, and
 * who may make them.
 *
 * @param strict whether all calls are TLS, out and in; otherwise none is
 * @param plaintextUpstreams services that are called without TLS all the same, by name, as long as
 *     nothing in the registry says that they speak it; others never are
 * @param intentions what becomes of calls that no intention allows; {@link IntentionMode#OFF}
 *     without TLS, because only certificates say who calls
 * @param patience how long a process that starts waits for its certificate before it goes on
 *     without; until it has one, calls fail and its servers are not registered
 */
public record TlsConfig(
    boolean strict, Set<String> plaintextUpstreams, IntentionMode intentions, Duration patience) {

  /** No TLS anywhere. */
  public static final TlsConfig OFF =
      new TlsConfig(false, Set.of(), IntentionMode.OFF, Duration.ZERO);

  private static final Duration WAIT = Duration.ofSeconds(5);

  public TlsConfig {
    plaintextUpstreams = Set.copyOf(plaintextUpstreams);
    if (!strict && (intentions != IntentionMode.OFF || !plaintextUpstreams.isEmpty())) {
      throw new IllegalArgumentException("intentions and exceptions from TLS need TLS");
    }
  }

  /**
   * Reads {@code WEFT_TLS} ({@code strict}, the default, or {@code off}, for experiments). With
   * {@code strict} also {@code WEFT_PLAINTEXT_UPSTREAMS} (names with commas between; none), {@code
   * WEFT_INTENTIONS} ({@code enforce}, the default, {@code shadow}, {@code learn} or {@code off})
   * and {@code WEFT_TLS_WAIT} (PT5S). Without TLS {@code WEFT_INTENTIONS} must not ask for
   * anything: somebody would count on what does not happen.
   */
  public static TlsConfig from(Env env) {
    boolean strict = env.optional("WEFT_TLS", TlsConfig::strict).orElse(true);
    Set<String> plaintext =
        env.optional("WEFT_PLAINTEXT_UPSTREAMS").map(TlsConfig::names).orElse(Set.of());
    IntentionMode intentions =
        env.optional("WEFT_INTENTIONS", TlsConfig::mode)
            .orElse(strict ? IntentionMode.ENFORCE : IntentionMode.OFF);
    if (!strict && intentions != IntentionMode.OFF) {
      throw ConfigException.wrong(
          "WEFT_INTENTIONS",
          intentions.name().toLowerCase(Locale.ROOT),
          "off, or no WEFT_TLS=off beside it");
    }
    return new TlsConfig(
        strict, strict ? plaintext : Set.of(), intentions, env.duration("WEFT_TLS_WAIT", WAIT));
  }

  private static boolean strict(String value) {
    return switch (value) {
      case "strict" -> true;
      case "off" -> false;
      default -> throw new IllegalArgumentException("strict or off");
    };
  }

  private static IntentionMode mode(String value) {
    return switch (value) {
      case "enforce" -> IntentionMode.ENFORCE;
      case "shadow" -> IntentionMode.SHADOW;
      case "learn" -> IntentionMode.LEARN;
      case "off" -> IntentionMode.OFF;
      default -> throw new IllegalArgumentException("enforce, shadow, learn or off");
    };
  }

  private static Set<String> names(String value) {
    return Arrays.stream(value.split(",", -1))
        .map(String::strip)
        .filter(name -> !name.isEmpty())
        .collect(Collectors.toUnmodifiableSet());
  }
}
