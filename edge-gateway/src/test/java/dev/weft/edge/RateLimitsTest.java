package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.rpc.RetryInfo;
import dev.weft.edge.counter.CounterGrpc;
import dev.weft.edge.counter.TakeRequest;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * An edge behind a proxy that says whose each request is, so that each test has addresses of its
 * own. No window is shorter than an hour: what is used up stays so for the test.
 */
class RateLimitsTest {
  private static final Quota ADDRESS = new Quota(20, 3_600);
  private static final Quota PRINCIPAL = new Quota(5, 3_600);
  private static final CounterService COUNTER = new CounterService();
  private static EdgeFixture fixture;
  private static Held before;

  @BeforeAll
  static void open() throws Exception {
    fixture =
        new EdgeFixture(
            new RateLimitConfig(
                Optional.of(ADDRESS),
                Optional.of(PRINCIPAL),
                Networks.parse("198.51.100.0/24"),
                Optional.empty()));
    fixture.add("counter", COUNTER);
    await().atMost(Duration.ofSeconds(10)).until(() -> look("198.51.100.1").statusCode() == 200);
    before = Held.now();
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close(before);
  }

  @AfterEach
  void stillServes() throws Exception {
    assertThat(look("198.51.100.1").statusCode()).as("of who is not counted").isEqualTo(200);
  }

  private static HttpResponse<String> look(String address, String... headers) throws Exception {
    return fixture.get("/counter", from(address, headers));
  }

  private static HttpResponse<String> take(String address, String... headers) throws Exception {
    return fixture.post("/counter:take", "{}", from(address, headers));
  }

  private static String[] from(String address, String... headers) {
    String[] all = Arrays.copyOf(headers, headers.length + 2);
    all[headers.length] = "X-Forwarded-For";
    all[headers.length + 1] = address;
    return all;
  }

  private static String[] by(String user) {
    return new String[] {"Authorization", "Bearer " + EdgeFixture.TOKEN_OF + user};
  }

  private static String header(HttpResponse<?> answer, String name) {
    return String.join(", ", answer.headers().allValues(name));
  }

  @Test
  void countsThePagesOfTheEdgeItselfWhichAreLong() throws Exception {
    for (int left = 19; left >= 0; left--) {
      HttpResponse<String> page =
          fixture.get(left % 2 == 0 ? "/openapi.json" : "/docs", from("203.0.113.110"));
      assertThat(page.statusCode()).isEqualTo(200);
      assertThat(header(page, "ratelimit")).matches("\"address\";r=" + left + ";t=\\d+");
    }

    HttpResponse<String> refused = fixture.get("/openapi.json", from("203.0.113.110"));

    assertThat(refused.statusCode()).isEqualTo(429);
    assertThat(header(refused, "retry-after")).isNotEmpty();
    assertThat(look("203.0.113.110").statusCode()).as("by the same count").isEqualTo(429);
  }

  @Test
  void enforcesWhatAContractStatesAndTellsWhatIsLeft() throws Exception {
    for (int left = 2; left >= 0; left--) {
      HttpResponse<String> answer = take("203.0.113.1");
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(header(answer, "ratelimit-policy"))
          .isEqualTo("\"address\";q=20;w=3600, \"route\";q=3;w=3600");
      assertThat(header(answer, "ratelimit"))
          .matches("\"address\";r=\\d+;t=\\d+, \"route\";r=" + left + ";t=\\d+");
      assertThat(answer.headers().firstValue("retry-after")).isEmpty();
      assertThat(answer.headers().map().keySet()).noneMatch(name -> name.startsWith("x-rate"));
    }
    int before = COUNTER.calls.get();

    HttpResponse<String> refused = take("203.0.113.1");

    assertThat(refused.statusCode()).isEqualTo(429);
    assertThat(header(refused, "content-type")).isEqualTo("application/problem+json");
    assertThat(refused.body())
        .contains(
            "\"type\":\"urn:weft:problem:rate-limited\"",
            "\"code\":8",
            "\"reason\":\"RATE_LIMITED\"",
            "the limit of this route is 3 requests in 3600 s");
    int wait = Integer.parseInt(header(refused, "retry-after"));
    assertThat(wait).as("a third of the window, but for this test's time").isBetween(900, 1200);
    assertThat(header(refused, "ratelimit")).endsWith("\"route\";r=0;t=" + wait);
    assertThat(COUNTER.calls.get()).isEqualTo(before);
    assertThat(look("203.0.113.1").statusCode()).as("another method").isEqualTo(200);
    assertThat(take("203.0.113.2").statusCode()).as("another address").isEqualTo(200);
    assertThat(take("203.0.113.1", by("counted-by-name")).statusCode())
        .as("a user has a limit of his own")
        .isEqualTo(200);
  }

