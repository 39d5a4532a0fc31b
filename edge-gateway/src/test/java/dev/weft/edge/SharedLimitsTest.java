package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.redis.RedisConfig;
import dev.weft.testkit.LocalRedis;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Two edges that share a real Redis, which comes, goes and hangs. */
@Timeout(120)
class SharedLimitsTest {
  @RegisterExtension static final LocalRedis redis = new LocalRedis();

  private static final Quota ADDRESS = new Quota(4, 3_600);

  /** Addresses that {@link #awaitRedis} asked for; both edges remember them. */
  private final AtomicInteger asked = new AtomicInteger();

  @TempDir private Path folder;
  private EdgeFixture fixture;
  private EdgeServer other;

  @BeforeEach
  void open() throws Exception {
    redis.start();
    fixture =
        new EdgeFixture(
            new RateLimitConfig(
                Optional.of(ADDRESS),
                Optional.empty(),
                Networks.parse("127.0.0.1"),
                // Nobody is to be in a hurry on a busy machine.
                Optional.of(RedisConfig.parse(redis.url()).patience(Duration.ofSeconds(20)))));
    other = fixture.another(folder);
    fixture.add("counter", new CounterService());
    for (EdgeServer edge : new EdgeServer[] {fixture.edge, other}) {
      await().atMost(Duration.ofSeconds(10)).until(() -> fixture.status(edge, "/counter") == 200);
    }
    awaitRedis();
  }

  @AfterEach
  void close() throws Exception {
    other.close();
    fixture.close();
  }

  private HttpResponse<String> look(EdgeServer edge, String address) throws Exception {
    return fixture.client.send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + edge.port() + "/counter"))
            .header("X-Forwarded-For", address)
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private boolean redisIs(String status) throws Exception {
    return fixture
        .management("/readyz")
        .body()
        .contains("\"name\":\"redis\",\"critical\":false,\"status\":\"" + status + "\"");
  }

  /** Each edge comes back to Redis by itself, and counts alone until it has. */
  private void awaitRedis() {
    await().until(() -> redisIs("pass"));
    await()
        .until(
            () -> {
              String address = "198.51.100." + asked.incrementAndGet();
              return look(fixture.edge, address).statusCode() == 200
                  && limit(look(other, address)).startsWith("\"address\";r=2;");
            });
  }

  private String metrics() throws Exception {
    return fixture.management("/metrics").body();
  }

  private static String limit(HttpResponse<String> answer) {
    return answer.headers().firstValue("ratelimit").orElse("");
  }

  @Test
  void countTogether() throws Exception {
    emptyTogether("203.0.113.1");

    assertThat(look(other, "203.0.113.2").statusCode()).isEqualTo(200);
    assertThat(metrics()).doesNotContainPattern("weft_edge_rate_limited_alone_total [1-9]");
  }

  private void emptyTogether(String address) throws Exception {
    for (int left = 3; left >= 0; left--) {
      HttpResponse<String> answer = look(left % 2 == 0 ? fixture.edge : other, address);
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(limit(answer)).startsWith("\"address\";r=" + left + ";t=");
    }
    for (EdgeServer edge : new EdgeServer[] {fixture.edge, other}) {
      HttpResponse<String> refused = look(edge, address);
      assertThat(refused.statusCode()).isEqualTo(429);
      String wait = refused.headers().firstValue("retry-after").orElseThrow();
      assertThat(Integer.parseInt(wait)).isBetween(600, 900);
      assertThat(limit(refused)).isEqualTo("\"address\";r=0;t=" + wait);
    }
  }

  @Test
  void countAloneWhileRedisIsAway() throws Exception {
    redis.kill();
    await().until(() -> redisIs("fail"));

    for (EdgeServer edge : new EdgeServer[] {fixture.edge, other}) {
      for (int i = 0; i < ADDRESS.requests(); i++) {
        assertThat(look(edge, "203.0.113.3").statusCode()).isEqualTo(200);
      }
      assertThat(look(edge, "203.0.113.3").statusCode()).isEqualTo(429);
    }
    assertThat(metrics()).containsPattern("weft_edge_rate_limited_alone_total 4");

    // It has forgotten everything, the script as well.
    redis.start();
    awaitRedis();
    emptyTogether("203.0.113.5");
    assertThat(metrics()).containsPattern("weft_edge_rate_limited_alone_total 4");
  }

  @Test
  void whatOneBucketOfARequestRefusesIsTakenFromNone() throws Exception {
    String address = "203.0.113.4";
    for (int i = 0; i < 3; i++) {
      assertThat(take(i % 2 == 0 ? fixture.edge : other, address).statusCode()).isEqualTo(200);
    }
    // Each edge alone would allow one more at least.
    assertThat(take(other, address).statusCode()).isEqualTo(429);
    assertThat(take(fixture.edge, address).statusCode()).isEqualTo(429);

    assertThat(look(other, address).statusCode()).as("the address has one left").isEqualTo(200);
    assertThat(look(other, address).statusCode()).isEqualTo(429);
  }

  private HttpResponse<String> take(EdgeServer edge, String address) throws Exception {
    return fixture.client.send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + edge.port() + "/counter:take"))
            .headers("X-Forwarded-For", address, "Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{}"))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }
}
