package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/**
 * How the agent finds out whether a service is well. Each statement and its test:
 *
 * <ul>
 *   <li>gRPC: SERVING passes: {@link #passesWhatAnswersServing}.
 *   <li>gRPC: NOT_SERVING is critical: {@link #countsWhatAnswersNotServingAsCritical}.
 *   <li>gRPC: an unknown service is critical: {@link
 *       #countsAServiceTheServerDoesNotKnowAsCritical}.
 *   <li>gRPC: nobody there is critical: {@link #countsAServerThatIsNotThereAsCritical}.
 *   <li>gRPC: each probe counts anew: {@link #noticesThatAServiceRecovers}.
 *   <li>an interval below 1 s is raised to 1 s: {@link #probesAtMostOnceASecond}.
 *   <li>TLS passes without verification: {@link
 *       #passesAServerWithTlsWhoseCertificateIsNotVerified}.
 *   <li>TLS with verification fails a certificate that nobody signed: {@link
 *       #failsAServerWithTlsWhoseCertificateNobodyKnows}.
 *   <li>a server that requires a client certificate is always critical: {@link
 *       #failsAServerThatRequiresAClientCertificate}.
 *   <li>the first outcome counts at once, a change only after as many in a row as asked for: {@link
 *       #countsTheFirstOutcomeAtOnceAndThenAsManyInARowAsTheCheckAsksFor}.
 *   <li>HTTP: 2xx passes, 429 warns, the rest is critical; the output shows the body: {@link
 *       #readsTheStatusOfAnHttpCheck}.
 *   <li>HTTP: the last 4,096 bytes of a body are kept, or OutputMaxSize: {@link
 *       #keepsTheEndOfALongBody}.
 *   <li>a target that makes no sense is critical and says so: {@link
 *       #countsATargetThatMakesNoSenseAsCritical}.
 *   <li>TCP: a connection that opens passes: {@link #opensAConnectionForATcpCheck}.
 *   <li>TTL: pass, warn, fail and update, with their notes: {@link #hearsATtlCheck}.
 *   <li>TTL: the first 4,096 bytes of a note are kept: {@link #keepsTheBeginningOfALongNote}.
 *   <li>TTL: an unknown id is 500, an unknown status 400: {@link #refusesToHearWhatIsNoTtlCheck}.
 *   <li>TTL: silence is critical and says what was heard last: {@link
 *       #expiresATtlCheckThatFallsSilent}.
 *   <li>a changed status is in the catalog within milliseconds: {@link
 *       #tellsWatchersOfAFailedCheckAtOnce}.
 *   <li>an output that changes alone is not: {@link
 *       #doesNotTellWatchersOfAnOutputThatChangesAlone}.
 * </ul>
 */
interface CheckContract extends Contract {
  @Test
  default void passesWhatAnswersServing() {
    try (HealthServer server = new HealthServer()) {
      server.set("shop.Good", ServingStatus.SERVING);
      String check = checkOf(server.address() + "/shop.Good", "");
      assertThat(outputOnce(check, "passing"))
          .isEqualTo("gRPC check " + server.address() + "/shop.Good: success");
    }
  }

  @Test
  default void countsWhatAnswersNotServingAsCritical() {
    try (HealthServer server = new HealthServer()) {
      server.set("shop.Bad", ServingStatus.NOT_SERVING);
      String check = checkOf(server.address() + "/shop.Bad", ",\"Status\":\"passing\"");
      assertThat(outputOnce(check, "critical"))
          .isEqualTo("gRPC application didn't report service healthy");
    }
  }

  @Test
  default void countsAServiceTheServerDoesNotKnowAsCritical() {
    try (HealthServer server = new HealthServer()) {
      String check = checkOf(server.address() + "/shop.Unknown", ",\"Status\":\"passing\"");
      assertThat(outputOnce(check, "critical")).startsWith("rpc error: code = NotFound");
    }
  }