  @Test
  void aMethodIsOneByWhateverPathAndProtocolItIsCalled() throws Exception {
    String address = "203.0.113.10";
    assertThat(take(address).statusCode()).isEqualTo(200);
    assertThat(
            fixture
                .send("PUT", "/counter/x", "{}", from(address, "Content-Type", "application/json"))
                .statusCode())
        .isEqualTo(200);
    assertThat(named("application/json", "{}", address).statusCode()).isEqualTo(200);

    assertThat(take(address).statusCode()).isEqualTo(429);
    HttpResponse<String> connect = named("application/json", "{}", address);
    assertThat(connect.statusCode()).isEqualTo(429);
    assertThat(connect.body()).startsWith("{\"code\":\"resource_exhausted\"");
    HttpResponse<String> web = named("application/grpc-web", "\0\0\0\0\0", address);
    assertThat(web.statusCode()).isEqualTo(200);
    assertThat(web.body()).contains("grpc-status: 8\r\n");
    for (HttpResponse<String> refused : List.of(connect, web)) {
      assertThat(header(refused, "ratelimit")).contains("\"route\";r=0;t=");
      assertThat(Integer.parseInt(header(refused, "retry-after"))).isPositive();
    }
  }

  private static HttpResponse<String> named(String type, String latin1, String address)
      throws Exception {
    return fixture.client.send(
        HttpRequest.newBuilder(fixture.uri("/counter.v1.Counter/Take"))
            .headers(from(address, "Content-Type", type))
            .POST(HttpRequest.BodyPublishers.ofString(latin1, ISO_8859_1))
            .build(),
        HttpResponse.BodyHandlers.ofString(ISO_8859_1));
  }

  @Test
  void tellsGrpcWithWhatItKnowsAndWhenToComeBack() throws Exception {
    Metadata from = new Metadata();
    from.put(Metadata.Key.of("x-forwarded-for", Metadata.ASCII_STRING_MARSHALLER), "203.0.113.20");
    ManagedChannel channel =
        Grpc.newChannelBuilder(
                "127.0.0.1:" + fixture.edge.port(), InsecureChannelCredentials.create())
            .build();
    try {
      CounterGrpc.CounterBlockingStub stub =
          CounterGrpc.newBlockingStub(channel)
              .withDeadlineAfter(20, TimeUnit.SECONDS)
              .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(from));
      for (int i = 0; i < 3; i++) {
        assertThat(stub.take(TakeRequest.getDefaultInstance())).isNotNull();
      }
      assertThatThrownBy(() -> stub.take(TakeRequest.getDefaultInstance()))
          .isInstanceOfSatisfying(
              StatusRuntimeException.class,
              thrown -> {
                assertThat(thrown.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
                assertThat(trailer(thrown, "ratelimit")).contains("\"route\";r=0;t=");
                assertThat(trailer(thrown, "ratelimit-policy")).contains("\"route\";q=3;w=3600");
                assertThat(Integer.parseInt(trailer(thrown, "retry-after"))).isBetween(900, 1200);
                assertThat(StatusProto.fromThrowable(thrown).getDetailsList())
                    .anyMatch(detail -> detail.is(RetryInfo.class));
              });
    } finally {
      channel.shutdownNow();
    }
  }

