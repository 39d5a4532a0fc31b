package dev.weft.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.ConsulException;
import dev.weft.consul.Health;
import dev.weft.mesh.Env;
import dev.weft.mesh.Explanation;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.GetProductRequest;
import dev.weft.shop.inventory.v1.GetProductResponse;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.Product;
import io.grpc.Metadata;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Processes that have the rights of consul/config/policies and no others, in a real Consul that
 * denies what nobody allows: what they ask of it all their lives is answered.
 */
@NullUnmarked // set before the first test
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(180)
final class LeastRightsTest {
  private static final String SERVED = "inventory-svc";
  private static final String CALLING = "order-svc";
  private static final String EDGE = "edge-gateway";
  private static final Path CONFIG = Path.of("..", "consul", "config");
  private static final Duration LONG = Duration.ofSeconds(40);
  private static final String PRODUCT = "0192f0c1-2345-7000-8000-000000000001";
  private static final String METHOD = "shop.inventory.v1.InventoryService/GetProduct";
  private static final String ADMINISTRATOR = "6b1d2b0e-5c0a-4a53-9f0e-3f4f8f1b2c3d";

  /** More than a process has blocking queries. */
  private static final int MANY = 60;

  private final HttpClient http = HttpClient.newHttpClient();
  private final List<Mesh> open = new ArrayList<>();
  private final Map<String, String> accessors = new HashMap<>();
  private Path folder;
  private RealConsul consul;

  @BeforeAll
  void start(@TempDir Path temporary) throws IOException {
    folder = temporary;
    consul = RealConsul.startDenying(folder, ADMINISTRATOR);
    for (String service : List.of(SERVED, CALLING, EDGE)) {
      String rules =
          Files.readString(CONFIG.resolve("policies").resolve(service + ".hcl"))
              .replace("\"", "\\\"")
              .replace("\n", "\\n");
      ask("PUT", "/v1/acl/policy", "{\"Name\":\"%s\",\"Rules\":\"%s\"}".formatted(service, rules));
      String token = ask("PUT", "/v1/acl/token", granted(service));
      accessors.put(service, field("AccessorID", token));
      Files.writeString(folder.resolve(service), field("SecretID", token) + "\n");
    }
  }

  @AfterEach
  void close() {
    open.reversed().forEach(Mesh::close);
    open.clear();
    for (String kind : List.of("resolver", "defaults")) {
      ask("DELETE", "/v1/config/service-" + kind + "/" + SERVED, "");
    }
    String all = ask("GET", "/v1/connect/intentions", "");
    Matcher id = Pattern.compile("\"ID\":\\s*\"([^\"]*)\"").matcher(all);
    while (id.find()) {
      ask("DELETE", "/v1/connect/intentions/" + id.group(1), "");
    }
  }

  @AfterAll
  void stop() {
    http.close();
    if (consul != null) {
      consul.close();
    }
  }

  private static String granted(String policy) {
    return "{\"Policies\":[{\"Name\":\"%s\"}]}".formatted(policy);
  }

  private static String field(String name, String json) {
    Matcher field = Pattern.compile("\"" + name + "\":\\s*\"([^\"]*)\"").matcher(json);
    assertThat(field.find()).as(json).isTrue();
    return field.group(1);
  }

