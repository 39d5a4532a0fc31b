package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The policies in consul/config, on a real Consul that denies what nobody allows: each is enough
 * for its component, and nothing in it is too much.
 */
class AclPoliciesTest {
  private static final Path POLICIES = Path.of("..", "config", "policies");
  private static final Pattern RULE =
      Pattern.compile("(service|service_prefix|node_prefix|key_prefix) \"([^\"]*)\" \\{.*}");
  private static final String MASTER = "6b1d2b0e-5c0a-4a53-9f0e-3f4f8f1b2c3d";
  private static final String[] ADMINISTRATOR = {"X-Consul-Token", MASTER};
  private static final String DENY =
      """
      {"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"%s","agent":"%s"}},
       "connect":{"enabled":true}}
      """
          .formatted(MASTER, MASTER);
  private static final List<String> SERVICES =
      List.of("user-svc", "inventory-svc", "payment-svc", "order-svc");

  /** Whom each calls. */
  private static final Map<String, Set<String>> CALLED =
      Map.of(
          "user-svc", Set.of(),
          "inventory-svc", Set.of("user-svc", "order-svc"),
          "payment-svc", Set.of("user-svc", "order-svc"),
          "order-svc", Set.of("user-svc", "inventory-svc", "payment-svc"),
          "edge-gateway", Set.copyOf(SERVICES),
          "operator", Set.copyOf(SERVICES));

  /** What has words of ours about a service, as each kind that is followed may. */
  private static final String ENTRY = "service-resolver";

  @TempDir static Path folder;
  private static RealConsul real;
  private static int made;

  @BeforeAll
  static void start() throws IOException {
    real = RealConsul.start(folder, DENY, ADMINISTRATOR);
    for (String service : SERVICES) {
      real.call(
          "PUT",
          "/v1/agent/service/register",
          """
          {"ID":"%1$s-1","Name":"%1$s","Port":9,
           "Check":{"CheckID":"ttl:%1$s","TTL":"1h","Status":"critical"}}
          """
              .formatted(service),
          ADMINISTRATOR);
      real.call(
          "PUT",
          "/v1/config",
          "{\"Kind\":\"%s\",\"Name\":\"%s\"}".formatted(ENTRY, service),
          ADMINISTRATOR);
    }
  }

  @AfterAll
  static void stop() {
    if (real != null) {
      real.close();
    }
  }

  private static Set<String> called(String component) {
    return CALLED.getOrDefault(component, Set.of());
  }

