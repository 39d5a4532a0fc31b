package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.Registration;
import dev.weft.consul.ServiceRegistration;
import dev.weft.consul.Weights;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Services that speak HTTP themselves, behind a real edge that found them in a real registry. */
class ProxyTest {
  private static EdgeFixture fixture;

  private @Nullable HttpBackend legacy;

  @BeforeAll
  static void start() throws Exception {
    fixture = EdgeFixture.with(new LibraryService(), EdgeFixture.QUICK);
  }

  @AfterAll
  static void stop() throws IOException {
    fixture.close();
  }

  @AfterEach
  void leave() throws IOException {
    if (legacy != null) {
      legacy.close();
      await().until(() -> fixture.consul.instances("legacy-svc").isEmpty());
    }
  }

  private HttpBackend legacy() {
    return Objects.requireNonNull(legacy);
  }

  /** Mounts the service at a place and waits until the edge knows both. */
  private void mount(String options, HttpBackend.Answering answering) throws Exception {
    legacy = HttpBackend.start(fixture.consul, "legacy-svc", answering);
    mounted(options);
  }

  private static void mounted(String options) throws Exception {
    // A mount of each test's own shows that the others are known.
    String marker = "/m" + System.nanoTime();
    fixture
        .consul
        .kv()
        .put(
            Mounts.KEY,
            "{\"/legacy\": {\"service\": \"legacy-svc\", \"to\": \"/api\"%s}, \"%s\": {\"service\":\"m\"}}"
                .formatted(options, marker));
    await().until(() -> fixture.management("/routes").body().contains(marker));
    await().until(() -> fixture.management("/services/legacy-svc").body().contains("\"port\":"));
  }

  private void mountSaying(String answer) throws Exception {
    mount(PUBLIC, (_, _, out) -> out.write(answer.getBytes(ISO_8859_1)));
  }

  private static final String PUBLIC = ", \"access\": \"public\"";