  /** As the administrator. */
  private String ask(String method, String path, String body) {
    try {
      HttpResponse<String> answer =
          http.send(
              HttpRequest.newBuilder(consul.url().resolve(path))
                  .method(method, BodyPublishers.ofString(body))
                  .header("X-Consul-Token", ADMINISTRATOR)
                  .timeout(Duration.ofSeconds(10))
                  .build(),
              BodyHandlers.ofString());
      assertThat(answer.statusCode()).as(path + ": " + answer.body()).isEqualTo(200);
      return answer.body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A process with its own token, in a file as {@code ./weft up} gives it. */
  private Mesh mesh(String service, String version) {
    Map<String, String> environment = new HashMap<>();
    environment.put("PORT", "0");
    environment.put("WEFT_MANAGEMENT_PORT", "0");
    environment.put("WEFT_VERSION", version);
    environment.put("CONSUL_HTTP_ADDR", consul.url().toString());
    environment.put("CONSUL_HTTP_TOKEN_FILE", folder.resolve(service).toString());
    environment.put("WEFT_TLS", "strict");
    environment.put("WEFT_INTENTIONS", "enforce");
    environment.put("WEFT_TLS_WAIT", "PT30S");
    environment.put("WEFT_ISSUER_WAIT", "PT0.001S");
    environment.put("WEFT_DRAIN_WAIT", "PT0.001S");
    environment.put("OTEL_SDK_DISABLED", "true");
    Mesh mesh = Mesh.open(MeshConfig.from(Env.of(environment), service));
    open.add(mesh);
    return mesh;
  }

  private MeshServer serve(String version) {
    MeshServer server =
        mesh(SERVED, version)
            .server(
                new InventoryServiceGrpc.InventoryServiceImplBase() {
                  @Override
                  public void getProduct(
                      GetProductRequest request, StreamObserver<GetProductResponse> observer) {
                    Product product = Product.newBuilder().setTitle(version).build();
                    observer.onNext(GetProductResponse.newBuilder().setProduct(product).build());
                    observer.onCompleted();
                  }
                });
    server.start();
    return server;
  }

  /** A caller, once it finds so many instances that pass their checks. */
  private Mesh caller(int instances) {
    Mesh mesh = mesh(CALLING, "v1");
    await().atMost(LONG).until(() -> passing(mesh), passing -> passing == instances);
    return mesh;
  }

  private static long passing(Mesh mesh) {
    return mesh.consul().instances(SERVED).stream()
        .filter(one -> one.health() == Health.PASSING)
        .count();
  }

  /** The version of who answered. */
  private static String call(Mesh mesh) {
    return InventoryServiceGrpc.newBlockingStub(mesh.channel(SERVED))
        .withDeadlineAfter(Duration.ofSeconds(20))
        .getProduct(GetProductRequest.newBuilder().setProductId(PRODUCT).build())
        .getProduct()
        .getTitle();
  }

  /** Why a call fails; empty if it does not. */
  private static String refusal(Mesh mesh) {
    return RemoteError.of(catchThrowable(() -> call(mesh))).map(RemoteError::reason).orElse("");
  }

  /** Calls until both or the one of them have answered, and nobody else. */
  private static void awaitAt(Mesh mesh, String... versions) {
    await()
        .atMost(LONG)
        .until(
            () -> {
              Set<String> seen = new TreeSet<>();
              for (int i = 0; i < 20; i++) {
                seen.add(call(mesh));
              }
              return seen;
            },
            Set.of(versions)::equals);
  }

  /** Runs what consul/config has for it, and returns what it says. */
  private String writeIntentions() throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(CONFIG.resolve("intentions").resolve("write").toString())
            .redirectErrorStream(true);
    builder.environment().put("CONSUL_HTTP_ADDR", consul.url().toString());
    builder.environment().put("CONSUL_HTTP_TOKEN", ADMINISTRATOR);
    Process script = builder.start();
    script.getOutputStream().close();
    String said = new String(script.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(script.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(script.exitValue()).as(said).isZero();
    return said;
  }

  /** Says of all that there is from the caller to the served that they are so. */
  private void intend(String action) {
    String all = ask("GET", "/v1/connect/intentions", "").replaceAll("\\s", "");
    Matcher one =
        Pattern.compile(
                "\"ID\":\"([^\"]*)\"[^}]*\"SourceName\":\"%s\"[^}]*\"DestinationName\":\"%s\""
                    .formatted(CALLING, SERVED))
            .matcher(all);
    assertThat(one.find()).as(all).isTrue();
    ask(
        "PUT",
        "/v1/connect/intentions/" + one.group(1),
        "{\"SourceName\":\"%s\",\"DestinationName\":\"%s\",\"SourceType\":\"consul\",\"Action\":\"%s\"}"
            .formatted(CALLING, SERVED, action));
  }

  @Test
  void whoIsAllowedByTheIntentionsOfTheShopCallsAndADenialIsHeardOf() throws Exception {
    serve("v1");
    Mesh caller = caller(1);
    await().atMost(LONG).until(() -> refusal(caller), "INTENTION_DENIED"::equals);

    assertThat(writeIntentions()).contains("allowed:  order-svc -> inventory-svc\n");
    await().atMost(LONG).until(() -> refusal(caller), String::isEmpty);
    intend("deny");
    await().atMost(LONG).until(() -> refusal(caller), "INTENTION_DENIED"::equals);
    assertThat(writeIntentions())
        .as("what somebody said stays")
        .contains("stays:    order-svc -> inventory-svc\n")
        .doesNotContain("allowed: ");
    intend("allow");
    await().atMost(LONG).until(() -> refusal(caller), String::isEmpty);
  }

  @Test
  void entriesAreFollowed() throws Exception {
    serve("v1");
    serve("v2");
    writeIntentions();
    Mesh caller = caller(2);
    awaitAt(caller, "v1", "v2");

    ask(
        "PUT",
        "/v1/config",
        "{\"Kind\":\"service-defaults\",\"Name\":\"%s\",\"Protocol\":\"grpc\"}".formatted(SERVED));
    ask(
        "PUT",
        "/v1/config",
        """
        {"Kind":"service-resolver","Name":"%s","DefaultSubset":"v2","Meta":{"weft-timeout":"7s"},
         "Subsets":{"v2":{"Filter":"Service.Meta.version == v2"}}}
        """
            .formatted(SERVED));
    awaitAt(caller, "v2");
    await()
        .atMost(LONG)
        .until(
            () ->
                caller
                    .explain(SERVED, METHOD, new Metadata())
                    .treatment()
                    .orElseThrow()
                    .timeout()
                    .toSeconds(),
            seconds -> seconds == 7);
  }

  @Test
  void callsGoOnWhileTheTokensHaveNoRights() throws Exception {
    serve("v1");
    writeIntentions();
    Mesh caller = caller(1);
    awaitAt(caller, "v1");

    for (String service : List.of(SERVED, CALLING)) {
      ask("PUT", "/v1/acl/token/" + accessors.get(service), "{\"Policies\":[]}");
    }
    await().atMost(LONG).until(() -> seesNothing(caller));
    await()
        .atMost(LONG)
        .until(
            () -> {
              wakeWhoFollowsInstances();
              return isStale(caller);
            });
    awaitAt(caller, "v1");
    assertThat(seesNothing(caller)).isTrue();

    for (String service : List.of(SERVED, CALLING)) {
      ask("PUT", "/v1/acl/token/" + accessors.get(service), granted(service));
    }
    serve("v2");
    awaitAt(caller, "v1", "v2");
    intend("deny");
    await().atMost(LONG).until(() -> refusal(caller), "INTENTION_DENIED"::equals);
  }

  /** Whoever waits for a change of the served is answered now, with what it may see. */
  private void wakeWhoFollowsInstances() {
    ask("PUT", "/v1/agent/service/register", "{\"ID\":\"x\",\"Name\":\"%s\"}".formatted(SERVED));
    ask("PUT", "/v1/agent/service/deregister/x", "");
  }

  /** Whether it goes by what it knew of the served, because the registry does not tell it. */
  private static boolean isStale(Mesh mesh) {
    return mesh.explain(SERVED, METHOD, new Metadata()).places().stream()
        .anyMatch(Explanation.Place::stale);
  }

  private static boolean seesNothing(Mesh mesh) {
    try {
      return mesh.consul().instances(SERVED).isEmpty();
    } catch (ConsulException e) {
      return e.status() == 403;
    }
  }

  @Test
  void anEdgeFollowsMoreServicesThanItHasQueriesAndReadsTheKeysOfOperators() {
    MeshServer server = serve("v1");
    Mesh edge = mesh(EDGE, "v1");
    await().atMost(LONG).until(() -> passing(edge) == 1);
    assertThat(edge.consul().services()).containsKey(SERVED);
    ask("PUT", "/v1/kv/weft/routes/owners", "/v1/auth user-svc");
    assertThat(edge.consul().kv().get("weft/routes/owners")).isPresent();

    AtomicInteger followed = new AtomicInteger();
    for (int i = 0; i < MANY; i++) {
      var _ = edge.consul().watchService("other-" + i, _ -> followed.incrementAndGet());
    }
    await().atMost(LONG).until(() -> followed.get() >= MANY);
    AtomicReference<Health> last = new AtomicReference<>();
    var _ =
        edge.consul()
            .watchService(
                SERVED, snapshot -> snapshot.instances().forEach(one -> last.set(one.health())));
    await().atMost(LONG).until(last::get, Health.PASSING::equals);

    String instance =
        edge.consul().instances(SERVED).stream()
            .filter(one -> one.port() == server.port())
            .findFirst()
            .orElseThrow()
            .id();
    ask(
        "PUT",
        "/v1/agent/check/register",
        "{\"ID\":\"more\",\"Name\":\"more\",\"TTL\":\"30m\",\"ServiceID\":\"%s\",\"Status\":\"critical\"}"
            .formatted(instance));
    await().atMost(LONG).until(last::get, Health.CRITICAL::equals);
  }
}
