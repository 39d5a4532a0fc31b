package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.security.auth.x500.X500Principal;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the agent's CA and its intentions do that no real Consul could be made to show quickly. */
final class ConnectTest {
  private static final String ROOTS = "/v1/agent/connect/ca/roots";
  private static final String LEAF = "/v1/agent/connect/ca/leaf/web";

  @TempDir Path folder;
  private volatile Instant now = Instant.now();
  private DevAgent agent;
  private Api api;

  @BeforeEach
  void start() throws IOException {
    start(config());
  }

  private DevAgentConfig config() {
    return DevAgentConfig.inMemory().withClock(() -> now).withDataDir(folder.resolve("agent"));
  }

  private void start(DevAgentConfig config) throws IOException {
    agent = DevAgent.start(config);
    api = new Api(agent.url());
  }

  @AfterEach
  void stop() {
    api.close();
    agent.close();
  }

  private void passes(Duration time) {
    now = now.plus(time);
    agent.reap();
  }

  private void rotate() {
    String force = "\"ForceWithoutCrossSigning\":true";
    api.put(
            "/v1/connect/ca/configuration",
            "{\"Provider\":\"consul\",%s,\"Config\":{\"PrivateKey\":\"%s\"}}"
                .formatted(force, Keys.pem(Keys.generate()).replace("\n", "\\n")))
        .isOk();
  }

  @Test
  void renewsALeafBeforeItExpires() throws Exception {
    Api.Answer first = api.get(LEAF).isOk();
    Api.Pending next = api.after(LEAF, first.index());
    passes(Duration.ofHours(43));
    next.sleepsFor(Duration.ofMillis(200));
    passes(Duration.ofHours(22)); // 65 h, of 72
    Api.Answer second = next.wakes().isOk();
    assertThat(second.at("CertPEM")).isNotEqualTo(first.at("CertPEM"));
    assertThat(second.at("CreateIndex")).isEqualTo(first.at("CreateIndex"));
    assertThat(Instant.parse(String.valueOf(second.at("ValidAfter"))))
        .isBeforeOrEqualTo(now.minusSeconds(60));
  }

  @Test
  void renewsALeafThatIsDueAlsoForWhoDidNotWait() {
    Api.Answer first = api.get(LEAF).isOk();
    now = now.plus(Duration.ofDays(30));
    assertThat(api.get(LEAF).isOk().at("CertPEM")).isNotEqualTo(first.at("CertPEM"));
  }

  @Test
  void forgetsARootWhenItsLeafsAreLongDead() throws Exception {
    api.get(ROOTS).isOk();
    rotate();
    Api.Answer both = api.get(ROOTS).isOk();
    assertThat(both.rows("Roots")).hasSize(2);
    assertThat(both.at("Roots", 1, "IntermediateCerts"))
        .as("not to be signed by the old one")
        .isNull();
    Api.Pending waiting = api.after(ROOTS, both.index());
    passes(Duration.ofHours(143));
    assertThat(api.get(ROOTS).rows("Roots")).hasSize(2);
    passes(Duration.ofHours(2));
    assertThat(waiting.wakes().isOk().rows("Roots")).hasSize(1);
  }

  @Test
  void keepsItsRootsAndIntentionsOverARestart() throws IOException {
    api.get(LEAF).isOk();
    rotate();
    Object roots = api.get(ROOTS).isOk().json();
    Object configuration = api.get("/v1/connect/ca/configuration").isOk().json();
    api.post(
            "/v1/connect/intentions",
            "{\"SourceName\":\"web\",\"DestinationName\":\"a\",\"Action\":\"deny\",\"Meta\":{\"k\":\"v\"}}")
        .isOk();
    api.put(
            "/v1/config",
            "{\"Kind\":\"service-intentions\",\"Name\":\"b\",\"Sources\":[{\"Name\":\"web\","
                + "\"Permissions\":[{\"Action\":\"allow\",\"HTTP\":{\"PathPrefix\":\"/x\","
                + "\"Header\":[{\"Name\":\"h\",\"Present\":true}]}}]}]}")
        .isOk();
    api.put("/v1/config", "{\"Kind\":\"service-defaults\",\"Name\":\"c\",\"Protocol\":\"grpc\"}")
        .isOk();
    Object entries = api.get("/v1/config/").isOk().json();
    Object intentions = api.get("/v1/connect/intentions").isOk().json();
    stop();
    String state = Files.readString(folder.resolve("agent").resolve("state.json"));
    assertThat(state).contains("EC PRIVATE KEY");
    start(config());
    assertThat(api.get("/v1/config/").isOk().json()).isEqualTo(entries);
    assertThat(api.get("/v1/connect/intentions").isOk().json()).isEqualTo(intentions);
    assertThat(api.get(ROOTS).isOk().json()).isEqualTo(roots);
    assertThat(api.get("/v1/connect/ca/configuration").isOk().json()).isEqualTo(configuration);
    assertThat(api.get(LEAF).isOk().at("CertPEM")).isNotNull();
  }