  private static String policy(String component) {
    try {
      return Files.readString(POLICIES.resolve(component + ".hcl"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Consul with(String rules) {
    return Consul.connect(configWith(rules));
  }

  /** Of somebody with these rights and no others. */
  private static ConsulConfig configWith(String rules) {
    JsonObject policy = new JsonObject();
    policy.addProperty("Name", "p" + made++);
    policy.addProperty("Rules", rules);
    real.call("PUT", "/v1/acl/policy", policy.toString(), ADMINISTRATOR);
    String token =
        real.call(
            "PUT",
            "/v1/acl/token",
            "{\"Policies\":[{\"Name\":\"%s\"}]}".formatted(policy.get("Name").getAsString()),
            ADMINISTRATOR);
    return real.config(
        Optional.of(JsonParser.parseString(token).getAsJsonObject().get("SecretID").getAsString()));
  }

  /** What a component asks of the registry, and whether it gets it. */
  private static Map<String, BooleanSupplier> needs(
      String component, Consul consul, ConsulHttp http) {
    Map<String, BooleanSupplier> needs = new LinkedHashMap<>();
    needs.put("roots", () -> !consul.ca().roots().roots().isEmpty());
    needs.put("certificate", () -> consul.ca().leaf(component).service().equals(component));
    called(component)
        .forEach(
            other -> {
              needs.put("finds " + other, () -> !consul.instances(other).isEmpty());
              needs.put("chain of " + other, () -> consul.chains().get(other).isPresent());
              needs.put("entries of " + other, () -> hasEntry(other, consul));
              needs.put("changes of " + other, () -> hearsOfChanges(other, http));
            });
    if (!component.equals("operator")) {
      needs.put("registers", () -> registers(component, consul));
      // The edge's, of who may ask it what it decides.
      needs.put(
          "intentions",
          () -> consul.intentions().match(component).defaultAction() == Intention.Action.DENY);
    }
    if (!SERVICES.contains(component)) {
      needs.put("catalog", () -> consul.services().keySet().containsAll(SERVICES));
    }
    if (component.equals("edge-gateway")) {
      needs.put("keys", () -> consul.kv().get("weft/routes/owners").isEmpty());
    }
    return needs;
  }

  private static boolean hasEntry(String service, Consul consul) {
    return consul.configEntries().list(ENTRY).stream()
        .anyMatch(entry -> entry.name().equals(service));
  }

  /** Where {@link Changes} looks. */
  private static boolean hearsOfChanges(String service, ConsulHttp http) {
    return http.get("/v1/health/state/critical").require(200).body().contains("ttl:" + service);
  }

  /** Registers, is known by the agent, and leaves. */
  private static boolean registers(String component, Consul consul) {
    String id = component + "-own";
    ServiceRegistration own =
        ServiceRegistration.grpc(component, "127.0.0.1", 9, "").withId(id).withConnectNative();
    try (Registration registration = consul.register(own.withChecks(List.of()))) {
      return registration.state() == Registration.State.REGISTERED
          && consul.agent().health(id).isPresent();
    }
  }

  private static Set<String> missing(String component, String rules) {
    Set<String> missing = new TreeSet<>();
    ConsulConfig config = configWith(rules);
    try (Consul consul = Consul.connect(config);
        ConsulHttp http = new ConsulHttp(config)) {
      needs(component, consul, http)
          .forEach(
              (need, met) -> {
                try {
                  if (!met.getAsBoolean()) {
                    missing.add(need);
                  }
                } catch (ConsulException e) {
                  assertThat(e.status()).as(need).isEqualTo(403);
                  missing.add(need);
                }
              });
    }
    return missing;
  }

  private static Set<String> about(String other) {
    return Set.of(
        "finds " + other, "chain of " + other, "entries of " + other, "changes of " + other);
  }

  /** What is missing without a rule. */
  private static Set<String> expected(String component, Matcher rule) {
    Set<String> missing = new TreeSet<>();
    switch (rule.group(1)) {
      case "service_prefix" -> {
        called(component).forEach(other -> missing.addAll(about(other)));
        missing.add("catalog");
      }
      // What is said of a service is said without its nodes.
      case "node_prefix" ->
          called(component)
              .forEach(other -> missing.addAll(Set.of("finds " + other, "changes of " + other)));
      case "key_prefix" -> missing.add("keys");
      case "service" -> {
        if (!rule.group(2).equals(component)) {
          missing.addAll(about(rule.group(2)));
        } else {
          missing.add("certificate");
          if (!component.equals("operator")) {
            missing.add("registers");
          }
          if (SERVICES.contains(component)) {
            missing.add("intentions");
          }
        }
      }
      default -> throw new AssertionError(rule.group());
    }
    return missing;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "user-svc",
        "inventory-svc",
        "payment-svc",
        "order-svc",
        "edge-gateway",
        "operator"
      })
  void aPolicyIsEnoughAndEveryRuleOfItIsNeeded(String component) {
    String policy = policy(component);
    assertThat(missing(component, policy)).isEmpty();

    List<Matcher> rules = policy.lines().map(RULE::matcher).filter(Matcher::matches).toList();
    assertThat(rules)
        .as("every line is understood here")
        .hasSameSizeAs(
            policy.lines().filter(line -> !line.isEmpty() && !line.startsWith("#")).toList());
    for (Matcher rule : rules) {
      assertThat(missing(component, policy.replace(rule.group(), "")))
          .as("%s without %s", component, rule.group())
          .isEqualTo(expected(component, rule));
    }
  }

  @Test
  void thereIsAPolicyForEachComponentAndNoOther() throws IOException {
    try (Stream<Path> files = Files.list(POLICIES)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrderElementsOf(
              CALLED.keySet().stream().map(component -> component + ".hcl").toList());
    }
  }

  @ParameterizedTest
  @CsvSource({"order-svc, payment-svc", "edge-gateway, order-svc", "operator, order-svc"})
  void nobodyIsAnother(String component, String other) {
    try (Consul consul = with(policy(component))) {
      assertThatThrownBy(() -> consul.ca().leaf(other))
          .isInstanceOfSatisfying(
              ConsulException.class, e -> assertThat(e.status()).isEqualTo(403));
      assertThat(refusedToRegister(other, consul)).isTrue();
      assertThat(consul.agent().aclsEnabled()).isTrue();
    }
  }

  private static boolean refusedToRegister(String other, Consul consul) {
    try {
      return !registers(other, consul);
    } catch (ConsulException e) {
      return e.status() == 403;
    }
  }
}