  @Test
  default void countsAServerThatIsNotThereAsCritical() throws Exception {
    String check = checkOf("127.0.0.1:" + closedPort(), ",\"Status\":\"passing\"");
    assertThat(outputOnce(check, "critical")).startsWith("rpc error: code = Unavailable");
  }

  @Test
  default void noticesThatAServiceRecovers() {
    try (HealthServer server = new HealthServer()) {
      server.set("shop.Phoenix", ServingStatus.NOT_SERVING);
      String check = checkOf(server.address() + "/shop.Phoenix", "");
      await().until(server::asked, times -> times > 0);
      server.set("shop.Phoenix", ServingStatus.SERVING);
      outputOnce(check, "passing");
      server.set("shop.Phoenix", ServingStatus.NOT_SERVING);
      outputOnce(check, "critical");
    }
  }

  @Test
  default void probesAtMostOnceASecond() {
    try (HealthServer server = new HealthServer()) {
      server.set("", ServingStatus.SERVING);
      String name = unique("eager");
      api()
          .register(
              "{\"Name\":\"%s\",\"Check\":{\"GRPC\":\"%s\",\"Interval\":\"100ms\"}}"
                  .formatted(name, server.address()))
          .isOk();
      await().until(server::asked, times -> times > 0);
      int before = server.asked();
      long start = System.nanoTime();
      await().atMost(Duration.ofSeconds(10)).until(server::asked, times -> times >= before + 2);
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(900));
    }
  }

  @Test
  default void passesAServerWithTlsWhoseCertificateIsNotVerified() throws Exception {
    try (HealthServer server = new HealthServer(tls(TlsServerCredentials.ClientAuth.NONE))) {
      server.set("", ServingStatus.SERVING);
      String check = checkOf(server.address(), ",\"GRPCUseTLS\":true,\"TLSSkipVerify\":true");
      outputOnce(check, "passing");
    }
  }

  @Test
  default void failsAServerWithTlsWhoseCertificateNobodyKnows() throws Exception {
    try (HealthServer server = new HealthServer(tls(TlsServerCredentials.ClientAuth.NONE))) {
      server.set("", ServingStatus.SERVING);
      String check = checkOf(server.address(), ",\"GRPCUseTLS\":true,\"Status\":\"passing\"");
      outputOnce(check, "critical");
    }
  }

  @Test
  default void failsAServerThatRequiresAClientCertificate() throws Exception {
    try (HealthServer server = new HealthServer(tls(TlsServerCredentials.ClientAuth.REQUIRE))) {
      server.set("", ServingStatus.SERVING);
      String check =
          checkOf(
              server.address(),
              ",\"GRPCUseTLS\":true,\"TLSSkipVerify\":true,\"Status\":\"passing\"");
      outputOnce(check, "critical");
    }
  }

  private static ServerCredentials tls(TlsServerCredentials.ClientAuth clientAuth)
      throws Exception {
    SelfSigned identity = SelfSigned.get();
    return TlsServerCredentials.newBuilder()
        .keyManager(identity.keyManagers())
        .trustManager(identity.trustManagers())
        .clientAuth(clientAuth)
        .build();
  }

  @Test
  default void countsTheFirstOutcomeAtOnceAndThenAsManyInARowAsTheCheckAsksFor() {
    try (HealthServer server = new HealthServer()) {
      server.set("shop.Slow", ServingStatus.SERVING);
      String check =
          checkOf(
              server.address() + "/shop.Slow",
              ",\"SuccessBeforePassing\":2,\"FailuresBeforeCritical\":2");
      outputOnce(check, "passing");
      assertThat(server.asked()).isEqualTo(1);
      server.set("shop.Slow", ServingStatus.NOT_SERVING);
      outputOnce(check, "critical");
      assertThat(server.asked()).isEqualTo(3);
      server.set("shop.Slow", ServingStatus.SERVING);
      outputOnce(check, "passing");
      assertThat(server.asked()).isEqualTo(5);
    }
  }

  @Test
  default void readsTheStatusOfAnHttpCheck() throws Exception {
    try (HttpTarget target = new HttpTarget("all well")) {
      String name = unique("http");
      api()
          .register(
              "{\"Name\":\"%s\",\"Check\":{\"HTTP\":\"%s\",\"Interval\":\"1s\",\"Timeout\":\"1s\"}}"
                  .formatted(name, target.url()))
          .isOk();
      assertThat(outputOnce("service:" + name, "passing"))
          .isEqualTo("HTTP GET " + target.url() + ": 200 OK Output: all well");
      target.answers(429);
      outputOnce("service:" + name, "warning");
      target.answers(500);
      assertThat(outputOnce("service:" + name, "critical"))
          .isEqualTo("HTTP GET " + target.url() + ": 500 Internal Server Error Output: all well");
    }
  }

  @Test
  default void keepsTheEndOfALongBody() throws Exception {
    try (HttpTarget target = new HttpTarget("a".repeat(50_000) + "b".repeat(4_000))) {
      String name = unique("long");
      api()
          .register(
              "{\"Name\":\"%1$s\",\"Checks\":[{\"HTTP\":\"%2$s\",\"Interval\":\"1s\"},{\"HTTP\":\"%2$s\",\"Interval\":\"1s\",\"OutputMaxSize\":3}]}"
                  .formatted(name, target.url()))
          .isOk();
      String start = "HTTP GET " + target.url() + ": 200 OK Output: ";
      assertThat(outputOnce("service:" + name + ":1", "passing"))
          .isEqualTo(start + "a".repeat(96) + "b".repeat(4_000));
      assertThat(outputOnce("service:" + name + ":2", "passing")).isEqualTo(start + "bbb");
    }
  }

  @Test
  default void countsATargetThatMakesNoSenseAsCritical() {
    String name = unique("senseless");
    api()
        .register(
            """
            {"Name":"%s","Checks":[{"GRPC":"a b%%%%zz","Interval":"1s","Status":"passing"},
             {"TCP":"no-port","Interval":"1s","Status":"passing"},
             {"HTTP":"::::","Interval":"1s","Status":"passing"}]}\
            """
                .formatted(name))
        .isOk();
    assertThat(outputOnce("service:" + name + ":1", "critical")).startsWith("rpc error: code = ");
    assertThat(outputOnce("service:" + name + ":2", "critical"))
        .isEqualTo("dial tcp: address no-port: missing port in address");
    assertThat(outputOnce("service:" + name + ":3", "critical")).contains("::::");
  }

  @Test
  default void opensAConnectionForATcpCheck() throws Exception {
    String name = unique("tcp");
    try (ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      String target = "127.0.0.1:" + socket.getLocalPort();
      api()
          .register(
              "{\"Name\":\"%s\",\"Check\":{\"TCP\":\"%s\",\"Interval\":\"1s\",\"Timeout\":\"1s\"}}"
                  .formatted(name, target))
          .isOk();
      assertThat(outputOnce("service:" + name, "passing"))
          .isEqualTo("TCP connect " + target + ": Success");
    }
    assertThat(outputOnce("service:" + name, "critical"))
        .startsWith("dial tcp ")
        .endsWith("connect: connection refused");
  }

  @Test
  default void hearsATtlCheck() {
    String name = unique("ttl");
    api().registerTtl(name, name, "critical");
    api().put("/v1/agent/check/pass/" + name + ":ttl?note=well").isOk();
    assertThat(outputOnce(name + ":ttl", "passing")).isEqualTo("well");
    api().put("/v1/agent/check/warn/" + name + ":ttl?note=slow").isOk();
    assertThat(outputOnce(name + ":ttl", "warning")).isEqualTo("slow");
    api().put("/v1/agent/check/fail/" + name + ":ttl?note=broken").isOk();
    assertThat(outputOnce(name + ":ttl", "critical")).isEqualTo("broken");
    api()
        .put(
            "/v1/agent/check/update/" + name + ":ttl",
            "{\"Status\":\"passing\",\"Output\":\"mended\"}")
        .isOk();
    assertThat(outputOnce(name + ":ttl", "passing")).isEqualTo("mended");
  }

  @Test
  default void keepsTheBeginningOfALongNote() {
    String name = unique("long");
    api().register("{\"Name\":\"%s\",\"Check\":{\"TTL\":\"60s\"}}".formatted(name)).isOk();
    api()
        .put(
            "/v1/agent/check/update/service:" + name,
            "{\"Status\":\"passing\",\"Output\":\"%s\"}"
                .formatted("a".repeat(4_000) + "b".repeat(100)))
        .isOk();
    assertThat(outputOnce("service:" + name, "passing"))
        .isEqualTo("a".repeat(4_000) + "b".repeat(96) + " ... (captured 4096 of 4100 bytes)");
  }

  @Test
  default void refusesToHearWhatIsNoTtlCheck() {
    Api.Answer unknown = api().put("/v1/agent/check/pass/nobody");
    assertThat(unknown.status()).isEqualTo(500);
    assertThat(unknown.body()).isEqualTo("CheckID \"nobody\" does not have associated TTL");
    String name = unique("ttl");
    api().registerTtl(name, name, "passing");
    Api.Answer bogus =
        api().put("/v1/agent/check/update/" + name + ":ttl", "{\"Status\":\"bogus\"}");
    assertThat(bogus.status()).isEqualTo(400);
    assertThat(bogus.body()).isEqualTo("Invalid check status: 'bogus'");
  }

  @Test
  default void expiresATtlCheckThatFallsSilent() {
    String name = unique("expires");
    api()
        .register(
            "{\"Name\":\"%s\",\"Check\":{\"TTL\":\"1s\",\"Status\":\"passing\"}}".formatted(name))
        .isOk();
    assertThat(outputOnce("service:" + name, "critical")).isEqualTo("TTL expired");
    api().put("/v1/agent/check/pass/service:" + name + "?note=back").isOk();
    outputOnce("service:" + name, "passing");
    assertThat(outputOnce("service:" + name, "critical"))
        .isEqualTo("TTL expired (last output before timeout follows): back");
  }

  @Test
  default void tellsWatchersOfAFailedCheckAtOnce() throws Exception {
    String name = unique("fast");
    api().registerTtl(name, name, "passing");
    String path = "/v1/health/service/" + name;
    long index = inCatalog(name, "passing").index();
    Api.Pending next = api().after(path, index);
    next.sleepsFor(Duration.ofMillis(200));
    long start = System.nanoTime();
    api().tell(name, "fail");
    assertThat(next.wakes().at(0, "Checks", 1, "Status")).isEqualTo("critical");
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(1));
  }

  @Test
  default void doesNotTellWatchersOfAnOutputThatChangesAlone() {
    String name = unique("chatty");
    api().registerTtl(name, name, "passing");
    long index = inCatalog(name, "passing").index();
    Api.Pending next = api().after("/v1/health/service/" + name, index);
    api().put("/v1/agent/check/pass/" + name + ":ttl?note=still-well").isOk();
    assertThat(api().get("/v1/agent/checks").at(name + ":ttl", "Output")).isEqualTo("still-well");
    next.sleepsFor(Duration.ofSeconds(2));
    api().tell(name, "fail");
  }

  private String checkOf(String target, String more) {
    String name = unique("grpc");
    api()
        .register(
            "{\"Name\":\"%s\",\"Check\":{\"GRPC\":\"%s\",\"Interval\":\"1s\",\"Timeout\":\"2s\"%s}}"
                .formatted(name, target, more))
        .isOk();
    return "service:" + name;
  }

  private static int closedPort() throws Exception {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
