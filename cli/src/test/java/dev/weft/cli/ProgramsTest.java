package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProgramsTest {
  private StateDir dir;
  private StagedBuild build;

  @BeforeEach
  void stage(@TempDir Path temporary) throws IOException {
    dir = new StateDir(temporary.resolve("state")).create();
    Path staged = Files.createDirectories(temporary.resolve("staged"));
    for (String process :
        List.of(
            "edge-gateway",
            "user-svc",
            "payment-svc",
            "inventory-svc",
            "card-network",
            "consul-dev-agent")) {
      Files.writeString(staged.resolve(process + ".classpath"), process + ".jar\n");
    }
    build = StagedBuild.in(staged);
  }

  @Test
  void everythingListensOnLoopbackUnlessToldOtherwise() {
    Programs programs = programs(Map.of());

    assertThat(programs.cardNetwork().environment()).containsEntry("WEFT_BIND", "127.0.0.1");
    assertThat(service(programs, Programs.PAYMENT))
        .containsEntry("WEFT_BIND", "127.0.0.1")
        .containsEntry("WEFT_CARD_NETWORK_URL", "http://127.0.0.1:9105");
    assertThat(programs.urls())
        .containsEntry("edge", "http://127.0.0.1:8080")
        .containsEntry("services", "http://127.0.0.1:8081/services");
  }

  @Test
  void theCardNetworkTellsPaymentSvcSignedWithWhatBothKnow() throws IOException {
    Programs programs = programs(Map.of());
    Map<String, String> tells = programs.cardNetwork().environment();
    String file = tells.getOrDefault("WEFT_CARD_WEBHOOK_SECRET_FILE", "");

    assertThat(tells)
        .containsEntry("WEFT_CARD_WEBHOOK_URL", "http://127.0.0.1:10103/webhooks/card-network");
    assertThat(Files.readString(Path.of(file))).hasSizeGreaterThan(30);
    assertThat(service(programs, Programs.PAYMENT))
        .containsEntry("WEFT_CARD_WEBHOOK_SECRET_FILE", file);
    assertThat(service(programs, Programs.USER)).doesNotContainValue(file);
  }

  @Test
  void noProcessIsToldWhereTheOperatorsKeyIs() {
    Programs programs = programs(Map.of());
    ServiceKeys keys =
        ServiceKeys.in(
            dir.folder("identity"), List.of(Programs.USER, Programs.EDGE, Programs.OPERATOR));

    String operators = keys.privateKey(Programs.OPERATOR).toString();
    assertThat(Path.of(operators)).exists();
    for (ProcessSpec process :
        List.of(
            programs.cardNetwork(),
            programs.registry(),
            programs.edge(keys),
            programs.service(Programs.USER, keys, "postgresql://x@127.0.0.1/x"))) {
      assertThat(process.environment()).as(process.name()).doesNotContainValue(operators);
      assertThat(process.command()).as(process.name()).doesNotContain(operators);
    }
  }

  @Test
  void theAddressToListenOnIsPassedOnToAllButTheRegistry() {
    Programs programs = programs(Map.of("WEFT_BIND", "127.0.0.2"));

    assertThat(programs.cardNetwork().environment()).containsEntry("WEFT_BIND", "127.0.0.2");
    assertThat(service(programs, Programs.PAYMENT))
        .containsEntry("WEFT_BIND", "127.0.0.2")
        .containsEntry("WEFT_CARD_NETWORK_URL", "http://127.0.0.2:9105")
        .containsEntry("CONSUL_HTTP_ADDR", "http://127.0.0.1:8500");
    assertThat(programs.registry().environment()).containsEntry("WEFT_BIND", "127.0.0.1");
    assertThat(programs.managementUrl(Programs.USER)).isEqualTo("http://127.0.0.2:10101");
    assertThat(programs.url(Programs.EDGE)).isEqualTo("http://127.0.0.2:8080");
  }

  @Test
  void whatListensEverywhereIsReachedOverLoopback() {
    Programs programs = programs(Map.of("WEFT_BIND", "0.0.0.0"));

    assertThat(service(programs, Programs.USER)).containsEntry("WEFT_BIND", "0.0.0.0");
    assertThat(programs.url(Programs.EDGE)).isEqualTo("http://127.0.0.1:8080");
  }

  @Test
  void whetherAnOpenEdgeStartsIsTheEdgesToSay() {
    for (Map<String, String> given :
        List.of(
            Map.<String, String>of(),
            Map.of("WEFT_BIND", "0.0.0.0"),
            Map.of("WEFT_BIND_PUBLIC", "0.0.0.0"))) {
      // What is given to ./weft itself every process inherits.
      assertThat(edge(programs(given))).as("%s", given).doesNotContainKey("WEFT_UNHARDENED");
    }
    assertThat(edge(programs(Map.of("WEFT_BIND", "0.0.0.0"))))
        .containsEntry("WEFT_BIND", "0.0.0.0");
  }

  @Test
  void theEdgesPublicPortHasAnAddressOfItsOwn() {
    Programs programs = programs(Map.of("WEFT_BIND_PUBLIC", "::1"));

    assertThat(programs.url(Programs.EDGE)).isEqualTo("http://[0:0:0:0:0:0:0:1]:8080");
    assertThat(programs.managementUrl(Programs.EDGE)).isEqualTo("http://127.0.0.1:8081");
  }

  @Test
  void theAddressOfTheBrokerIsToldToServicesAndNobodyElse() {
    Programs programs =
        programs(Map.of("WEFT_EVENTS_URL", "amqp://a:b@h", "WEFT_EVENTS_URL_FILE", "broker.url"));

    assertThat(service(programs, Programs.USER))
        .containsEntry("WEFT_EVENTS_URL", "amqp://a:b@h")
        .containsEntry("WEFT_EVENTS_URL_FILE", Path.of("broker.url").toAbsolutePath().toString());
    assertThat(programs.cardNetwork().environment())
        .containsEntry("WEFT_EVENTS_URL", "")
        .containsEntry("WEFT_EVENTS_URL_FILE", "");
    assertThat(service(programs(Map.of()), Programs.USER))
        .containsEntry("WEFT_EVENTS_URL", "")
        .containsEntry("WEFT_EVENTS_URL_FILE", "");
  }

  @Test
  void eachProcessHasTheTokenOfItsServiceAndNoOther(@TempDir Path tokens) throws IOException {
    Files.writeString(tokens.resolve(Programs.USER), "u");
    Files.writeString(tokens.resolve(Programs.EDGE), "e");
    Map<String, String> environment =
        Map.of("WEFT_CONSUL_TOKENS_DIR", tokens.toString(), "CONSUL_HTTP_TOKEN", "mine");
    Programs programs = elsewhere(environment);

    assertThat(service(programs, Programs.USER))
        .containsEntry("CONSUL_HTTP_TOKEN", "")
        .containsEntry("CONSUL_HTTP_TOKEN_FILE", tokens.resolve(Programs.USER).toString());
    assertThat(edge(programs))
        .containsEntry("CONSUL_HTTP_TOKEN", "")
        .containsEntry("CONSUL_HTTP_TOKEN_FILE", tokens.resolve(Programs.EDGE).toString());
    assertThat(programs.cardNetwork().environment()).containsAllEntriesOf(RegistryTokens.NONE);
    assertThat(programs.registryToken()).contains("mine");
    assertThatThrownBy(() -> service(programs, Programs.PAYMENT))
        .isInstanceOf(Trouble.class)
        .hasMessageContaining("no token of payment-svc");
    // One that is started here is shown nobody's.
    assertThat(service(programs(environment), Programs.USER))
        .containsAllEntriesOf(RegistryTokens.NONE);
    assertThat(programs(environment).registryToken()).isEmpty();
  }

  @Test
  void aFileWithTheTokenOfAllIsFoundFromAnotherFolder() {
    assertThat(service(elsewhere(Map.of("CONSUL_HTTP_TOKEN_FILE", "consul.token")), Programs.USER))
        .containsEntry("CONSUL_HTTP_TOKEN", "")
        .containsEntry(
            "CONSUL_HTTP_TOKEN_FILE", Path.of("consul.token").toAbsolutePath().toString());
    assertThat(service(elsewhere(Map.of("CONSUL_HTTP_TOKEN", "t")), Programs.USER))
        .containsEntry("CONSUL_HTTP_TOKEN", "t")
        .containsEntry("CONSUL_HTTP_TOKEN_FILE", "");
  }

  @Test
  void theAddressOfRedisIsToldToWhoUsesItAndNobodyElse() {
    Programs programs =
        programs(Map.of("REDIS_URL", "redis://:pw@h", "REDIS_URL_FILE", "redis.url"));

    for (Map<String, String> environment :
        List.of(service(programs, Programs.INVENTORY), edge(programs))) {
      assertThat(environment)
          .containsEntry("REDIS_URL", "redis://:pw@h")
          .containsEntry("REDIS_URL_FILE", Path.of("redis.url").toAbsolutePath().toString());
    }
    for (Map<String, String> environment :
        List.of(service(programs, Programs.USER), programs.cardNetwork().environment())) {
      assertThat(environment).containsEntry("REDIS_URL", "").containsEntry("REDIS_URL_FILE", "");
    }
  }

  @Test
  void onlyASystemOfItsOwnDoesNotCountThisMachine() {
    assertThat(edge(programs(Map.of()))).containsEntry("WEFT_UNCOUNTED_ADDRESSES", "");
    assertThat(edge(programs(Programs.isolated(Map.of()))))
        .containsEntry("WEFT_UNCOUNTED_ADDRESSES", "127.0.0.0/8,::1");
    for (String given : List.of("", "10.0.0.0/8")) {
      assertThat(edge(programs(Programs.isolated(Map.of("WEFT_UNCOUNTED_ADDRESSES", given)))))
          .containsEntry("WEFT_UNCOUNTED_ADDRESSES", given);
    }
  }

  @Test
  void everyProcessHasABoundOfMemoryBesideItsHeap() {
    Programs programs = programs(Map.of());
    ServiceKeys keys =
        ServiceKeys.in(dir.folder("identity"), List.of(Programs.USER, Programs.EDGE));

    for (ProcessSpec process :
        List.of(
            programs.cardNetwork(),
            programs.edge(keys),
            programs.service(Programs.USER, keys, "postgresql://x@127.0.0.1/x"))) {
      assertThat(process.command())
          .as(process.name())
          .contains(
              "-Xmx96m",
              "-XX:MaxDirectMemorySize=64m",
              "-Dio.netty.maxDirectMemory=67108864",
              "-Dio.grpc.netty.shaded.io.netty.maxDirectMemory=67108864");
    }
  }

  @Test
  void theEdgeTellsWhatTheAuthorsOfTheContractsWroteUnlessItIsToldOtherwise() {
    assertThat(edge(programs(Map.of())))
        .containsEntry("WEFT_DOCS_COMMENTS", build.contracts().toString());
    assertThat(edge(programs(Map.of("WEFT_DOCS_COMMENTS", "mine.binpb"))))
        .containsEntry("WEFT_DOCS_COMMENTS", Path.of("mine.binpb").toAbsolutePath().toString());
    assertThat(edge(programs(Map.of("WEFT_DESCRIPTORS_DIR", "/contracts"))))
        .doesNotContainKey("WEFT_DOCS_COMMENTS");
  }

  @Test
  void theEdgeFindsFilesThatAreNamedFromWhereWeftRuns() {
    for (String file : List.of("WEFT_DESCRIPTORS_DIR", "WEFT_TLS_CERT_FILE", "WEFT_TLS_KEY_FILE")) {
      assertThat(edge(programs(Map.of(file, "mine/it"))))
          .containsEntry(file, Path.of("mine/it").toAbsolutePath().toString());
    }
  }

  @Test
  void aDetourLeadsToItselfInsteadOfWhereItEnds() {
    Detours detours =
        new Detours(
            Map.of(
                "payment-svc", 21_001,
                "payment-svc>postgres", 21_002,
                "payment-svc>registry", 21_003,
                "payment-svc>card-network", 21_004));
    Programs programs = programs(Ports.fixed(), detours, Map.of());

    assertThat(service(programs, Programs.PAYMENT, "postgresql://p:w_-@127.0.0.1:9432/payment_svc"))
        .containsEntry("WEFT_ADVERTISE", "127.0.0.1:21001")
        .containsEntry("DATABASE_URL", "postgresql://p:w_-@127.0.0.1:21002/payment_svc")
        .containsEntry("CONSUL_HTTP_ADDR", "http://127.0.0.1:21003")
        .containsEntry("WEFT_CARD_NETWORK_URL", "http://127.0.0.1:21004")
        .containsEntry("PORT", "9103");
    assertThat(service(programs, Programs.USER))
        .doesNotContainKey("WEFT_ADVERTISE")
        .containsEntry("CONSUL_HTTP_ADDR", "http://127.0.0.1:8500");
    assertThat(programs.managementUrl(Programs.PAYMENT)).isEqualTo("http://127.0.0.1:10103");
    assertThat(programs.registeredPort(Programs.PAYMENT)).isEqualTo(21_001);
    assertThat(programs.registeredPort(Programs.USER)).isEqualTo(9101);
  }

  @Test
  void onlyWhoSaysSoHasServicesWithoutTls() {
    assertThat(programs(Map.of()).plaintext()).isFalse();
    assertThat(programs(Map.of("WEFT_TLS", "strict")).plaintext()).isFalse();
    assertThat(programs(Map.of("WEFT_TLS", "off")).plaintext()).isTrue();
  }

  @Test
  void anInstanceIsOfTheVersionThatItIsToldAndTheOthersOfTheirBuild() {
    Programs programs =
        new Programs(
            dir,
            Ports.fixed(),
            new RegistryChoice(null, null),
            build,
            Detours.NONE,
            new Instances(Map.of(), Map.of(Programs.USER, "v2")),
            Map.of());

    assertThat(service(programs, Programs.USER)).containsEntry("WEFT_VERSION", "v2");
    assertThat(service(programs, Programs.PAYMENT)).doesNotContainKey("WEFT_VERSION");
  }

  @Test
  void anAddressThatIsNoneIsRefusedInOneLine() {
    assertThatThrownBy(() -> programs(Map.of("WEFT_BIND", "256.1.1.1")))
        .isInstanceOf(Trouble.class)
        .hasMessage("WEFT_BIND: 256.1.1.1 (expected: an address of this host)");
  }

  @Test
  void aPortIsLookedForWhereItWillBeListenedOn() throws IOException {
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var ports = new Ports(Map.of(Programs.ORDER, taken.getLocalPort()), Map.of());

      assertThatThrownBy(() -> programs(ports, Map.of()).insistOnFreePorts())
          .hasMessageContaining("(order-svc) is taken");
      programs(ports, Map.of("WEFT_BIND", "127.0.0.2")).insistOnFreePorts();
    }
  }

  /** With a registry that runs already. */
  private Programs elsewhere(Map<String, String> environment) {
    return new Programs(
        dir,
        Ports.fixed(),
        new RegistryChoice("http://consul:8500", null),
        build,
        Detours.NONE,
        Instances.SINGLE,
        environment);
  }

  private Programs programs(Map<String, String> environment) {
    return programs(Ports.fixed(), environment);
  }

  private Programs programs(Ports ports, Map<String, String> environment) {
    return programs(ports, Detours.NONE, environment);
  }

  private Programs programs(Ports ports, Detours detours, Map<String, String> environment) {
    return new Programs(
        dir, ports, new RegistryChoice(null, null), build, detours, Instances.SINGLE, environment);
  }

  private Map<String, String> edge(Programs programs) {
    return programs
        .edge(ServiceKeys.in(dir.folder("identity"), List.of(Programs.EDGE)))
        .environment();
  }

  private Map<String, String> service(Programs programs, String name) {
    return service(programs, name, "postgresql://x@127.0.0.1/x");
  }

  private Map<String, String> service(Programs programs, String name, String databaseUrl) {
    ServiceKeys keys = ServiceKeys.in(dir.folder("identity"), List.of(name));
    return programs.service(name, keys, databaseUrl).environment();
  }
}
