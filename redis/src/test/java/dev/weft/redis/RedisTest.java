package dev.weft.redis;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.testkit.CapturedLog;
import dev.weft.testkit.LocalRedis;
import dev.weft.testkit.ManagementPort;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A process and a real Redis that comes, goes and hangs. */
@Timeout(60)
class RedisTest {
  @RegisterExtension static final LocalRedis server = new LocalRedis();

  private static final byte[] KEY = "key".getBytes(UTF_8);

  private final ManagementPort port = new ManagementPort("test");
  private final List<Redis> opened = new ArrayList<>();

  @BeforeEach
  void start() {
    server.start();
  }

  @AfterEach
  void close() {
    opened.forEach(Redis::close);
    port.close();
  }

  @Test
  void asksAndSendsInTheOrderGiven() throws Exception {
    Redis redis = connected(patient());

    assertThat(redis.ask(commands -> commands.get(KEY))).isEmpty();
    for (int i = 0; i < 100; i++) {
      byte[] value = Integer.toString(i).getBytes(UTF_8);
      var _ = redis.send(commands -> commands.set(KEY, value));
    }
    assertThat(redis.ask(commands -> commands.get(KEY))).hasValue("99".getBytes(UTF_8));

    assertThat(commands("answered")).isGreaterThan(100);
    assertThat(connections()).isOne();
  }

  @Test
  void whatRedisRefusesIsNoAnswerAndEndsNothing() throws Exception {
    Redis redis = connected(patient());
    assertThat(redis.ask(commands -> commands.set(KEY, KEY))).isPresent();
    for (int i = 0; i < 2 * Redis.SILENCES_MAX; i++) {
      assertThatThrownBy(() -> redis.ask(commands -> commands.lpop(KEY)))
          .isInstanceOf(RedisFailedException.class)
          .hasStackTraceContaining("WRONGTYPE");
    }
    assertThat(redis.healthy()).isTrue();
  }

  @Test
  void isNotWaitedForWhenItIsAwayAndIsFoundWhenItComes() throws Exception {
    server.kill();
    Redis redis = open(patient());
    assertThat(redis.healthy()).isFalse();
    assertThatThrownBy(() -> redis.ask(commands -> commands.get(KEY)))
        .isInstanceOf(RedisFailedException.class)
        .hasMessageContaining("not connected");
    assertThat(redis.send(commands -> commands.get(KEY))).isCompletedExceptionally();

    server.start();
    await().until(redis::healthy);

    // And once more, without anybody asking meanwhile.
    server.kill();
    await().until(() -> !redis.healthy());
    server.start();
    await().until(redis::healthy);
  }

  @Test
  void oneThatHangsIsSoonAsGoodAsAway() {
    Redis redis = connected(RedisConfig.parse(server.url()));
    server.hang();
    try {
      for (int i = 0; i < Redis.SILENCES_MAX; i++) {
        assertThat(refusal(redis)).contains("no answer within 50 ms");
      }
      assertThat(refusal(redis)).contains("not connected");
      assertThat(commands("late")).isGreaterThanOrEqualTo(Redis.SILENCES_MAX);
      assertThat(commands("refused")).isPositive();
    } finally {
      server.goOn();
    }
    await().until(redis::healthy);
  }

  @Test
  void whoMayNotWaitIsAnsweredWithinTheSameTime() throws Exception {
    byte[] mine = "mine".getBytes(UTF_8);
    Redis redis = connected(patient());
    assertThat(redis.answer(commands -> commands.get(mine)).get()).isEmpty();
    assertThat(redis.answer(commands -> commands.set(mine, mine)).get()).isPresent();
    assertThat(redis.answer(commands -> commands.get(mine)).get()).hasValue(mine);
    assertThat(redis.answer(commands -> commands.lpop(mine)))
        .failsWithin(Duration.ofSeconds(10))
        .withThrowableOfType(ExecutionException.class)
        .withCauseInstanceOf(RedisFailedException.class)
        .havingRootCause()
        .withMessageContaining("WRONGTYPE");

    Redis impatient = connected(RedisConfig.parse(server.url()));
    server.hang();
    try {
      for (int i = 0; i < Redis.SILENCES_MAX; i++) {
        assertThat(refused(impatient)).contains("no answer within 50 ms");
      }
      assertThat(refused(impatient)).contains("not connected");
    } finally {
      server.goOn();
    }
    await().until(impatient::healthy);
  }

  @Test
  void aConnectionThatNobodyUsesIsWatchedToo() {
    Redis redis = connected(patient());
    server.hang();
    try {
      await().atMost(Duration.ofSeconds(20)).until(() -> connections() == 0);
    } finally {
      server.goOn();
    }
    await().until(redis::healthy);
  }

  @Test
  void whatWasOnItsWayWhenTheConnectionEndedIsNotSentOnceMore() {
    Redis redis = connected(patient());
    server.hang();
    CompletableFuture<Long> sent;
    try {
      sent = redis.send(commands -> commands.incr(KEY));
      server.kill();
    } finally {
      server.start();
    }
    await().until(redis::healthy);
    assertThat(sent).isCompletedExceptionally();
    assertThat(redis.send(commands -> commands.get(KEY)).join()).isNull();
  }

  @Test
  void noMoreWaitForAnAnswerThanMay() {
    Redis redis = connected(patient());
    server.hang();
    try {
      List<CompletableFuture<?>> sent = new ArrayList<>();
      for (int i = 0; i < 10 * Redis.QUEUE_MAX; i++) {
        sent.add(redis.send(commands -> commands.get(KEY)));
      }
      assertThat(sent).anyMatch(CompletableFuture::isCompletedExceptionally);
      assertThat(sent.stream().filter(one -> !one.isDone()).count())
          .isPositive()
          .isLessThanOrEqualTo(2 * Redis.QUEUE_MAX);
    } finally {
      server.goOn();
    }
    await().until(redis::healthy);
  }

  @Test
  void aWrongPasswordIsSaidAndNotShown() {
    try (CapturedLog log = CapturedLog.of(RedisLink.class)) {
      Redis redis = open(RedisConfig.parse("redis://:s3cret@127.0.0.1:" + server.port()));
      await().until(() -> !log.lines().isEmpty());
      assertThat(redis.healthy()).isFalse();
      assertThat(log.lines()).hasSize(1);
      assertThat(log.lines().getFirst())
          .startsWith("WARN commands: redis://127.0.0.1:" + server.port())
          .contains("WRONGPASS")
          .doesNotContain("s3cret");
    }
  }

  private static RedisConfig patient() {
    return RedisConfig.parse(server.url()).patience(Duration.ofSeconds(10));
  }

  private Redis connected(RedisConfig config) {
    Redis redis = open(config);
    await().until(redis::healthy);
    return redis;
  }

  private Redis open(RedisConfig config) {
    Redis redis = Redis.open(config, "test", port.telemetry());
    opened.add(redis);
    return redis;
  }

  private static String refusal(Redis redis) {
    try {
      return "answered " + redis.ask(commands -> commands.get(KEY));
    } catch (RedisFailedException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private static String refused(Redis redis) throws InterruptedException {
    try {
      return "answered " + redis.answer(commands -> commands.get(KEY)).get();
    } catch (ExecutionException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private long commands(String outcome) {
    return port.metric("weft_redis_commands_total", "outcome=\"" + outcome + "\"");
  }

  private long connections() {
    return port.metric("weft_redis_connected", "purpose=\"commands\"");
  }
}
