package dev.weft.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.CaRoots;
import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.Health;
import dev.weft.consul.Leaf;
import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.GetProductRequest;
import dev.weft.shop.inventory.v1.GetProductResponse;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.ListProductsRequest;
import dev.weft.shop.inventory.v1.ListProductsResponse;
import dev.weft.shop.inventory.v1.Product;
import dev.weft.shop.inventory.v1.WatchStockRequest;
import dev.weft.shop.inventory.v1.WatchStockResponse;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/**
 * Who is who is said by certificates of the registry's own Connect CA, and who may call whom by its
 * intentions: with whole processes of the mesh on loopback. The same for the development agent and
 * for a real Consul.
 *
 * <p>A rotation of the root is a configuration of the CA with another key. Consul hands out leafs
 * of the new root over 30 s, so they are waited for for longer.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(180)
abstract class IdentityContract {
  private static final AtomicInteger NAMES = new AtomicInteger();
  private static final Duration LONG = Duration.ofSeconds(45);
  private static final String INTENTIONS = "/v1/connect/intentions";
  private static final String LOOPBACK = "127.0.0.1";
  private static final String PRODUCT = "0192f0c1-2345-7000-8000-000000000001";

  private final TestIdentity issuer = new TestIdentity();
  private final HttpClient http = HttpClient.newHttpClient();
  private final List<Mesh> open = new ArrayList<>();
  private Shop shop = new Shop();
  private String web = "";
  private String caller = "";

  /** Of the agent under test. */
  abstract URI registry();

  @BeforeEach
  void name() {
    shop = new Shop();
    web = "web-" + NAMES.incrementAndGet();
    caller = "caller-" + NAMES.incrementAndGet();
  }

  @AfterEach
  void close() {
    shop.letGo.countDown();
    open.reversed().forEach(Mesh::close);
    open.clear();
    allowAgain();
  }

  private String ask(String method, String path, String body) {
    try {
      HttpResponse<String> answer =
          http.send(
              HttpRequest.newBuilder(registry().resolve(path))
                  .method(method, BodyPublishers.ofString(body))
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

  /** Returns when the registry has taken it. */
  private void deny(String source, String destination) {
    ask(
        "POST",
        INTENTIONS,
        "{\"SourceName\":\"%s\",\"DestinationName\":\"%s\",\"Action\":\"deny\"}"
            .formatted(source, destination));
  }

  private void allowAgain() {
    Matcher id = Pattern.compile("\"ID\":\\s*\"([^\"]*)\"").matcher(ask("GET", INTENTIONS, ""));
    while (id.find()) {
      ask("DELETE", INTENTIONS + "/" + id.group(1), "");
    }
  }

  /** A new key for the CA, and with it a new root. */
  private void rotateRoot() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(256);
    byte[] key = generator.generateKeyPair().getPrivate().getEncoded();
    ask(
        "PUT",
        "/v1/connect/ca/configuration",
        """
        {"Provider":"consul","Config":{"LeafCertTTL":"72h","PrivateKey":\
        "-----BEGIN PRIVATE KEY-----\\n%s\\n-----END PRIVATE KEY-----\\n"}}
        """
            .formatted(Base64.getEncoder().encodeToString(key)));
  }

  private Mesh mesh(String service, String intentions) {
    Map<String, String> environment = new HashMap<>();
    environment.put("PORT", "0");
    environment.put("WEFT_MANAGEMENT_PORT", "0");
    environment.put("CONSUL_HTTP_ADDR", registry().toString());
    environment.put("WEFT_TLS", "strict");
    environment.put("WEFT_INTENTIONS", intentions);
    environment.put("WEFT_TLS_WAIT", "PT30S");
    environment.put("WEFT_DRAIN_WAIT", "PT0.001S");
    environment.put("OTEL_SDK_DISABLED", "true");
    Mesh mesh = Mesh.open(MeshConfig.from(Env.of(environment), service), issuer);
    open.add(mesh);
    return mesh;
  }

  /** A served instance that passes its checks. */
  private MeshServer serve(String intentions) {
    Mesh mesh = mesh(web, intentions);
    MeshServer server = mesh.server(shop);
    server.start();
    await()
        .atMost(LONG)
        .until(
            () ->
                mesh.consul().instances(web).stream()
                    .anyMatch(one -> one.health() == Health.PASSING));
    return server;
  }

  /** Products are there at once, lists once they are let go, and streams say one thing. */
  private static final class Shop extends InventoryServiceGrpc.InventoryServiceImplBase {
    private final CountDownLatch letGo = new CountDownLatch(1);
    private final AtomicInteger lists = new AtomicInteger();

    @Override
    public void getProduct(GetProductRequest request, StreamObserver<GetProductResponse> observer) {
      Product product = Product.newBuilder().setTitle("here").build();
      observer.onNext(GetProductResponse.newBuilder().setProduct(product).build());
      observer.onCompleted();
    }

    @Override
    public void listProducts(
        ListProductsRequest request, StreamObserver<ListProductsResponse> observer) {
      lists.incrementAndGet();
      try {
        assertThat(letGo.await(60, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      observer.onNext(ListProductsResponse.newBuilder().setNextPageToken("more").build());
      observer.onCompleted();
    }

    @Override
    public void watchStock(WatchStockRequest request, StreamObserver<WatchStockResponse> observer) {
      observer.onNext(WatchStockResponse.getDefaultInstance());
    }
  }

  private static String get(Channel channel) {
    return InventoryServiceGrpc.newBlockingStub(channel)
        .withDeadlineAfter(30, TimeUnit.SECONDS)
        .getProduct(GetProductRequest.newBuilder().setProductId(PRODUCT).build())
        .getProduct()
        .getTitle();
  }

  /** Why a call fails; empty if it does not. */
  private String refusal(Mesh mesh) {
    return RemoteError.of(catchThrowable(() -> get(mesh.channel(web))))
        .map(RemoteError::reason)
        .orElse("");
  }

  /** Calls over connections that stay and over new ones, until it is closed. */
  private static final class Load implements AutoCloseable {
    private final AtomicBoolean over = new AtomicBoolean();
    private final List<Throwable> lost = new CopyOnWriteArrayList<>();
    private final AtomicInteger calls = new AtomicInteger();
    private final AtomicInteger connections = new AtomicInteger();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

    Load(Mesh mesh, String service, int port) {
      for (int i = 0; i < 2; i++) {
        threads.execute(() -> run(calls, () -> get(mesh.channel(service))));
      }
      threads.execute(
          () ->
              run(
                  connections,
                  () -> {
                    ManagedChannel fresh = mesh.instanceChannel(service, LOOPBACK, port);
                    try {
                      get(fresh);
                    } finally {
                      fresh.shutdownNow();
                    }
                  }));
    }

    private void run(AtomicInteger made, Runnable call) {
      while (!over.get()) {
        try {
          call.run();
          made.incrementAndGet();
        } catch (RuntimeException e) {
          lost.add(e);
        }
      }
    }

    /** Returns when there were more of both, or one was lost. */
    void awaitMore() {
      int callsBefore = calls.get();
      int connectionsBefore = connections.get();
      await()
          .atMost(LONG)
          .until(
              () ->
                  (calls.get() > callsBefore + 20 && connections.get() > connectionsBefore + 3)
                      || !lost.isEmpty());
    }

    @Override
    public void close() {
      over.set(true);
      threads.close();
      assertThat(lost).isEmpty();
    }
  }

  @Test
  void theRootIsRotatedUnderCallsOfWhichNoneFailsAndAllPresentWhatIsNew() throws Exception {
    MeshServer server = serve("enforce");
    Mesh calling = mesh(caller, "enforce");
    CaRoots before = calling.consul().ca().roots();

    try (Load load = new Load(calling, web, server.port())) {
      load.awaitMore();
      assertIssuedBy(before, Peer.presentedBy(server.port()));
      rotateRoot();
      await()
          .atMost(LONG)
          .until(() -> !calling.consul().ca().roots().activeId().equals(before.activeId()));
      CaRoots after = calling.consul().ca().roots();
      await()
          .atMost(LONG)
          .untilAsserted(() -> assertIssuedBy(after, Peer.presentedBy(server.port())));
      await().atMost(LONG).untilAsserted(() -> assertIssuedBy(after, presentedToAServer(calling)));
      load.awaitMore();
    }
    assertThat(get(mesh("late-" + caller, "enforce").channel(web))).isEqualTo("here");
  }

  /** By the root that signs now. */
  private static void assertIssuedBy(CaRoots roots, List<X509Certificate> chain) {
    X509Certificate root = roots.active().certificate();
    assertThat(catchThrowable(() -> chain.getFirst().verify(root.getPublicKey()))).isNull();
  }

  /** What a process presents to a service that it calls. */
  private List<X509Certificate> presentedToAServer(Mesh mesh) throws Exception {
    try (Peer peer = new Peer(mesh.consul().ca().leaf(web))) {
      ManagedChannel channel = mesh.instanceChannel(web, LOOPBACK, peer.port());
      try {
        assertThat(catchThrowable(() -> get(channel))).as("it hangs up").isNotNull();
        return peer.presented().get(20, TimeUnit.SECONDS);
      } finally {
        channel.shutdownNow();
      }
    }
  }

  /** How a stream ended, and when. */
  private record Ended(RemoteError why, long atNanos) {}

  /** What of a stream arrives. */
  private static final class Watched implements StreamObserver<WatchStockResponse> {
    private final CountDownLatch first = new CountDownLatch(1);
    private final CompletableFuture<Ended> ended = new CompletableFuture<>();

    @Override
    public void onNext(WatchStockResponse stock) {
      first.countDown();
    }

    @Override
    public void onError(Throwable failure) {
      long now = System.nanoTime();
      ended.complete(new Ended(RemoteError.of(failure).orElseThrow(), now));
    }

    @Override
    public void onCompleted() {
      ended.completeExceptionally(new AssertionError("the stream ended well"));
    }
  }

  @Test
  void aDenialCutsStreamsWithinASecondAndNotTheCallsThatRun() throws Exception {
    MeshServer server = serve("enforce");
    Mesh calling = mesh(caller, "enforce");
    ManagedChannel direct = calling.instanceChannel(web, LOOPBACK, server.port());
    List<Duration> cuts = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> runs =
          threads.submit(
              () ->
                  InventoryServiceGrpc.newBlockingStub(direct)
                      .withDeadlineAfter(150, TimeUnit.SECONDS)
                      .listProducts(ListProductsRequest.getDefaultInstance())
                      .getNextPageToken());
      await().atMost(LONG).until(() -> shop.lists.get() == 1);
      // The quickest of three: this machine may have had something else to do.
      for (int i = 0; i < 3; i++) {
        await().atMost(LONG).until(() -> refusal(calling), String::isEmpty);
        Watched stream = new Watched();
        InventoryServiceGrpc.newStub(calling.streamChannel(web))
            .withInterceptors(issuer.as("somebody", "admin"))
            .watchStock(WatchStockRequest.newBuilder().setProductId(PRODUCT).build(), stream);
        assertThat(stream.first.await(30, TimeUnit.SECONDS)).isTrue();

        deny(caller, web);
        long accepted = System.nanoTime();

        Ended ended = stream.ended.get(30, TimeUnit.SECONDS);
        cuts.add(Duration.ofNanos(ended.atNanos - accepted));
        assertThat(ended.why.code()).isEqualTo(Status.Code.PERMISSION_DENIED);
        assertThat(ended.why.reason()).isEqualTo("INTENTION_DENIED");
        assertThat(refusal(calling)).isEqualTo("INTENTION_DENIED");
        allowAgain();
      }
      assertThat(runs).isNotDone();
      shop.letGo.countDown();
      assertThat(runs.get(30, TimeUnit.SECONDS)).isEqualTo("more");
    } finally {
      shop.letGo.countDown();
      direct.shutdownNow();
    }
    assertThat(Collections.min(cuts)).isLessThan(Duration.ofSeconds(1));
  }

  @Test
  void inShadowWhatWouldBeDeniedIsServedAndLoggedOnce() {
    serve("shadow");
    Mesh calling = mesh(caller, "shadow");
    assertThat(get(calling.channel(web))).isEqualTo("here");
    String line =
        "WARN %s would not be allowed to call /shop.inventory.v1.InventoryService/GetProduct of %s:"
            .formatted(caller, web);

    try (CapturedLog log = CapturedLog.of(Mesh.class.getPackage())) {
      deny(caller, web);
      await()
          .atMost(LONG)
          .until(
              () -> {
                assertThat(get(calling.channel(web))).isEqualTo("here");
                return log.lines().stream().anyMatch(one -> one.startsWith(line));
              });
      assertThat(get(calling.channel(web))).isEqualTo("here");
      assertThat(get(mesh("other-" + caller, "shadow").channel(web))).isEqualTo("here");
      assertThat(log.lines())
          .filteredOn(one -> one.contains("would not be allowed"))
          .singleElement()
          .asString()
          .startsWith(line);
    }
  }

  @Test
  void aServerThatIsAnotherServiceOrOfAnotherTrustDomainIsNotCalled() throws Exception {
    Mesh calling = mesh(caller, "enforce");
    try (Foreign foreign = new Foreign();
        Peer other = new Peer(calling.consul().ca().leaf("other-svc"));
        Peer elsewhere = new Peer(foreign.leaf(web))) {
      assertNotCalled(calling, other, "WRONG_SERVICE");
      assertNotCalled(calling, elsewhere, "WRONG_TRUST_DOMAIN");
    }
  }

  /** It is an instance of the service for as long as it takes. */
  private void assertNotCalled(Mesh mesh, Peer peer, String because) {
    String id = web + "-" + peer.port();
    ask(
        "PUT",
        "/v1/agent/service/register",
        "{\"ID\":\"%s\",\"Name\":\"%s\",\"Address\":\"%s\",\"Port\":%d,\"Connect\":{\"Native\":true}}"
            .formatted(id, web, LOOPBACK, peer.port()));
    await().atMost(LONG).until(() -> refusal(mesh), because::equals);
    ask("PUT", "/v1/agent/service/deregister/" + id, "");
    await().atMost(LONG).until(() -> mesh.consul().instances(web).isEmpty());
  }

  @Test
  void aCallerOfAnotherTrustDomainIsHungUpOn() throws Exception {
    MeshServer server = serve("enforce");
    try (Foreign foreign = new Foreign()) {
      assertThat(Peer.isAnswered(open.getFirst().consul().ca().leaf(caller), server.port()))
          .isTrue();
      assertThat(Peer.isAnswered(foreign.leaf(caller), server.port())).isFalse();
    }
  }

  /** An agent that is none of ours, with a CA and a trust domain of its own. */
  private static final class Foreign implements AutoCloseable {
    private final DevAgent agent;

    Foreign() throws IOException {
      agent = DevAgent.start(DevAgentConfig.inMemory());
    }

    Leaf leaf(String service) {
      try (Consul consul =
          Consul.connect(ConsulConfig.of(agent.url().getAuthority(), Optional.empty()))) {
        return consul.ca().leaf(service);
      }
    }

    @Override
    public void close() {
      agent.close();
    }
  }
}
