package dev.weft.edge;

import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Env;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Refuses to have an edge reached by strangers that is set up for one machine. Behind loopback
 * anything goes.
 *
 * <p>Refused are a public port on the network without TLS and without a proxy before it that has
 * it, proxies whose addresses are not said or are all there are, the management port at the same
 * address, contracts of others that are open to anybody, and pages that came in plain text. {@code
 * WEFT_UNHARDENED=allowed} makes it one warning, for where something else keeps strangers away.
 *
 * <p>In a container every port is bound to all addresses, and who can come is decided where the
 * engine publishes it. {@code WEFT_PUBLISHED_AT} says that address of the public port, and then
 * counts instead of what the port is bound to; what is published of the management port the edge
 * cannot know, and does not judge.
 */
final class Hardening {
  private static final Logger log = LoggerFactory.getLogger(Hardening.class);

  private static final String OPT_OUT = "WEFT_UNHARDENED";
  private static final String ALLOWED = "allowed";
  private static final String OR_ALLOWED = ", or " + OPT_OUT + "=" + ALLOWED;
  private static final String BIND = "WEFT_BIND";
  private static final String BIND_PUBLIC = "WEFT_BIND_PUBLIC";
  private static final String PUBLISHED_AT = "WEFT_PUBLISHED_AT";

  /** What is wrong, by the variable that says so. */
  private record Weakness(String variable, String value, String expected) {}

  private Hardening() {}

  /**
   * The same configuration.
   *
   * @param env where it was read from
   * @throws ConfigException that names the first variable that would have to be another
   */
  static EdgeConfig checked(EdgeConfig config, Env env) {
    boolean allowed = env.optional(OPT_OUT, Hardening::isAllowed).orElse(false);
    List<Weakness> weaknesses = weaknesses(config, env);
    if (!weaknesses.isEmpty() && !allowed) {
      Weakness first = weaknesses.getFirst();
      throw ConfigException.wrong(first.variable, first.value, first.expected + OR_ALLOWED);
    }
    if (!weaknesses.isEmpty()) {
      log.warn(
          "{}={}: whoever reaches this edge finds it open in {}",
          OPT_OUT,
          ALLOWED,
          weaknesses.stream().map(Weakness::variable).toList());
    }
    return config;
  }

  private static boolean isAllowed(String value) {
    if (!value.equals(ALLOWED)) {
      throw new IllegalArgumentException(ALLOWED + ", or nothing");
    }
    return true;
  }

  private static List<Weakness> weaknesses(EdgeConfig config, Env env) {
    List<Weakness> weaknesses = new ArrayList<>();
    Optional<String> published = env.optional(PUBLISHED_AT);
    String open = published.orElse(config.bindPublic());
    String management = config.mesh().bind();
    if (isLoopback(open)) {
      return weaknesses;
    }
    int hops = config.hops().number();
    if (config.tls().isEmpty() && hops == 0) {
      String variable =
          Stream.of(PUBLISHED_AT, BIND_PUBLIC)
              .filter(name -> env.optional(name).isPresent())
              .findFirst()
              .orElse(BIND);
      weaknesses.add(new Weakness(variable, open, "loopback, WEFT_TLS_…_FILE, WEFT_TRUSTED_HOPS"));
    }
    Optional<String> proxies = env.optional(EdgeConfig.PROXIES);
    if (hops > 0 && proxies.isEmpty()) {
      weaknesses.add(
          new Weakness(
              "WEFT_TRUSTED_HOPS", "" + hops, EdgeConfig.PROXIES + " beside it, their networks"));
    }
    if (config.hops().proxies().holdAll()) {
      weaknesses.add(
          new Weakness(EdgeConfig.PROXIES, proxies.orElse(""), "the networks of proxies alone"));
    }
    if (published.isEmpty()
        && (isWildcard(management) || (management.equals(open) && !isLoopback(management)))) {
      weaknesses.add(new Weakness(BIND, management, "another address than the public port's"));
    }
    if (config.foreignDefault() instanceof Access.Public) {
      weaknesses.add(new Weakness("WEFT_DEFAULT_ACCESS", "public", "authenticated"));
    }
    config.cors().origins().stream()
        .filter(origin -> origin.startsWith("http://"))
        .sorted()
        .findFirst()
        .ifPresent(
            origin -> weaknesses.add(new Weakness("WEFT_CORS_ORIGINS", origin, "https origins")));
    return weaknesses;
  }

  private static boolean isLoopback(String bind) {
    try {
      return InetAddress.getByName(bind).isLoopbackAddress();
    } catch (UnknownHostException e) {
      // Whoever binds to it will say so.
      return false;
    }
  }

  private static boolean isWildcard(String bind) {
    try {
      return InetAddress.getByName(bind).isAnyLocalAddress();
    } catch (UnknownHostException e) {
      return false;
    }
  }
}