  @Test
  void deniesByDefaultWhereItIsToldTo() throws IOException {
    stop();
    start(config().withIntentions(DevAgentConfig.DefaultPolicy.DENY));
    String check = "/v1/connect/intentions/check?source=web&destination=shop";
    assertThat(api.get(check).isOk().at("Allowed")).isEqualTo(false);
    assertThat(api.get("/v1/agent/self").at("DebugConfig", "DefaultIntentionPolicy"))
        .isEqualTo("deny");
    String asked =
        "{\"Target\":\"shop\",\"ClientCertURI\":\"spiffe://x.consul/ns/default/dc/dc1/svc/web\"}";
    assertThat(api.post("/v1/agent/connect/authorize", asked).isOk().json())
        .isEqualTo(Map.of("Authorized", false, "Reason", "Default behavior configured by ACLs"));
  }

  @Test
  void readsWhichDefaultItIsToHave() {
    assertThat(DevAgentConfig.from(Map.of()).intentions())
        .isEqualTo(DevAgentConfig.DefaultPolicy.ALLOW);
    assertThat(DevAgentConfig.from(Map.of("WEFT_INTENTIONS_DEFAULT", "deny")).intentions())
        .isEqualTo(DevAgentConfig.DefaultPolicy.DENY);
    assertThatThrownBy(() -> DevAgentConfig.from(Map.of("WEFT_INTENTIONS_DEFAULT", "maybe")))
        .hasMessage("WEFT_INTENTIONS_DEFAULT: maybe (expected: allow or deny)");
  }

  @Test
  void takesARootOfOnesOwnOnlyWithItsKey() {
    KeyPair pair = Keys.generate();
    X500Principal name = new X500Principal("CN=own");
    String root =
        Certificates.pem(
            Certificates.sign(
                new Certificates.Content(
                    Certificates.Role.AUTHORITY,
                    BigInteger.TEN,
                    name,
                    pair.getPublic(),
                    name,
                    pair.getPublic(),
                    "spiffe://own",
                    now.truncatedTo(ChronoUnit.SECONDS),
                    // Written with four digits of the year.
                    Instant.parse("2051-01-01T00:00:00Z")),
                pair.getPrivate()));
    assertThat(configured(Keys.pem(Keys.generate()), root).body())
        .endsWith("the private key does not fit the root certificate");
    assertThat(configured("", root).body())
        .endsWith("must provide a private key when providing a root cert");
    assertThat(configured(Keys.pem(pair), root).status()).isEqualTo(200);
    Api.Answer roots = api.get(ROOTS).isOk();
    assertThat(roots.at("Roots", 1, "RootCert")).isEqualTo(root);
    assertThat(roots.at("Roots", 1, "NotAfter")).isEqualTo("2051-01-01T00:00:00Z");
  }

  private Api.Answer configured(String key, String root) {
    return api.put(
        "/v1/connect/ca/configuration",
        "{\"Provider\":\"consul\",\"Config\":{\"PrivateKey\":\"%s\",\"RootCert\":\"%s\"}}"
            .formatted(key.replace("\n", "\\n"), root.replace("\n", "\\n")));
  }

  @Test
  void givesLeafsThatOpensslVerifies() throws Exception {
    assumeTrue(onPath("openssl"), "no openssl on the PATH");
    Files.writeString(
        folder.resolve("roots.pem"), api.get("/v1/connect/ca/roots?pem=1").isOk().body());
    Files.writeString(
        folder.resolve("leaf.pem"), String.valueOf(api.get(LEAF).isOk().at("CertPEM")));
    Process openssl =
        new ProcessBuilder(
                "openssl",
                "verify",
                "-x509_strict",
                "-purpose",
                "sslserver",
                "-CAfile",
                folder.resolve("roots.pem").toString(),
                folder.resolve("leaf.pem").toString())
            .redirectErrorStream(true)
            .start();
    assertThat(openssl.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(new String(openssl.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
        .endsWith("leaf.pem: OK\n");
  }

  private static boolean onPath(String program) {
    return List.of(System.getenv().getOrDefault("PATH", "").split(":", -1)).stream()
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
  }
}