  @Test
  void passesARequestOnAtItsOtherPathWithWhatMayPass() throws Exception {
    mount(
        PUBLIC + ", \"request_headers\": {\"X-Tenant\": \"shop\", \"Referer\": \"\"}",
        (_, _, out) -> out.write(HttpBackend.ok("hello").getBytes(ISO_8859_1)));

    HttpResponse<String> answer =
        fixture.get(
            "/legacy/a%2Fb/?q=%C3%A4&q=+",
            "X-Custom",
            "yes",
            "Accept",
            "text/plain",
            "If-None-Match",
            "\"1\"",
            "Referer",
            "http://a.example/",
            "X-Tenant",
            "forged",
            "X-Request-Id",
            "r-7",
            "X-Forwarded-For",
            "203.0.113.1",
            "X-Forwarded-Host",
            "forged.example",
            "X-Client-IP",
            "forged",
            "X-Gateway-Timestamp",
            "forged",
            "X-User-Id",
            "forged",
            "X_User_Role",
            "forged",
            "X-Original-URL",
            "/forged",
            "X-HTTP-Method-Override",
            "FORGED",
            "Cookie",
            "session=forged",
            "Authorization",
            "Bearer " + EdgeFixture.USER_TOKEN);

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body()).isEqualTo("hello");
    assertThat(answer.headers().firstValue("content-length")).contains("5");
    assertThat(legacy().heads()).hasSize(1);
    assertThat(legacy().heads().getFirst())
        .startsWith("GET /api/a%2Fb/?q=%C3%A4&q=+ HTTP/1.1\r\n")
        .contains(
            "host: 127.0.0.1:",
            "x-custom: yes",
            "accept: text/plain",
            "if-none-match: \"1\"",
            "X-Tenant: shop",
            "x-request-id: r-7",
            "x-forwarded-for: 203.0.113.1, 127.0.0.1",
            "x-forwarded-proto: http\r\n",
            "x-forwarded-host: 127.0.0.1:" + fixture.edge.port(),
            "x-forwarded-prefix: /legacy",
            "x-client-ip: 127.0.0.1",
            "x-gateway-timestamp: 20",
            "traceparent: 00-",
            "connection: close")
        .doesNotContain(
            "forged", "FORGED", "uthorization", "eferer", "ransfer-", "pgrade", "HTTP2");
  }

  @Test
  void passesNothingOnThatIsMeantForTheEdgeOnly() throws Exception {
    mountSaying(HttpBackend.ok(""));
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          lines(
              """
              GET /legacy/a HTTP/1.1
              Host: a
              Connection: X-Hop, x-client-ip, keep-alive
              X-Hop: one-hop
              TE: one-hop
              Upgrade: one-hop
              Keep-Alive: one-hop
              Proxy-Authorization: one-hop
              HTTP2-Settings: one-hop

              """));

      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
    assertThat(legacy().heads().getFirst())
        .doesNotContain("one-hop")
        .contains("x-client-ip: 127.0.0.1");
  }

  @Test
  void letsTheServiceSayOfItsAnswerWhatItMay() throws Exception {
    mountSaying(
        lines(
            """
            HTTP/1.1 201 Made
            Content-Type: text/html; charset=utf-8
            Location: /api/a/7?b=c
            ETag: "7"
            X-Shelf: s1
            Cache-Control: max-age=5
            Vary: Accept
            Set-Cookie: a=no-no
            Server: no-no
            X-Powered-By: no-no
            Via: no-no
            Access-Control-Allow-Origin: no-no
            Strict-Transport-Security: no-no
            Keep-Alive: no-no
            X-Request-Id: no-no
            Trailer: no-no
            Transfer-Encoding: chunked

            3
            abc
            2;ext=1
            de
            0
            no-no: no-no

            """));

    HttpResponse<String> answer = fixture.get("/legacy/a", "Origin", "https://shop.example");

    assertThat(answer.statusCode()).isEqualTo(201);
    assertThat(answer.body()).isEqualTo("abcde");
    Map<String, List<String>> headers = answer.headers().map();
    assertThat(headers.toString()).doesNotContain("no-no");
    assertThat(headers)
        .containsEntry("content-type", List.of("text/html; charset=utf-8"))
        .containsEntry("location", List.of("/legacy/a/7?b=c"))
        .containsEntry("etag", List.of("\"7\""))
        .containsEntry("x-shelf", List.of("s1"))
        .containsEntry("cache-control", List.of("max-age=5"))
        .containsEntry("vary", List.of("Origin, Accept"))
        .containsEntry("x-content-type-options", List.of("nosniff"))
        .containsKeys("x-request-id", "x-response-time");
  }

  @ParameterizedTest
  @CsvSource({
    "public, 'public, max-age=9', 'public, max-age=9'",
    "authenticated, 'public, max-age=9', no-store",
    "authenticated, 'private, max-age=9', 'private, max-age=9'"
  })
  void letsNobodyKeepWhatIsForSome(String access, String said, String told) throws Exception {
    mount(
        ", \"access\": \"" + access + "\", \"answer_headers\": {\"X-Api\": \"old\"}",
        (_, _, out) ->
            out.write(
                ("HTTP/1.1 200 OK\r\nCache-Control: " + said + "\r\nContent-Length: 0\r\n\r\n")
                    .getBytes(ISO_8859_1)));

    HttpResponse<String> answer =
        fixture.get("/legacy/a", "Authorization", "Bearer " + EdgeFixture.USER_TOKEN);

    assertThat(answer.headers().allValues("cache-control")).containsExactly(told);
    assertThat(answer.headers().allValues("x-api")).containsExactly("old");
  }

  @Test
  void answersWithoutABodyWhereThereIsNone() throws Exception {
    mount(
        PUBLIC,
        (head, _, out) ->
            out.write(
                (head.startsWith("HEAD ")
                        ? "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"
                        : head.startsWith("DELETE ")
                            ? "HTTP/1.1 204 No Content\r\n\r\n"
                            : "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n")
                    .getBytes(ISO_8859_1)));
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("HEAD /legacy/a HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.head()).startsWith("HTTP/1.1 200 ").contains("Content-Length: 77");
      client.send("DELETE /legacy/a HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.head())
          .startsWith("HTTP/1.1 204 ")
          .doesNotContain("Content-Length", "chunked");
      client.send("GET /legacy/a HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.head()).startsWith("HTTP/1.1 304 ").doesNotContain("chunked");
      // The connection is in step.
      client.send("GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
  }

  @Test
  void passesBothBodiesOnAsTheyCome() throws Exception {
    LinkedBlockingQueue<String> came = new LinkedBlockingQueue<>();
    mount(
        PUBLIC,
        (head, in, out) -> {
          out.write(
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nup\r\n"
                  .getBytes(ISO_8859_1));
          came.add(new String(in.readNBytes(8), ISO_8859_1));
          came.add(new String(in.readNBytes(13), ISO_8859_1));
          out.write("4\r\ndown\r\n0\r\n\r\n".getBytes(ISO_8859_1));
        });
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /legacy/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
      assertThat(client.head()).startsWith("HTTP/1.1 200 ");
      assertThat(client.chunk()).isEqualTo("up");
      assertThat(came.poll(10, TimeUnit.SECONDS)).isEqualTo("3\r\none\r\n");
      client.send("3\r\ntwo\r\n0\r\n\r\n");
      assertThat(client.chunk()).isEqualTo("down");
      assertThat(client.chunk()).isEmpty();
    }
    assertThat(came.poll()).isEqualTo("3\r\ntwo\r\n0\r\n\r\n");
    assertThat(legacy().heads().getFirst()).contains("transfer-encoding: chunked");
  }

  @Test
  void asksForABodyThatIsExpectedAndSaysItsLength() throws Exception {
    mount(
        PUBLIC,
        (_, in, out) -> {
          String body = new String(in.readNBytes(5), ISO_8859_1);
          out.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".getBytes(ISO_8859_1));
          out.write(HttpBackend.ok(body).getBytes(ISO_8859_1));
        });
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "PUT /legacy HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
      assertThat(client.head()).startsWith("HTTP/1.1 100 ");
      client.send("12345");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ").endsWith("12345");
    }
    assertThat(legacy().heads().getFirst())
        .startsWith("PUT /api HTTP/1.1\r\n")
        .contains("content-length: 5")
        .doesNotContain("xpect");
  }

  @Test
  void readsNoMoreOfAClientThanTheServiceTakes() throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    mount(PUBLIC + ", \"max_body_bytes\": 1073741824", (_, _, _) -> done.await());
    try (SocketChannel client =
        SocketChannel.open(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), fixture.edge.port()))) {
      client.write(
          ByteBuffer.wrap(
              "POST /legacy/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"
                  .getBytes(ISO_8859_1)));

      assertThat(EdgeFixture.fill(client, new byte[64 * 1024])).isLessThan(32L * 1024 * 1024);
    } finally {
      done.countDown();
    }
  }

  @Test
  void readsNoMoreOfTheServiceThanTheClientTakes() throws Exception {
    AtomicLong written = new AtomicLong();
    mount(
        PUBLIC,
        (_, _, out) -> {
          out.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n".getBytes(ISO_8859_1));
          byte[] some = new byte[64 * 1024];
          while (true) {
            out.write(some);
            written.addAndGet(some.length);
          }
        });
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("GET /legacy/a HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.head()).contains("Content-Length: 1000000000");
      // A client that does not read is left (HttpLimits.stalled), and then the service is.
      await().atMost(Duration.ofSeconds(10)).until(() -> legacy().connections() == 0);
    }
    assertThat(written.get()).isLessThan(32L * 1024 * 1024);
  }

  @Test
  void leavesTheServiceWhenTheClientLeaves() throws Exception {
    mount(
        PUBLIC,
        (_, in, _) -> {
          int _ = in.read();
        });
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("GET /legacy/a HTTP/1.1\r\nHost: a\r\n\r\n");
      await().until(() -> legacy().connections() == 1);
    }

    await().until(() -> legacy().connections() == 0);
  }

  @Test
  void letsInWhoMay() throws Exception {
    mount(
        ", \"roles\": [\"admin\"]",
        (_, _, out) -> out.write(HttpBackend.ok("in").getBytes(ISO_8859_1)));

    assertThat(fixture.get("/legacy/a").statusCode()).isEqualTo(401);
    assertThat(fixture.get("/legacy/a", "Authorization", "Bearer no").statusCode()).isEqualTo(401);
    HttpResponse<String> user =
        fixture.get("/legacy/a", "Authorization", "Bearer " + EdgeFixture.USER_TOKEN);
    assertThat(user.statusCode()).isEqualTo(403);
    assertThat(user.body()).contains("ROLE_REQUIRED");
    assertThat(legacy().heads()).isEmpty();
    assertThat(
            fixture.get("/legacy/a", "Authorization", "Bearer " + EdgeFixture.ADMIN_TOKEN).body())
        .isEqualTo("in");
  }

  @Test
  void boundsBodies() throws Exception {
    mount(
        PUBLIC + ", \"max_body_bytes\": 10",
        (_, in, out) -> {
          in.readNBytes(1_000);
          out.write(HttpBackend.ok("").getBytes(ISO_8859_1));
        });

    HttpResponse<String> said = fixture.post("/legacy/a", "12345678901");
    assertThat(said.statusCode()).isEqualTo(413);
    assertThat(said.body()).contains("BODY_TOO_LARGE");
    assertThat(legacy().heads()).isEmpty();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /legacy/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n");
      assertThat(client.all()).startsWith("HTTP/1.1 413 ").contains("Connection: close");
    }
    await().until(() -> legacy().connections() == 0);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "POST /legacy/a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /legacy/a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        "POST /legacy/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /legacy/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "GET /legacy/a HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c: d\r\n\r\n",
        "GET /legacy/../admin HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /legacy/%2e%2e/admin HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /legacy/..%2Fadmin HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /legacy/%252e%252e/admin HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /legacy/a%0d%0aX-A:b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /legacy/a\\b HTTP/1.1\r\nHost: a\r\n\r\n"
      })
  void letsNothingThroughThatAnotherServerMayReadAnotherWay(String request) throws Exception {
    mountSaying(HttpBackend.ok(""));
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          request + "GET /legacy/smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

      assertThat(client.head()).startsWith("HTTP/1.1 400 ");
    }
    assertThat(legacy().heads()).noneMatch(head -> head.contains("admin") || head.contains("POST"));
  }

  /** What comes after a chunked body is another request, whatever its last chunk holds. */
  @Test
  void framesABodyAnew() throws Exception {
    LinkedBlockingQueue<String> came = new LinkedBlockingQueue<>();
    mount(
        PUBLIC,
        (_, in, out) -> {
          came.add(new String(in.readNBytes(11), ISO_8859_1));
          out.write(HttpBackend.ok("").getBytes(ISO_8859_1));
        });
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /legacy/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n01\r\nx\r\n0\r\nContent-Length: 99\r\nX-User-Id: a\r\n\r\n");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
    assertThat(came.poll()).isEqualTo("1\r\nx\r\n0\r\n\r\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "what?\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n",
        "HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A"
      })
  void says502OfAnAnswerThatIsNone(String answer) throws Exception {
    mountSaying(answer);

    HttpResponse<String> told = fixture.get("/legacy/a");

    assertThat(told.statusCode()).isEqualTo(502);
    assertThat(told.headers().firstValue("content-type")).contains("application/problem+json");
    assertThat(told.body()).contains("UPSTREAM_BROKEN", "\"instance\":\"/legacy/a\"");
    assertThat(fixture.get("/library/books/b1").statusCode()).isEqualTo(200);
  }

  @Test
  void says502OfAHeaderWithoutAnEnd() throws Exception {
    mount(
        PUBLIC,
        (_, _, out) -> {
          out.write("HTTP/1.1 200 OK\r\nX-A: ".getBytes(ISO_8859_1));
          while (true) {
            out.write(new byte[] {'a', 'a', 'a', 'a'});
          }
        });

    assertThat(fixture.get("/legacy/a").statusCode()).isEqualTo(502);
  }

  @Test
  void cutsAnAnswerOffThatEndsEarly() throws Exception {
    mountSaying("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("GET /legacy/a HTTP/1.1\r\nHost: a\r\n\r\n");

      assertThat(client.all()).startsWith("HTTP/1.1 200 ").contains("Content-Length: 10");
    }
    legacy().close();
    mountSaying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("GET /legacy/a HTTP/1.1\r\nHost: a\r\n\r\n");

      assertThat(client.all()).startsWith("HTTP/1.1 200 ").doesNotEndWith("0\r\n\r\n");
    }
  }

  @Test
  void says504WhenTheServiceDoesNothing() throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    mount(PUBLIC + ", \"timeout\": \"PT0.2S\"", (_, _, _) -> done.await());

    HttpResponse<String> told = fixture.get("/legacy/a");

    assertThat(told.statusCode()).isEqualTo(504);
    assertThat(told.body()).contains("UPSTREAM_TIMEOUT");
    done.countDown();
  }

  @Test
  void says408ToAClientThatDoesNotSendItsBody() throws Exception {
    mount(
        PUBLIC,
        (_, in, _) -> {
          int _ = in.read();
        });
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("POST /legacy/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");

      assertThat(client.all()).startsWith("HTTP/1.1 408 ").contains("REQUEST_TIMEOUT");
    }
    await().until(() -> legacy().connections() == 0);
  }

  @Test
  void triesTheNextInstanceWhenOneTakesNoConnection() throws Exception {
    mountSaying(HttpBackend.ok("alive"));
    try (HttpBackend dead =
        HttpBackend.saying(fixture.consul, "legacy-svc", HttpBackend.ok("dead"))) {
      await().until(() -> fixture.get("/legacy/a").body().equals("dead"));
      dead.die();

      for (int i = 0; i < 4; i++) {
        assertThat(fixture.get("/legacy/a").body()).isEqualTo("alive");
      }
    }
  }

  @Test
  void says503WhenNobodyTakesAConnectionOrNobodyIsThere() throws Exception {
    mountSaying(HttpBackend.ok("alive"));
    legacy().die();

    HttpResponse<String> dead = fixture.get("/legacy/a");
    assertThat(dead.statusCode()).isEqualTo(503);
    assertThat(dead.headers().firstValue("retry-after")).isPresent();
    assertThat(dead.body()).contains("UPSTREAM_UNAVAILABLE");
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("GET /legacy/a HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.answer()).startsWith("HTTP/1.1 503 ").doesNotContain("Connection: close");
      client.send("GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }

    legacy().close();
    await().until(() -> fixture.get("/legacy/a").body().contains("NO_HEALTHY_INSTANCE"));
    assertThat(fixture.get("/legacy/a").statusCode()).isEqualTo(503);
  }

  @Test
  void answersOptionsItselfAndOtherMethodsWithWhatThereIs() throws Exception {
    mountSaying(HttpBackend.ok(""));

    HttpResponse<String> preflight =
        fixture.send(
            "OPTIONS",
            "/legacy/a",
            "",
            "Origin",
            "https://shop.example",
            "Access-Control-Request-Method",
            "PUT");
    assertThat(preflight.statusCode()).isEqualTo(204);
    assertThat(preflight.headers().firstValue("access-control-allow-methods").orElse(""))
        .contains("PUT");
    assertThat(fixture.send("PROPFIND", "/legacy/a", "").statusCode()).isEqualTo(405);
    assertThat(legacy().heads()).isEmpty();
  }

  @Test
  void takesNothingThatAContractOrAnOwnerHas() throws Exception {
    legacy = HttpBackend.saying(fixture.consul, "legacy-svc", HttpBackend.ok("legacy"));
    fixture
        .consul
        .kv()
        .put(Mounts.KEY, "{\"/\": {\"service\": \"legacy-svc\", \"access\": \"public\"}}");
    await().until(() -> fixture.get("/anything/else").body().equals("legacy"));

    assertThat(fixture.get("/library/books/b1").body()).contains("\"bookId\"");
    assertThat(fixture.send("PUT", "/library/books/b1", "").statusCode()).isEqualTo(405);
    for (String path :
        List.of("/v1/auth:login", "/v1/auth/x", "/v1/users/1", "/.well-known/jwks.json")) {
      assertThat(fixture.get(path).statusCode()).as(path).isEqualTo(404);
    }
    assertThat(
            fixture
                .send("POST", "/a.B/C", "", "Content-Type", "application/grpc-web")
                .headers()
                .firstValue("content-type")
                .orElse(""))
        .startsWith("application/grpc-web");
    assertThat(legacy().heads()).allMatch(head -> head.startsWith("GET /anything/else "));
  }

  @Test
  void takesNothingBeforeItIsKnownWhatContractsHave(@TempDir Path folder) throws Exception {
    legacy = HttpBackend.saying(fixture.consul, "legacy-svc", HttpBackend.ok("legacy"));
    fixture
        .consul
        .kv()
        .put(Mounts.KEY, "{\"/\": {\"service\": \"legacy-svc\", \"access\": \"public\"}}");
    fixture.issuerKnown.set(false);
    try (EdgeServer late = fixture.another(folder)) {
      await().until(() -> fixture.status(late, "/library/books/b1") == 200);
      assertThat(fixture.status(late, "/anything/else")).isEqualTo(503);
      assertThat(legacy().heads()).isEmpty();

      fixture.issuerKnown.set(true);

      await().until(() -> fixture.status(late, "/anything/else") == 200);
    } finally {
      fixture.issuerKnown.set(true);
    }
  }

  @Test
  void keepsToWhatWasSaidBeforeWhenOperatorsSayNonsense() throws Exception {
    mountSaying(HttpBackend.ok("legacy"));

    fixture.consul.kv().put(Mounts.KEY, "{\"/legacy\": {\"servce\": \"typo\"}}");
    fixture.consul.kv().put("other", "so that the one before was heard of");

    assertThat(fixture.get("/legacy/a").body()).isEqualTo("legacy");
    fixture.consul.kv().delete(Mounts.KEY);
    await().until(() -> fixture.get("/legacy/a").statusCode() == 404);
  }

  @Test
  void mountsWhatAContractHasElsewhereByItsOwnRules() throws Exception {
    fixture
        .consul
        .kv()
        .put(
            Mounts.KEY,
            "{\"/shop/items\": {\"service\": \"library\", \"to\": \"/library/books\","
                + " \"answer_headers\": {\"X-Shop\": \"yes\"}},"
                + " \"/nobodys\": {\"service\": \"library\"}}");
    await().until(() -> fixture.get("/shop/items/b1").statusCode() == 200);

    HttpResponse<String> book = fixture.get("/shop/items/b1");
    assertThat(book.body()).isEqualTo(fixture.get("/library/books/b1").body());
    assertThat(book.headers().firstValue("x-shop")).contains("yes");
    HttpResponse<String> created =
        fixture.post("/shop/items", "{\"title\":\"T\"}", "Idempotency-Key", "\"k-1\"");
    assertThat(created.statusCode()).isEqualTo(201);
    assertThat(created.headers().firstValue("location")).contains("/shop/items/new%2Fk-1");
    assertThat(fixture.post("/shop/items/b1:lend", "{}").statusCode()).isEqualTo(401);
    assertThat(fixture.get("/shop/items/b1/nothing").statusCode()).isEqualTo(404);
    assertThat(fixture.get("/nobodys/books/b1").statusCode()).isEqualTo(404);
  }

  @Test
  void passesOnWhatComesOverHttp2() throws Exception {
    mount(
        PUBLIC,
        (_, in, out) -> {
          String body = new String(in.readNBytes(21), ISO_8859_1);
          out.write(
              ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n"
                      + body
                      + "\r\n1\r\n.\r\n0\r\n\r\n")
                  .getBytes(ISO_8859_1));
        });
    try (RawHttp2 client = new RawHttp2(fixture.edge.port())) {
      client.request(1, 0, "POST", "/legacy/a?b=c");
      client.data(1, 0, "one");
      client.data(1, RawHttp2.END_STREAM, "two");

      RawHttp2.Answer answer = client.answer(1);
      assertThat(answer.status()).isEqualTo(200);
      assertThat(answer.body()).isEqualTo("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n.");
    }
    assertThat(legacy().heads().getFirst()).startsWith("POST /api/a?b=c HTTP/1.1\r\n");
  }

  @Test
  void looksUpInstancesThatAreNamed() throws Exception {
    mountSaying(HttpBackend.ok("named"));
    try (Registration _ =
        fixture.consul.register(
            new ServiceRegistration(
                "named-1",
                "named-svc",
                "localhost",
                fixture.consul.instances("legacy-svc").getFirst().port(),
                List.of(),
                Map.of(ServiceRegistration.META_PROTOCOL, "http"),
                Weights.EQUAL,
                List.of(),
                false))) {
      fixture
          .consul
          .kv()
          .put(Mounts.KEY, "{\"/named\": {\"service\": \"named-svc\", \"access\": \"public\"}}");

      await().until(() -> fixture.get("/named/a").body().equals("named"));
    }
  }

  /** As HTTP ends them. */
  private static String lines(String text) {
    return text.replace("\n", "\r\n");
  }
}
