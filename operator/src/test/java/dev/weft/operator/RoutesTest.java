package dev.weft.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.ConfigEntry;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.ServiceKeys;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/**
 * {@code ./weft split}, {@code routes} and {@code breaker} with the agent that {@code ./weft up}
 * starts, two versions of a service, and one that calls it.
 */
@Timeout(120)
class RoutesTest {
  private static final String CALLED = "user-svc";
  private static final String CALLER = "order-svc";
  private static final String METHOD = "weft.identity.v1.IdentityService/ListKeys";
  private static final Duration WAIT = Duration.ofSeconds(30);

  @TempDir Path keys;
  private final List<Mesh> open = new ArrayList<>();
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private DevAgent agent;
  private Mesh caller;

  private record Said(int exitCode, String out, String err) {}

  /** Answers with its version. */
  private static final class Keys extends IdentityServiceGrpc.IdentityServiceImplBase {
    private final String version;

    Keys(String version) {
      this.version = version;
    }

    @Override
    public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> observer) {
      observer.onNext(ListKeysResponse.newBuilder().setJwks(version).build());
      observer.onCompleted();
    }
  }

  @BeforeEach
  void start() throws IOException {
    ServiceKeys.generate(keys, List.of(CALLED, CALLER, Services.OPERATOR));
    agent = DevAgent.start(DevAgentConfig.inMemory());
    for (String version : List.of("v1", "v2")) {
      mesh(CALLED, Map.of("WEFT_VERSION", version)).server(new Keys(version)).start();
    }
    caller = mesh(CALLER, Map.of("WEFT_ADMIN_CALLERS", Services.OPERATOR));
    caller.server().start();
    await()
        .atMost(WAIT)
        .until(
            () ->
                caller.consul().instances(CALLED).size() == 2
                    && caller.consul().instances(CALLER).size() == 1);
  }

  @AfterEach
  void stop() {
    open.reversed().forEach(Mesh::close);
    agent.close();
  }

  private Mesh mesh(String service, Map<String, String> more) {
    Mesh mesh = Mesh.open(MeshConfig.from(Env.of(environment(service, more)), service));
    open.add(mesh);
    return mesh;
  }

  private Map<String, String> environment(String service, Map<String, String> more) {
    Map<String, String> environment = new HashMap<>(more);
    environment.put("PORT", "0");
    environment.put("WEFT_MANAGEMENT_PORT", "0");
    environment.put("CONSUL_HTTP_ADDR", agent.url().toString());
    environment.put("WEFT_SERVICE_KEY_FILE", ServiceKeys.keyFile(keys, service).toString());
    environment.put("WEFT_SERVICE_KEYS_FILE", ServiceKeys.keysFile(keys).toString());
    environment.put("WEFT_ISSUER_WAIT", "PT0.001S");
    environment.put("WEFT_DRAIN_WAIT", "PT0.001S");
    environment.put("WEFT_TLS", "off");
    environment.put("OTEL_SDK_DISABLED", "true");
    return environment;
  }

  private Said weft(String... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    CommandLine command =
        Operator.commandLine(
                _ -> {
                  throw new AssertionError("no service is asked for its events");
                },
                _ -> ConsulConfig.of(agent.url().toString(), Optional.empty()),
                _ ->
                    Processes.of(
                        Mesh.open(
                            MeshConfig.from(
                                Env.of(environment(Services.OPERATOR, Map.of())),
                                Services.OPERATOR))))
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true));
    int exitCode = command.execute(arguments);
    return new Said(exitCode, out.toString(), err.toString());
  }

  /** Which versions answer so many calls. */
  private Set<String> versions(int calls) {
    var stub =
        IdentityServiceGrpc.newBlockingStub(caller.channel(CALLED))
            .withWaitForReady()
            .withDeadlineAfter(WAIT);
    Set<String> versions = new HashSet<>();
    for (int i = 0; i < calls; i++) {
      versions.add(stub.listKeys(ListKeysRequest.getDefaultInstance()).getJwks());
    }
    return versions;
  }

  private Optional<ConfigEntry> entry(String kind) {
    return caller.consul().configEntries().get(kind, CALLED);
  }

  @Test
  void aSplitIsWrittenFollowedExplainedAndRemoved() {
    await().atMost(WAIT).until(() -> versions(20).size() == 2);
    Said before = weft("routes", "--why", METHOD, "--from", CALLER);
    assertThat(before.err()).isEmpty();
    assertThat(before.exitCode()).isZero();
    assertThat(before.out())
        .contains("order-svc@127.0.0.1:", " calls user-svc " + METHOD)
        .contains("  chain: none, so all instances of the service\n")
        .contains("  place: user-svc, round_robin: has the call\n")
        .contains("  circuit: closed, 0 % of ")
        .contains("  It would be sent.\n");

    Said split = weft("split", CALLED, "v1=100", "v2=0");
    assertThat(split.err()).isEmpty();
    assertThat(split.out().lines()).hasSize(3).allMatch(line -> line.startsWith("written:   {"));
    assertThat(entry("service-defaults").orElseThrow().text("Protocol")).isEqualTo("grpc");
    assertThat(entry("service-resolver").orElseThrow().json())
        .contains("Service.Meta.version == \\\"v1\\\"");
    await().atMost(WAIT).until(() -> versions(20).equals(Set.of("v1")));

    Said why = weft("routes", "--why", METHOD, "x-user: ann", "--from", CALLER);
    assertThat(why.err()).isEmpty();
    assertThat(why.out())
        .contains("  chain: grpc\n")
        .containsPattern("  split: 100\\.00 % \\S*v1\\S*: has the call")
        .contains(
            "  place: user-svc where Service.Meta.version == \"v1\", round_robin: has the call\n")
        .containsPattern(" v2 .* the filter does not match it\n");

    assertThat(weft("split", CALLED, "v1=0", "v2=100").out().lines())
        .satisfiesExactly(
            line -> assertThat(line).startsWith("as it is:  {"),
            line -> assertThat(line).startsWith("as it is:  {"),
            line -> assertThat(line).startsWith("written:   {"));
    await().atMost(WAIT).until(() -> versions(20).equals(Set.of("v2")));

    assertThat(weft("split", CALLED, "--off").out())
        .isEqualTo(
            "removed:   service-splitter of user-svc; its subsets stay, and take no calls by"
                + " themselves\n");
    await().atMost(WAIT).until(() -> versions(20).size() == 2);
    assertThat(weft("split", CALLED, "--off").out())
        .isEqualTo("there is no service-splitter of user-svc\n");
  }

  @Test
  void aSplitKeepsWhatOthersWroteAndIsNotWrittenWhereItWouldFail() {
    caller
        .consul()
        .configEntries()
        .put(
            """
            {"Kind":"service-resolver","Name":"user-svc","ConnectTimeout":"3s",
             "Meta":{"weft-lb":"random"},"Subsets":{"v2":{"OnlyPassing":true}}}
            """);

    assertThat(weft("split", CALLED, "v1=50", "v3=50").err())
        .isEqualTo(
            "weft: no instance of user-svc that can be called is v3, so this share of its calls"
                + " would fail; there are v1, v2\n");
    assertThat(weft("split", "nobody", "v1=100").err())
        .isEqualTo("weft: the registry has no instance of nobody that can be called\n");
    assertThat(entry("service-splitter")).isEmpty();
    assertThat(weft("split", CALLED, "v1=12.5", "v2=87.5").exitCode()).isZero();
    ConfigEntry resolver = entry("service-resolver").orElseThrow();
    assertThat(resolver.meta()).containsEntry("weft-lb", "random");
    assertThat(resolver.json()).contains("\"OnlyPassing\":true", "\"ConnectTimeout\"");
    assertThat(entry("service-splitter").orElseThrow().json()).contains("12.5", "87.5");

    caller
        .consul()
        .configEntries()
        .put("{\"Kind\":\"service-defaults\",\"Name\":\"order-svc\",\"Protocol\":\"tcp\"}");
    assertThat(weft("split", CALLER, "v1=100").err())
        .startsWith("weft: the service-defaults of order-svc say protocol tcp");
  }

  @Test
  void whatIsNoSplitIsAUsageError() {
    for (String[] wrong :
        new String[][] {
          {CALLED},
          {CALLED, "v1=90", "v2=20"},
          {CALLED, "v1=90.123", "v2=9.877"},
          {CALLED, "V1=100"},
          {CALLED, "v1=all"},
          {CALLED, "v1"},
          {CALLED, "v1=50", "v1=50"},
          {CALLED, "v1=-10", "v2=110"},
          {CALLED, "v1=1e999999999", "v2=1"},
          {CALLED, "v1=100", "--off"},
          {"User", "v1=100"}
        }) {
      List<String> arguments = new ArrayList<>(List.of("split"));
      arguments.addAll(List.of(wrong));
      Said said = weft(arguments.toArray(String[]::new));
      assertThat(said.exitCode()).as(String.join(" ", wrong)).isEqualTo(2);
      assertThat(said.err()).hasLineCount(1);
    }
    assertThat(entry("service-splitter")).isEmpty();
  }

  @Test
  void breakersAreShownByCaller() {
    assertThat(versions(1)).hasSize(1);

    Said all = weft("breaker", CALLED);
    assertThat(all.out().lines())
        .anyMatch(
            line -> line.matches("order-svc@127.0.0.1:\\d+ +user-svc +" + METHOD + " .* +closed"));
    assertThat(weft("breaker", "--json").out())
        .contains("\"service\":\"user-svc\"", "\"state\":\"closed\"");
    assertThat(weft("breaker", CALLED, "--reset").out())
        .isEqualTo("no circuit to user-svc is open\n");
    assertThat(weft("breaker", "nobody").out())
        .isEqualTo("nobody has called a method of nobody since it was started\n");
    assertThat(weft("breaker", "--reset").exitCode()).isEqualTo(2);
    assertThat(weft("breaker", CALLED, "--yes").exitCode()).isEqualTo(2);
  }

  @Test
  void whoTellsTheOperatorNothingIsNamed() {
    Said asked = weft("routes", "--why", METHOD, "--from", CALLED);

    assertThat(asked.exitCode()).isEqualTo(1);
    assertThat(asked.err())
        .startsWith("weft: no process tells the operator what it decides: WEFT_ADMIN_CALLERS");
    Said all = weft("breaker");
    assertThat(all.exitCode()).isEqualTo(1);
    assertThat(all.err().lines())
        .hasSize(2)
        .allMatch(line -> line.startsWith("weft: user-svc@127.0.0.1:"));
    assertThat(weft("routes", "--why", METHOD, "--from", "nobody").err())
        .isEqualTo("weft: no process of nobody can be asked; there are order-svc, user-svc\n");
    assertThat(weft("routes", "--why", "weft.x.v1.X/Y", "--from", CALLER).err())
        .startsWith("weft: nobody has made a unary call of weft.x.v1.X/Y yet");
    assertThat(weft("routes").exitCode()).isEqualTo(2);
  }

  @Test
  void aWrongQuestionIsAUsageErrorAndSaidOnce() {
    assertThat(weft("routes", "--why", "ListKeys", "--from", CALLER))
        .isEqualTo(new Said(2, "", "weft: method: must be as package.Service/Method\n"));
    assertThat(weft("routes", "--why", METHOD, "--from", CALLER, "--draw", "100"))
        .isEqualTo(new Said(2, "", "weft: draw: must be from 0 to less than 100\n"));
    assertThat(weft("routes", "--why", METHOD, "no header").exitCode()).isEqualTo(2);
  }
}