  private static String trailer(StatusRuntimeException thrown, String name) {
    return String.valueOf(
        thrown.getTrailers().get(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER)));
  }

  @Test
  void refusesAWebSocketBeforeItIsOne() throws Exception {
    assertThat(handshake("203.0.113.30")).startsWith("HTTP/1.1 101 ");
    assertThat(handshake("203.0.113.30"))
        .startsWith("HTTP/1.1 429 ")
        .containsIgnoringCase("retry-after: ")
        .containsIgnoringCase("ratelimit: ");
    assertThat(handshake("203.0.113.31")).startsWith("HTTP/1.1 101 ");
  }

  private static String handshake(String address) throws IOException {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(RawWebSocket.handshake("/counter:watch", "X-Forwarded-For: " + address));
      return client.head();
    }
  }

  @Test
  void refusesBeforeABodyIsReadOrATokenIsLookedAt() throws Exception {
    String address = "203.0.113.40";
    for (int i = 0; i < ADDRESS.requests(); i++) {
      assertThat(look(address, "Authorization", "Bearer wrong").statusCode()).isEqualTo(200);
    }
    int before = COUNTER.calls.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /counter:take HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: "
              + address
              + "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n");
      assertThat(client.head())
          .startsWith("HTTP/1.1 429 ")
          .containsIgnoringCase("ratelimit: \"address\";r=0;t=");
    }
    HttpResponse<String> mine =
        fixture.post(
            "/counter:takeMine", "{}", from(address, "Authorization", "Bearer also-wrong"));
    assertThat(mine.statusCode()).isEqualTo(429);
    assertThat(mine.body()).contains("the limit of this address is 20 requests in 3600 s");
    assertThat(COUNTER.calls.get()).isEqualTo(before);
  }

  @Test
  void whoComesRoundTheProxiesIsCountedByItsOwnAddressWhateverItSays() throws Exception {
    RateLimitConfig three =
        new RateLimitConfig(
            Optional.of(new Quota(3, 3_600)), Optional.empty(), Networks.NONE, Optional.empty());
    try (EdgeFixture open = new EdgeFixture(three, Networks.parse("192.0.2.0/24"))) {
      open.add("counter", COUNTER);
      // The one that is answered is the first of three.
      await().atMost(Duration.ofSeconds(10)).until(() -> open.status("/counter") == 200);

      assertThat(statusOf(open, "203.0.113.120")).isEqualTo("HTTP/1.1 200 ");
      assertThat(statusOf(open, "203.0.113.121, 192.0.2.1")).isEqualTo("HTTP/1.1 200 ");
      assertThat(statusOf(open, "203.0.113.122")).isEqualTo("HTTP/1.1 429 ");
    }
  }

  private static String statusOf(EdgeFixture edge, String forwarded) throws IOException {
    try (RawHttp client = new RawHttp(edge.edge.port())) {
      client.send("GET /counter HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + forwarded + "\r\n\r\n");
      return client.head().substring(0, "HTTP/1.1 200 ".length());
    }
  }

  @Test
  void triesOfTokensCountAgainstTheirAddress() throws Exception {
    String address = "203.0.113.41";
    for (int i = 0; i < ADDRESS.requests(); i++) {
      HttpResponse<String> wrong =
          fixture.post(
              "/counter:takeMine", "{}", from(address, "Authorization", "Bearer wrong" + i));
      assertThat(wrong.statusCode()).isEqualTo(401);
      assertThat(header(wrong, "ratelimit")).startsWith("\"address\";r=");
    }
    assertThat(look(address).statusCode()).isEqualTo(429);
  }

  @Test
  void aUserIsOneFromWhereverHeComesAndNobodyElseIsHim() throws Exception {
    for (int i = 0; i < PRINCIPAL.requests(); i++) {
      HttpResponse<String> answer = look("203.0.113." + (50 + i), by("ada"));
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(header(answer, "ratelimit"))
          .contains("\"principal\";r=" + (PRINCIPAL.requests() - 1 - i) + ";t=");
    }

    HttpResponse<String> refused = look("203.0.113.59", by("ada"));

    assertThat(refused.statusCode()).isEqualTo(429);
    assertThat(refused.body()).contains("the limit of this principal is 5 requests in 3600 s");
    assertThat(look("203.0.113.59", by("grace")).statusCode()).isEqualTo(200);
    assertThat(look("203.0.113.59").statusCode()).as("nobody in particular").isEqualTo(200);
  }

  @Test
  void aMethodHasALimitForEachUser() throws Exception {
    assertThat(mine("linus")).isEqualTo(200);
    assertThat(mine("linus")).isEqualTo(200);
    assertThat(mine("linus")).isEqualTo(429);
    assertThat(mine("barbara")).isEqualTo(200);
  }

  private static int mine(String user) throws Exception {
    return fixture.post("/counter:takeMine", "{}", from("203.0.113.60", by(user))).statusCode();
  }

  @ParameterizedTest
  @CsvSource({
    "2001:db8:0:1::1, 2001:db8:0:1:ffff::2, 429",
    "2001:db8:0:2::1, 2001:db8:0:3::1, 200",
    "203.0.113.70, '6.6.6.6, 203.0.113.70', 429",
    "203.0.113.71, ::ffff:203.0.113.71, 429"
  })
  void oneHolderHasOneLimitWhateverHeSays(String first, String then, int status) throws Exception {
    for (int i = 0; i < 3; i++) {
      assertThat(take(first).statusCode()).isEqualTo(200);
    }
    assertThat(take(then).statusCode()).isEqualTo(status);
  }

  /** Whoever he says he is, and wherever he says it: what the proxy says of him counts. */
  @Test
  void manyNamesAreOneHolder() throws Exception {
    String address = "203.0.113.72";
    for (int i = 0; i < 3; i++) {
      assertThat(take(address).statusCode()).isEqualTo(200);
    }
    for (int i = 0; i < 250; i++) {
      String other = "198.51.100." + i;
      HttpResponse<String> answer =
          take(
              other + ", " + address,
              "X-Real-IP",
              other,
              "True-Client-IP",
              other,
              "X-Client-IP",
              other,
              "Forwarded",
              "for=" + other,
              "X-Forwarded-Host",
              other,
              "X-Forwarded-Proto",
              "https",
              "User-Agent",
              other);
      assertThat(answer.statusCode()).as(other).isEqualTo(429);
    }
  }

  @Test
  void requestsAtOnceGetNoMoreThanOneAfterTheOther() throws Exception {
    try (RawHttp2 client = new RawHttp2(fixture.edge.port())) {
      for (int stream = 1; stream < 40; stream += 2) {
        client.request(
            stream,
            RawHttp2.END_STREAM,
            "POST",
            "/counter:take",
            "x-forwarded-for",
            "203.0.113.73");
      }
      List<String> statuses = new ArrayList<>();
      while (statuses.size() < 20) {
        statuses.add(client.decode(client.next(RawHttp2.HEADERS)).get(":status"));
      }
      assertThat(statuses).containsOnly("200", "429").filteredOn("200"::equals).hasSize(3);
    }
  }

  @Test
  void whoComesFromAnUncountedAddressIsNotCountedAtAll() throws Exception {
    for (int i = 0; i < 2 * ADDRESS.requests(); i++) {
      HttpResponse<String> answer = take("198.51.100.7", by("busy"));
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.headers().firstValue("ratelimit")).isEmpty();
      assertThat(answer.headers().firstValue("ratelimit-policy")).isEmpty();
    }
    assertThat(take("203.0.113.80", by("busy")).statusCode()).isEqualTo(200);
  }

  @Test
  void whatTheEdgeAnswersByItselfIsNotCounted() throws Exception {
    String address = "203.0.113.90";
    for (int i = 0; i < 2 * ADDRESS.requests(); i++) {
      assertThat(fixture.get("/nobodys", from(address)).statusCode()).isEqualTo(404);
    }
    assertThat(header(look(address), "ratelimit")).startsWith("\"address\";r=19;");
  }

  @Test
  void countsWhatItRefuses() throws Exception {
    for (int i = 0; i < 4; i++) {
      take("203.0.113.100");
    }
    assertThat(fixture.management("/metrics").body())
        .containsPattern(
            "weft_edge_rate_limited_total\\{[^}]*http_route=\"/counter:take\"[^}]*limit=\"route\"")
        .containsPattern("weft_edge_rate_limit_buckets_forgotten_total 0");
  }
}
