package dev.weft.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.ConsulException;
import dev.weft.consul.Health;
import dev.weft.consul.ServiceInstance;
import dev.weft.mesh.Env;
import dev.weft.mesh.Explanation;
import dev.weft.mesh.LoadBalancing;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.GetProductRequest;
import dev.weft.shop.inventory.v1.GetProductResponse;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.ListProductsRequest;
import dev.weft.shop.inventory.v1.ListProductsResponse;
import dev.weft.shop.inventory.v1.Product;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/**
 * Calls of the mesh go where a registry's config entries say: with services on loopback that prove
 * each other's names by certificates of that registry, and are called by whom its intentions allow.
 * The same for the development agent and for a real Consul.
 *
 * <p>A {@code PrefixRewrite} is in the routes and has no meaning for gRPC: the path of a call is
 * its method. Consul 1.8 has no {@code LoadBalancer} in a resolver, and no {@code
 * service-intentions}, and the development agent refuses the former as it does: so what is said of
 * balancing is said in {@code Meta}, and intentions are the older ones.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(180)
abstract class RoutesContract {
  private static final AtomicInteger NAMES = new AtomicInteger();
  private static final Duration LONG = Duration.ofSeconds(40);
  private static final String PRODUCT = "0192f0c1-2345-7000-8000-000000000001";
  private static final String SERVICE = "shop.inventory.v1.InventoryService/";

  private final HttpClient http = HttpClient.newHttpClient();
  private final List<Mesh> open = new ArrayList<>();
  private final String web = unique("web");
  private final String spare = unique("spare");
  private final String caller = unique("caller");

  /** Of the agent under test. */
  abstract URI registry();

  private static String unique(String name) {
    return name + "-" + NAMES.incrementAndGet();
  }

  @AfterEach
  void close() {
    open.reversed().forEach(Mesh::close);
    open.clear();
    for (String kind : List.of("router", "splitter", "resolver", "defaults")) {
      delete("service-" + kind, web);
    }
    delete("service-defaults", spare);
    delete("proxy-defaults", "global");
    deleteIntentions();
  }

  /** A process of a service, which answers with its own name. */
  private static final class Instance extends InventoryServiceGrpc.InventoryServiceImplBase {
    private final String name;
    private volatile boolean fails;

    Instance(String name) {
      this.name = name;
    }

    private String answer() {
      if (fails) {
        throw Rejection.unavailable("BROKEN", "not here", Duration.ZERO);
      }
      return name;
    }

    @Override
    public void getProduct(GetProductRequest request, StreamObserver<GetProductResponse> observer) {
      Product product = Product.newBuilder().setTitle(answer()).build();
      observer.onNext(GetProductResponse.newBuilder().setProduct(product).build());
      observer.onCompleted();
    }

    @Override
    public void listProducts(
        ListProductsRequest request, StreamObserver<ListProductsResponse> observer) {
      observer.onNext(ListProductsResponse.newBuilder().setNextPageToken(answer()).build());
      observer.onCompleted();
    }
  }

  private Mesh mesh(String service, String version) {
    Map<String, String> environment = new HashMap<>();
    environment.put("PORT", "0");
    environment.put("WEFT_MANAGEMENT_PORT", "0");
    environment.put("WEFT_VERSION", version);
    environment.put("CONSUL_HTTP_ADDR", registry().toString());
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

  /** A served instance; its id in the registry is known once it passes its checks. */
  private record Served(Instance instance, MeshServer server) {}

  private Served serve(String service, String version) {
    Instance instance = new Instance(service + "/" + version);
    MeshServer server = mesh(service, version).server(instance);
    server.start();
    return new Served(instance, server);
  }

  /** One that may call these services, when so many of each pass their checks. */
  private Shop shop(Map<String, Integer> instances) {
    instances.keySet().forEach(service -> intend("*", service, "deny"));
    instances.keySet().forEach(service -> intend(caller, service, "allow"));
    Mesh mesh = mesh(caller, "v1");
    instances.forEach(
        (service, count) ->
            await()
                .atMost(LONG)
                .until(
                    () ->
                        mesh.consul().instances(service).stream()
                            .filter(one -> one.health() == Health.PASSING)
                            .count(),
                    passing -> passing.intValue() == count));
    for (String service : instances.keySet()) {
      put(mesh, "service-defaults", service, "\"Protocol\":\"grpc\"");
    }
    return new Shop(mesh);
  }

  /** A process that calls {@link #web}. */
  private final class Shop {
    private final Mesh mesh;

    Shop(Mesh mesh) {
      this.mesh = mesh;
    }

    private InventoryServiceBlockingStub stub(String... header) {
      InventoryServiceBlockingStub stub =
          InventoryServiceGrpc.newBlockingStub(mesh.channel(web))
              .withDeadlineAfter(Duration.ofSeconds(20));
      if (header.length == 0) {
        return stub;
      }
      Metadata headers = new Metadata();
      headers.put(Metadata.Key.of(header[0], Metadata.ASCII_STRING_MARSHALLER), header[1]);
      return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    String get(String... header) {
      return stub(header)
          .getProduct(GetProductRequest.newBuilder().setProductId(PRODUCT).build())
          .getProduct()
          .getTitle();
    }

    String list() {
      return stub().listProducts(ListProductsRequest.getDefaultInstance()).getNextPageToken();
    }

    void put(String kind, String fields) {
      RoutesContract.put(mesh, kind, web, fields);
    }

    Explanation explain() {
      return mesh.explain(web, SERVICE + "GetProduct", new Metadata());
    }

    Explanation.Treatment treatment() {
      return explain().treatment().orElseThrow();
    }

    /** Why a call fails; empty if it does not. */
    String refusal() {
      return RemoteError.of(catchThrowable(this::get)).map(RemoteError::reason).orElse("");
    }
  }

  /** Calls from several threads until it is closed, and what of them failed. */
  private static final class Steady implements AutoCloseable {
    private final AtomicBoolean over = new AtomicBoolean();
    private final List<Throwable> lost = new CopyOnWriteArrayList<>();
    private final AtomicInteger made = new AtomicInteger();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

    Steady(Shop shop) {
      threads.execute(() -> run(shop::get));
      threads.execute(() -> run(shop::list));
    }

    private void run(Supplier<String> call) {
      while (!over.get()) {
        try {
          var _ = call.get();
        } catch (RuntimeException e) {
          lost.add(e);
        }
        made.incrementAndGet();
      }
    }

    @Override
    public void close() {
      over.set(true);
      threads.close();
      assertThat(made).hasPositiveValue();
      assertThat(lost).isEmpty();
    }
  }

  /** Calls until they arrive there, and nowhere else. */
  private static void awaitAt(Supplier<String> call, String... wanted) {
    Set<String> expected = Set.of(wanted);
    Set<String> seen = new HashSet<>();
    await("at " + expected)
        .atMost(LONG)
        .until(
            () -> {
              seen.clear();
              for (int i = 0; i < 20; i++) {
                seen.add(call.get());
              }
              return seen;
            },
            expected::equals);
  }

  private static String subsets(String more) {
    return "\"Subsets\":{\"v1\":{\"Filter\":\"Service.Meta.version == v1\"},"
        + "\"v2\":{\"Filter\":\"Service.Meta.version == v2\"}},\"DefaultSubset\":\"v1\""
        + more;
  }

  private static void put(Mesh mesh, String kind, String name, String fields) {
    String entry = "{\"Kind\":\"%s\",\"Name\":\"%s\",%s}".formatted(kind, name, fields);
    // An agent may close a connection that was idle, at this very moment.
    await()
        .atMost(LONG)
        .ignoreException(ConsulException.class)
        .untilAsserted(() -> mesh.consul().configEntries().put(entry));
  }

  private HttpResponse<String> send(String method, String path, String body) {
    try {
      return http.send(
          HttpRequest.newBuilder(registry().resolve(path))
              .method(method, BodyPublishers.ofString(body))
              .timeout(Duration.ofSeconds(10))
              .build(),
          BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private String ask(String method, String path, String body) {
    HttpResponse<String> answer = send(method, path, body);
    assertThat(answer.statusCode()).as(path + ": " + answer.body()).isEqualTo(200);
    return answer.body();
  }

  private void delete(String kind, String name) {
    ask("DELETE", "/v1/config/" + kind + "/" + name, "");
  }

  private void intend(String source, String destination, String action) {
    ask(
        "POST",
        "/v1/connect/intentions",
        "{\"SourceName\":\"%s\",\"DestinationName\":\"%s\",\"Action\":\"%s\"}"
            .formatted(source, destination, action));
  }

  private void deleteIntentions() {
    String all = ask("GET", "/v1/connect/intentions", "");
    Matcher id = Pattern.compile("\"ID\":\\s*\"([^\"]*)\"").matcher(all);
    while (id.find()) {
      ask("DELETE", "/v1/connect/intentions/" + id.group(1), "");
    }
  }

  /** Its id in the registry. */
  private static String id(Shop shop, String service, Served served) {
    return shop.mesh.consul().instances(service).stream()
        .filter(one -> one.port() == served.server.port())
        .map(ServiceInstance::id)
        .findFirst()
        .orElseThrow();
  }

  /** Gives an instance one more check, which stands so until the test changes it. */
  private void check(String instance, String status) {
    ask(
        "PUT",
        "/v1/agent/check/register",
        "{\"ID\":\"more:%s\",\"Name\":\"more\",\"TTL\":\"30m\",\"ServiceID\":\"%s\",\"Status\":\"%s\"}"
            .formatted(instance, instance, status));
  }

  @Test
  void everyKindOfEntryTakesEffectUnderSteadyCallsOfWhichNoneIsLost() {
    serve(web, "v1");
    serve(web, "v2");
    serve(spare, "v1");
    Shop shop = shop(Map.of(web, 2, spare, 1));
    String v1 = web + "/v1";
    String v2 = web + "/v2";
    String other = spare + "/v1";
    awaitAt(shop::get, v1, v2);

    try (Steady _ = new Steady(shop)) {
      shop.put("service-resolver", subsets(""));
      awaitAt(shop::get, v1);
      shop.put(
          "service-splitter",
          "\"Splits\":[{\"Weight\":50,\"ServiceSubset\":\"v1\"},{\"Weight\":50,\"ServiceSubset\":\"v2\"}]");
      awaitAt(shop::get, v1, v2);
      shop.put(
          "service-splitter",
          "\"Splits\":[{\"Weight\":0,\"ServiceSubset\":\"v1\"},{\"Weight\":100,\"ServiceSubset\":\"v2\"}]");
      awaitAt(shop::get, v2);
      shop.put(
          "service-router",
          "\"Routes\":[{\"Match\":{\"HTTP\":{\"PathExact\":\"/"
              + SERVICE
              + "ListProducts\"}},\"Destination\":{\"Service\":\""
              + spare
              + "\",\"PrefixRewrite\":\"/elsewhere\"}},{\"Match\":{\"HTTP\":{\"Header\":"
              + "[{\"Name\":\"x-old\",\"Exact\":\"yes\"}]}},"
              + "\"Destination\":{\"ServiceSubset\":\"v1\"}}]");
      awaitAt(shop::list, other);
      awaitAt(() -> shop.get("x-old", "yes"), v1);
      awaitAt(() -> shop.get("x-old", "no"), v2);
      awaitAt(shop::get, v2);
      shop.put(
          "service-router",
          "\"Routes\":[{\"Match\":{\"HTTP\":{\"PathRegex\":\".*/Get[A-Z].*\","
              + "\"Header\":[{\"Name\":\"x-old\",\"Present\":true,\"Invert\":true}]}},"
              + "\"Destination\":{\"Service\":\""
              + spare
              + "\"}}]");
      awaitAt(shop::get, other);
      awaitAt(() -> shop.get("x-old", "yes"), v2);
      awaitAt(shop::list, v2);
      delete("service-router", web);
      awaitAt(shop::get, v2);
      delete("service-splitter", web);
      awaitAt(shop::get, v1);
      shop.put("service-resolver", "\"Redirect\":{\"Service\":\"" + spare + "\"}");
      awaitAt(shop::get, other);
      delete("service-resolver", web);
      awaitAt(shop::get, v1, v2);
    }
  }

  @Test
  void onlyPassingLeavesOutAnInstanceThatWarns() {
    serve(web, "v1");
    Served second = serve(web, "v2");
    Shop shop = shop(Map.of(web, 2));
    awaitAt(shop::get, web + "/v1", web + "/v2");

    try (Steady _ = new Steady(shop)) {
      check(id(shop, web, second), "warning");
      shop.put(
          "service-resolver",
          "\"Subsets\":{\"well\":{\"OnlyPassing\":true}},\"DefaultSubset\":\"well\"");
      awaitAt(shop::get, web + "/v1");
      shop.put("service-resolver", "\"Subsets\":{\"any\":{}},\"DefaultSubset\":\"any\"");
      awaitAt(shop::get, web + "/v1", web + "/v2");
    }
  }

  @Test
  void aSubsetWithoutAnybodyFailsOverToAnotherServiceAndBack() {
    Served first = serve(web, "v1");
    serve(web, "v2");
    serve(spare, "v1");
    Shop shop = shop(Map.of(web, 2, spare, 1));
    shop.put("service-resolver", subsets(",\"Failover\":{\"v1\":{\"Service\":\"" + spare + "\"}}"));
    awaitAt(shop::get, web + "/v1");
    String maintenance = "/v1/agent/service/maintenance/" + id(shop, web, first) + "?enable=";

    try (Steady _ = new Steady(shop)) {
      ask("PUT", maintenance + "true", "");
      awaitAt(shop::get, spare + "/v1");
      ask("PUT", maintenance + "false", "");
      awaitAt(shop::get, web + "/v1");
    }
  }

  @Test
  void anInstanceThatFailsIsEjectedAndItsSubsetIsCalledOn() {
    serve(web, "v1");
    serve(web, "v1");
    Served bad = serve(web, "v1");
    serve(web, "v2");
    Shop shop = shop(Map.of(web, 4));
    put(
        shop.mesh,
        "service-defaults",
        web,
        "\"Protocol\":\"grpc\",\"Meta\":{\"weft-outlier\":\"30\",\"weft-outlier-interval\":\"1s\",\"weft-outlier-time\":\"1h\"}");
    shop.put("service-resolver", subsets(""));
    awaitAt(shop::get, web + "/v1");
    bad.instance.fails = true;

    await()
        .atMost(LONG)
        .until(
            () -> {
              for (int i = 0; i < 60; i++) {
                var _ = shop.refusal();
              }
              return shop.explain().places().getFirst().endpoints().stream()
                  .anyMatch(Explanation.Endpoint::ejected);
            });

    // As many as its half of the calls would be.
    for (int i = 0; i < 20; i++) {
      assertThat(shop.get()).isEqualTo(web + "/v1");
    }
  }

  @Test
  void theIntentionOfWhereACallGoesDecides() {
    serve(web, "v1");
    serve(web, "v2");
    serve(spare, "v1");
    Shop shop = shop(Map.of(web, 2, spare, 1));
    shop.put("service-resolver", subsets(""));
    awaitAt(shop::get, web + "/v1");

    shop.put("service-resolver", "\"Redirect\":{\"Service\":\"" + spare + "\"}");
    awaitAt(shop::get, spare + "/v1");
    deleteIntentions();
    intend("*", spare, "deny");
    await().atMost(LONG).until(() -> shop.refusal().equals("INTENTION_DENIED"));
    assertThat(shop.explain().intention().orElseThrow().allowed()).isFalse();
    delete("service-resolver", web);
    await().atMost(LONG).until(() -> shop.refusal().isEmpty());
    awaitAt(shop::get, web + "/v1", web + "/v2");

    intend("*", web, "deny");
    await().atMost(LONG).until(() -> shop.refusal().equals("INTENTION_DENIED"));
    intend(caller, web, "allow");
    await().atMost(LONG).until(() -> shop.refusal().isEmpty());
    assertThat(shop.get()).startsWith(web);
  }

  @Test
  void whatConsulHasNoFieldForIsHeardFromEachKindOfEntry() {
    serve(web, "v1");
    Shop shop = shop(Map.of(web, 1));
    awaitAt(shop::get, web + "/v1");
    assertThat(shop.treatment().timeout()).isEqualTo(Duration.ofSeconds(1));

    put(
        shop.mesh,
        "proxy-defaults",
        "global",
        "\"Config\":{\"weft-lb\":\"random\",\"weft-timeout\":\"9s\",\"weft-attempts\":\"3\"}");
    await().atMost(LONG).until(() -> shop.treatment().timeout().toSeconds() == 9);
    assertThat(shop.treatment().retries()).isEqualTo(2);
    awaitBalancing(shop, LoadBalancing.RANDOM);

    put(
        shop.mesh,
        "service-defaults",
        web,
        "\"Protocol\":\"grpc\",\"Meta\":{\"weft-lb\":\"least_request\",\"weft-timeout\":\"8s\"}");
    await().atMost(LONG).until(() -> shop.treatment().timeout().toSeconds() == 8);
    assertThat(shop.treatment().retries()).isEqualTo(2);
    awaitBalancing(shop, LoadBalancing.LEAST_REQUEST);

    shop.put(
        "service-resolver",
        "\"Meta\":{\"weft-lb\":\"fastest\",\"weft-timeout\":\"7s\",\"weft-attempts\":\"many\","
            + "\"weft-retry-budget\":\"0\",\"weft-hedge-after\":\"20ms\"}");
    await().atMost(LONG).until(() -> shop.treatment().timeout().toSeconds() == 7);
    assertThat(shop.treatment().retries()).as("what was said last").isEqualTo(2);
    assertThat(shop.treatment().retriesLeft()).isZero();
    assertThat(shop.treatment().hedgeAfter()).contains(Duration.ofMillis(20));
    awaitBalancing(shop, LoadBalancing.LEAST_REQUEST);

    delete("service-resolver", web);
    put(shop.mesh, "service-defaults", web, "\"Protocol\":\"grpc\"");
    delete("proxy-defaults", "global");
    await().atMost(LONG).until(() -> shop.treatment().timeout().toSeconds() == 1);
    assertThat(shop.treatment().hedgeAfter()).isEmpty();
    awaitBalancing(shop, LoadBalancing.ROUND_ROBIN);
  }

  private static void awaitBalancing(Shop shop, LoadBalancing wanted) {
    await()
        .atMost(LONG)
        .until(() -> shop.explain().places().getFirst().balancing(), wanted::equals);
  }
}
