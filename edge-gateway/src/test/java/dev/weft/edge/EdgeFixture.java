package dev.weft.edge;

import static org.awaitility.Awaitility.await;

import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.mesh.Caller;
import dev.weft.mesh.IdentityConfig;
import dev.weft.mesh.IntentionMode;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.mesh.TlsConfig;
import io.grpc.BindableService;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;

/** A registry, an edge, and the services that a test adds; all real, over sockets. */
final class EdgeFixture implements AutoCloseable {
  static final String USER_TOKEN = "token-of-a-user";
  static final String ADMIN_TOKEN = "token-of-an-admin";

  /** That of a user whose token was verified before. */
  static final String REMEMBERED_TOKEN = "token-that-is-remembered";

  /** That of a user whose token was verified before and revoked then. */
  static final String REVOKED_TOKEN = "token-that-was-revoked";

  /** Begins a token of any other user, and is followed by the id. */
  static final String TOKEN_OF = "token-of-user-";

  private static final ApiConfig PAGES = new ApiConfig(true, Optional.empty(), true, true);
  private static final int CACHE_BYTES = 1 << 20;

  /** Deadlines that a test can wait for. */
  static final HttpLimits QUICK = quick();

  private final Deque<AutoCloseable> opened = new ArrayDeque<>();
  final HttpClient client = HttpClient.newHttpClient();
  private final ConsulConfig registry;
  final DevAgent agent;
  final Consul consul;
  final EdgeServer edge;

  /** Whether edges have the issuer's keys. */
  final AtomicBoolean issuerKnown = new AtomicBoolean(true);

  final int management;

  private final RateLimitConfig rates;
  private final TrustedHops hops;
  private final ContractConfig contracts;
  private final int cacheBytes;
  private final LongSupplier nanoTime;
  private final TlsConfig upstreams;

  private static HttpLimits quick() {
    HttpLimits d = HttpLimits.DEFAULT;
    Duration second = Duration.ofSeconds(1);
    return new HttpLimits(
        d.uriBytes(),
        d.headerBytes(),
        d.headerFields(),
        second,
        second,
        Duration.ofSeconds(2),
        second,
        Duration.ofMillis(300),
        d.requestsPerConnection(),
        d.connections(),
        d.connectionsPerAddress(),
        d.handshakes(),
        d.inFlight(),
        d.streamsPerPrincipal(),
        d.streamsPerRoute(),
        d.http2());
  }

  /** An edge that serves this library already. */
  static EdgeFixture with(LibraryService library) throws Exception {
    return with(library, HttpLimits.DEFAULT);
  }

  /** The same, with limits of its own. */
  static EdgeFixture with(LibraryService library, HttpLimits limits) throws Exception {
    return with(library, limits, RateLimitConfig.CONTRACTS);
  }

