package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whom the agent lets in, and how much of them. */
final class DoorTest {
  private DevAgent agent;
  private Api api;

  @BeforeEach
  void start() throws IOException {
    agent = DevAgent.start(DevAgentConfig.inMemory());
    api = new Api(agent.url());
  }

  @AfterEach
  void stop() {
    api.close();
    agent.close();
  }

  @Test
  void answersOnlyToItsLoopbackName() throws IOException {
    int port = agent.address().getPort();
    // Through a tunnel, it is called by another port.
    for (String own :
        List.of("127.0.0.1:" + port, "localhost:" + port, "LOCALHOST", "[::1]", "127.0.0.1:1")) {
      assertThat(status("GET / HTTP/1.1", "Host: " + own)).as(own).isEqualTo(301);
    }
    for (String foreign :
        List.of("evil.example", "evil.example:" + port, "127.0.0.1.evil.example", "")) {
      assertThat(status("GET / HTTP/1.1", "Host: " + foreign)).as(foreign).isEqualTo(403);
    }
    assertThat(status("GET / HTTP/1.0")).isEqualTo(403);
  }

  @Test
  void answersNoPageOfAnotherOrigin() throws IOException {
    int port = agent.address().getPort();
    String host = "Host: 127.0.0.1:" + port;
    String read = "GET /v1/status/leader HTTP/1.1";
    assertThat(status(read, host, "Origin: http://127.0.0.1:" + port)).isEqualTo(200);
    assertThat(status(read, host, "Origin: http://evil.example")).isEqualTo(403);
    assertThat(status(read, host, "Origin: http://127.0.0.1:" + (port + 1))).isEqualTo(403);
    assertThat(status(read, host, "Origin: null")).isEqualTo(403);
    assertThat(status(read, host, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"))
        .isEqualTo(403);
    assertThat(status(read, host, "Sec-Fetch-Site: same-origin")).isEqualTo(200);
    assertThat(
            status(
                "GET /ui/ HTTP/1.1",
                host,
                "Sec-Fetch-Site: cross-site",
                "Sec-Fetch-Mode: navigate"))
        .as("a link on another page")
        .isEqualTo(200);
  }

  private int status(String... head) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(agent.address(), 2_000);
      socket.setSoTimeout(5_000);
      String request = String.join("\r\n", head) + "\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      BufferedReader answer =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
      return Integer.parseInt(Objects.requireNonNull(answer.readLine()).split(" ", -1)[1]);
    }
  }

  @Test
  void listensOnLoopbackOnly() throws IOException {
    assertThat(agent.address().getAddress().isLoopbackAddress()).isTrue();
    assertThatThrownBy(
            () ->
                new DevAgentConfig(
                    InetAddress.ofLiteral("0.0.0.0"),
                    0,
                    Optional.empty(),
                    InstantSource.system(),
                    DevAgentConfig.DefaultPolicy.ALLOW,
                    DevAgentConfig.INSTANCES_DEFAULT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("WEFT_BIND: 0.0.0.0 (expected: a loopback address");
  }

  @Test
  void answersOnTheLoopbackAddressOfIpv6() throws IOException {
    InetAddress loopback = InetAddress.ofLiteral("::1");
    assumeTrue(NetworkInterface.getByInetAddress(loopback) != null, "this machine has no IPv6");
    DevAgentConfig config =
        new DevAgentConfig(
            loopback,
            0,
            Optional.empty(),
            InstantSource.system(),
            DevAgentConfig.DefaultPolicy.ALLOW,
            DevAgentConfig.INSTANCES_DEFAULT);
    try (DevAgent six = DevAgent.start(config);
        Api there = new Api(six.url())) {
      assertThat(there.get("/v1/status/leader").isOk().json()).isEqualTo(six.url().getAuthority());
    }
  }

  @Test
  void takesARegistrationOfAtMostAMebibyte() {
    Api.Answer tooBig = api.register("{\"Name\":\"" + "x".repeat(1024 * 1024) + "\"}");
    assertThat(tooBig.status()).isEqualTo(413);
    assertThat(tooBig.body()).startsWith("Request body(1048587 bytes) too large");
    assertThat(api.get("/v1/agent/services").isOk().names()).isEmpty();
  }

  @Test
  void letsAtMostTwoHundredQueriesOfOneAddressWaitAndStillAnswersOthers() throws Exception {
    long index = api.get("/v1/catalog/services").index();
    List<Api.Pending> waiting = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      waiting.add(api.after("/v1/catalog/services", index));
    }
    Api.Pending last = api.after("/v1/catalog/services", index);
    Api.Answer refused = oneOf(waiting, last);
    assertThat(refused.status()).isEqualTo(429);
    assertThat(refused.body()).contains("too many concurrent connections");
    api.registerTtl("s", "s", "passing");
    for (Api.Pending query : waiting) {
      assertThat(query.answer().status()).isIn(200, 429);
    }
    assertThat(api.after("/v1/catalog/services", index).wakes().status()).isEqualTo(200);
  }

  /** The answer of whichever of the queries came last. */
  private static Api.Answer oneOf(List<Api.Pending> waiting, Api.Pending last) throws Exception {
    List<CompletableFuture<Api.Answer>> all = new ArrayList<>();
    waiting.forEach(query -> all.add(query.future()));
    all.add(last.future());
    return (Api.Answer)
        CompletableFuture.anyOf(all.toArray(new CompletableFuture<?>[0])).get(10, TimeUnit.SECONDS);
  }

  @Test
  void endsAFilterWhoseExpressionWouldTakeForEver() {
    String id = "a".repeat(60);
    api.register("{\"Name\":\"%s\",\"Meta\":{\"k\":\"%s!\"}}".formatted(id, id)).isOk();
    for (String expression : List.of("(a+)+$", "(a|aa)+$", "(x+x+)+y|(a*)*b")) {
      Api.Answer answer =
          api.get(
              "/v1/health/service/"
                  + id
                  + "?filter="
                  + Api.encode("Service.Meta.k matches \"" + expression + "\""));
      assertThat(answer.took()).as(expression).isLessThan(Duration.ofSeconds(3));
      assertThat(answer.status()).isIn(200, 500);
    }
  }

  @Test
  void endsABlockingQueryAfterTenMinutesAtMostAndFiveByDefault() {
    assertThat(Request.patience("10h")).isEqualTo(Duration.ofMinutes(10));
    assertThat(Request.patience("")).isEqualTo(Duration.ofMinutes(5));
    assertThat(Request.patience("-1s")).isEqualTo(Duration.ofMinutes(5));
    assertThat(Request.patience("3s")).isEqualTo(Duration.ofSeconds(3));
  }
}