  /** The same, with limits of requests of its own. */
  static EdgeFixture with(LibraryService library, HttpLimits limits, RateLimitConfig rates)
      throws Exception {
    EdgeFixture fixture =
        new EdgeFixture(
            limits,
            new Access.Authenticated(Set.of()),
            Optional.empty(),
            List.of(),
            rates,
            TrustedHops.NONE,
            ContractConfig.TOLD,
            CACHE_BYTES,
            System::nanoTime);
    fixture.add("library", library);
    await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> fixture.status("/library/books/b1") == 200);
    return fixture;
  }

  EdgeFixture(HttpLimits limits, Access foreignDefault) throws Exception {
    this(limits, foreignDefault, Optional.empty());
  }

  EdgeFixture(HttpLimits limits, Access foreignDefault, Optional<TlsFiles> tls) throws Exception {
    this(limits, foreignDefault, tls, List.of());
  }

  /** With steps behind the edge's own. */
  EdgeFixture(
      HttpLimits limits, Access foreignDefault, Optional<TlsFiles> tls, List<Middleware> steps)
      throws Exception {
    this(
        limits,
        foreignDefault,
        tls,
        steps,
        RateLimitConfig.CONTRACTS,
        TrustedHops.NONE,
        ContractConfig.TOLD,
        CACHE_BYTES,
        System::nanoTime);
  }

  /** That lets contracts come to be served in another way. */
  EdgeFixture(ContractConfig contracts) throws Exception {
    this(
        HttpLimits.DEFAULT,
        new Access.Public(),
        Optional.empty(),
        List.of(),
        RateLimitConfig.CONTRACTS,
        TrustedHops.NONE,
        contracts,
        CACHE_BYTES,
        System::nanoTime);
  }

  /** With limits of requests, and one proxy before it: clients have the address they say. */
  EdgeFixture(RateLimitConfig rates) throws Exception {
    this(rates, Networks.LOOPBACK);
  }

  /** With limits of requests, and one proxy before it, which is in one of these networks. */
  EdgeFixture(RateLimitConfig rates, Networks proxies) throws Exception {
    this(
        HttpLimits.DEFAULT,
        new Access.Public(),
        Optional.empty(),
        List.of(),
        rates,
        new TrustedHops(1, proxies),
        ContractConfig.TOLD,
        CACHE_BYTES,
        System::nanoTime);
  }

  /** With a cache of this size, in which answers grow old by this clock. */
  static EdgeFixture keeping(int cacheBytes, LongSupplier nanoTime) throws Exception {
    return new EdgeFixture(
        HttpLimits.DEFAULT,
        new Access.Authenticated(Set.of()),
        Optional.empty(),
        List.of(),
        RateLimitConfig.CONTRACTS,
        TrustedHops.NONE,
        ContractConfig.TOLD,
        cacheBytes,
        nanoTime);
  }

  /** One that calls services over TLS, with certificates of the registry. */
  static EdgeFixture callingOverTls() throws Exception {
    return new EdgeFixture(
        HttpLimits.DEFAULT,
        new Access.Authenticated(Set.of()),
        Optional.empty(),
        List.of(),
        RateLimitConfig.CONTRACTS,
        TrustedHops.NONE,
        ContractConfig.TOLD,
        0,
        System::nanoTime,
        new TlsConfig(true, Set.of(), IntentionMode.ENFORCE, Duration.ofSeconds(10)));
  }

  private EdgeFixture(
      HttpLimits limits,
      Access foreignDefault,
      Optional<TlsFiles> tls,
      List<Middleware> steps,
      RateLimitConfig rates,
      TrustedHops hops,
      ContractConfig contracts,
      int cacheBytes,
      LongSupplier nanoTime)
      throws Exception {
    this(
        limits,
        foreignDefault,
        tls,
        steps,
        rates,
        hops,
        contracts,
        cacheBytes,
        nanoTime,
        TlsConfig.OFF);
  }

  private EdgeFixture(
      HttpLimits limits,
      Access foreignDefault,
      Optional<TlsFiles> tls,
      List<Middleware> steps,
      RateLimitConfig rates,
      TrustedHops hops,
      ContractConfig contracts,
      int cacheBytes,
      LongSupplier nanoTime,
      TlsConfig upstreams)
      throws Exception {
    this.upstreams = upstreams;
    this.rates = rates;
    this.hops = hops;
    this.contracts = contracts;
    this.cacheBytes = cacheBytes;
    this.nanoTime = nanoTime;
    agent = DevAgent.start(DevAgentConfig.inMemory());
    InetSocketAddress address = agent.address();
    registry = ConsulConfig.of("127.0.0.1:" + address.getPort(), Optional.empty());
    consul = Consul.connect(registry);
    EventLoops loops = new EventLoops();
    Mesh mesh = Mesh.open(config(EdgeConfig.SERVICE), loops);
    management = mesh.management().port();
    edge =
        edge(
            loops,
            mesh,
            limits,
            foreignDefault,
            Optional.empty(),
            tls,
            steps,
            PAGES,
            new TestTokens());
    edge.start();
  }

  /** Of a service of this name in the registry. */
  MeshConfig config(String service) {
    return new MeshConfig(
        service,
        "test",
        "127.0.0.1",
        "127.0.0.1",
        0,
        0,
        registry,
        new IdentityConfig(
            "https://weft.example",
            "weft",
            "user-svc",
            Optional.empty(),
            Optional.empty(),
            Duration.ZERO,
            upstreams),
        TelemetryConfig.local(service, "test"),
        new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(2)),
        "");
  }

  private EdgeServer edge(
      EventLoops loops,
      Mesh mesh,
      HttpLimits limits,
      Access foreignDefault,
      Optional<Path> cacheFolder,
      Optional<TlsFiles> tls,
      List<Middleware> more,
      ApiConfig api,
      Tokens tokens) {
    EdgeConfig config =
        new EdgeConfig(
            config(EdgeConfig.SERVICE),
            // TLS is for who is elsewhere, and what is said in plain text depends on that.
            tls.isPresent() ? "0.0.0.0" : "127.0.0.1",
            Optional.of(Set.of("library", "archive")),
            foreignDefault,
            Contracts.OWNERS,
            hops,
            cacheFolder,
            new Cors(Set.of("https://shop.example")),
            limits,
            rates,
            tls,
            Set.of(),
            api,
            contracts,
            cacheBytes);
    List<Middleware> steps = new ArrayList<>(EdgeServer.steps(config));
    steps.addAll(more);
    return new EdgeServer(config, loops, mesh, tokens, steps, nanoTime);
  }

  /** One more edge, for a test that stops it. */
  EdgeServer another(Path cacheFolder) {
    return another(cacheFolder, PAGES);
  }

  /** One more edge, which shows nothing of itself and serves the library already. */
  EdgeServer silent(Path cacheFolder) {
    EdgeServer silent = another(cacheFolder, ApiConfig.OFF);
    await().atMost(Duration.ofSeconds(10)).until(() -> status(silent, "/library/books/b1") == 200);
    return silent;
  }

  private EdgeServer another(Path cacheFolder, ApiConfig api) {
    EventLoops loops = new EventLoops();
    Mesh mesh = Mesh.open(config(EdgeConfig.SERVICE), loops);
    return another(loops, mesh, Optional.of(cacheFolder), api, new TestTokens());
  }

  /** One more edge, which verifies tokens by what the registry's user-svc says. */
  EdgeServer verifying() {
    EventLoops loops = new EventLoops();
    Mesh mesh = Mesh.open(config(EdgeConfig.SERVICE), loops);
    return another(loops, mesh, Optional.empty(), PAGES, Tokens.of(mesh.tokens()));
  }

  private EdgeServer another(
      EventLoops loops, Mesh mesh, Optional<Path> cacheFolder, ApiConfig api, Tokens tokens) {
    EdgeServer another =
        edge(
            loops,
            mesh,
            HttpLimits.DEFAULT,
            new Access.Public(),
            cacheFolder,
            Optional.empty(),
            List.of(),
            api,
            tokens);
    another.start();
    return another;
  }

  private final class TestTokens implements Tokens {
    @Override
    public Caller.User verify(String token) {
      return switch (token) {
        case USER_TOKEN -> new Caller.User("u1", Set.of("customer"), "t1", Instant.MAX);
        case ADMIN_TOKEN -> new Caller.User("a1", Set.of("admin"), "t2", Instant.MAX);
        case REMEMBERED_TOKEN, REVOKED_TOKEN ->
            throw new IllegalStateException("nobody has to find that out");
        default -> {
          if (!token.startsWith(TOKEN_OF)) {
            throw Rejection.unauthenticated("TOKEN_INVALID", "the token is not valid");
          }
          yield new Caller.User(
              token.substring(TOKEN_OF.length()), Set.of("customer"), token, Instant.MAX);
        }
      };
    }

    @Override
    public Optional<Caller.User> remembered(String token) {
      return switch (token) {
        case REMEMBERED_TOKEN ->
            Optional.of(new Caller.User("u2", Set.of("customer"), "t3", Instant.MAX));
        case REVOKED_TOKEN ->
            throw Rejection.unauthenticated("TOKEN_REVOKED", "the token was revoked");
        default -> Optional.empty();
      };
    }

    @Override
    public boolean ready() {
      return issuerKnown.get();
    }
  }

  /** Starts a service and closes it with the rest. */
  TestBackend add(String name, BindableService service) throws IOException {
    return add(TestBackend.start(consul, name, service));
  }

  TestBackend add(TestBackend backend) {
    opened.push(backend);
    return backend;
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + edge.port() + path);
  }

  /**
   * Sends these bytes again and again until the other side takes no more.
   *
   * @return how many it took
   */
  static long fill(SocketChannel client, byte[] bytes) throws IOException {
    client.configureBlocking(false);
    ByteBuffer some = ByteBuffer.wrap(bytes);
    long[] taken = {0, -1};
    await()
        .during(Duration.ofMillis(700))
        .atMost(Duration.ofSeconds(20))
        .until(
            () -> {
              for (int n = client.write(some); n > 0; n = client.write(some)) {
                taken[0] += n;
                if (!some.hasRemaining()) {
                  some.rewind();
                }
              }
              boolean same = taken[0] == taken[1];
              taken[1] = taken[0];
              return same;
            });
    return taken[0];
  }

  /** Any request; headers are names and values in turn. */
  HttpResponse<String> send(String method, String path, String body, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri(path))
            .timeout(Duration.ofSeconds(20))
            .method(
                method,
                body.isEmpty()
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  HttpResponse<String> get(String path, String... headers)
      throws IOException, InterruptedException {
    return send("GET", path, "", headers);
  }

  HttpResponse<String> post(String path, String json, String... headers)
      throws IOException, InterruptedException {
    String[] all = Arrays.copyOf(headers, headers.length + 2);
    all[headers.length] = "Content-Type";
    all[headers.length + 1] = "application/json";
    return send("POST", path, json, all);
  }

  HttpResponse<String> management(String path) throws IOException, InterruptedException {
    return client.send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + management + path)).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  int status(String path) {
    return status(edge, path);
  }

  int status(EdgeServer of, String path) {
    URI uri = URI.create("http://127.0.0.1:" + of.port() + path);
    try {
      return client
          .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
          .statusCode();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Closes it, and fails if the clients of this edge left more behind than there was before. */
  void close(Held before) throws IOException {
    try {
      // Whose connections wait for the next request, and are no leak.
      client.shutdownNow();
      before.assertGivenBack(edge);
    } finally {
      close();
    }
  }

  @Override
  public void close() throws IOException {
    for (AutoCloseable closeable : opened) {
      try {
        closeable.close();
      } catch (Exception e) {
        throw new IllegalStateException("a part of the fixture did not close", e);
      }
    }
    edge.close();
    consul.close();
    agent.close();
    client.close();
  }
}
