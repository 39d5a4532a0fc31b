package dev.weft.redis;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.testkit.LocalRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What processes tell each other by a real Redis, and what they do not hear. */
@Timeout(60)
class BroadcastTest {
  @RegisterExtension static final LocalRedis server = new LocalRedis();

  private static final String GAP = "(gap)";

  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("test", "test"));
  private final List<Redis> opened = new ArrayList<>();
  private Redis one;
  private Redis other;

  @BeforeEach
  void open() {
    server.start();
    one = process();
    other = process();
  }

  @AfterEach
  void close() {
    opened.forEach(Redis::close);
    telemetry.close();
  }

  @Test
  void allWhoListenToAChannelHearItInTheOrderSaid() {
    Ear near = new Ear();
    Ear far = new Ear();
    Ear elsewhere = new Ear();
    listen(one, "news", near);
    listen(other, "news", far);
    listen(other, "weather", elsewhere);

    for (int i = 0; i < 100; i++) {
      say(one, "news", "" + i);
    }
    say(one, "weather", "rain");

    await().until(() -> near.said().size() == 100 && far.said().size() == 100);
    assertThat(near.said()).isEqualTo(far.said()).startsWith("0", "1").endsWith("99");
    await().untilAsserted(() -> assertThat(elsewhere.said()).containsExactly("rain"));
  }

  @Test
  void whoListensIsToldThatHeMayHaveMissedWhatWasSaidBefore() {
    say(one, "news", "too early");
    assertThat(one.healthy()).isTrue(); // so that it was said by now
    Ear ear = new Ear();
    listen(other, "news", ear);
    say(one, "news", "in time");
    await().untilAsserted(() -> assertThat(ear.heard).containsExactly(GAP, "in time"));
  }

  @Test
  void listensAgainAfterRedisWasAwayAndSaysThatItMayHaveMissedSomething() {
    Ear ear = new Ear();
    listen(other, "news", ear);
    say(one, "news", "before");
    await().until(() -> ear.said().contains("before"));

    server.kill();
    await().until(() -> !one.healthy());
    say(one, "news", "lost");
    server.start();
    await().until(() -> ear.gaps() == 2);
    await().until(one::healthy);
    say(one, "news", "after");

    await().until(() -> ear.said().contains("after"));
    assertThat(ear.heard).containsExactly(GAP, "before", GAP, "after");
  }

  @Test
  void whoIsTooSlowIsToldSoAndHoldsUpNobody() {
    CountDownLatch busy = new CountDownLatch(1);
    Ear slow =
        new Ear() {
          @Override
          public void heard(byte[] message) {
            awaitUninterrupted(busy);
            super.heard(message);
          }
        };
    Ear quick = new Ear();
    listen(other, "news", slow);
    listen(other, "news", quick);

    int all = 2 * Subscription.WAITING_MAX;
    for (int i = 0; i < all; i++) {
      say(one, "news", "" + i);
      int sofar = i;
      // So that the quick one is never late.
      await().pollDelay(Duration.ZERO).until(() -> quick.said().size() >= sofar - 100);
    }
    await().until(() -> quick.said().size() == all);
    busy.countDown();

    String last = "" + (all - 1);
    await().until(() -> slow.said().contains(last));
    assertThat(slow.said().size()).isLessThan(all);
    // The first one it was at; then the gap is said before anything that came after it.
    assertThat(slow.heard.get(slow.heard.indexOf("0") + 1)).isEqualTo(GAP);
  }

  @Test
  void goesOnAfterAListenerThatFailed() {
    Ear ear =
        new Ear() {
          @Override
          public void heard(byte[] message) {
            super.heard(message);
            throw new IllegalStateException("on purpose");
          }
        };
    listen(other, "news", ear);
    say(one, "news", "first");
    say(one, "news", "second");
    await().untilAsserted(() -> assertThat(ear.said()).containsExactly("first", "second"));
  }

  @Test
  void nothingIsHeardAfterTheSubscriptionWasClosed() {
    Ear closed = new Ear();
    Ear open = new Ear();
    Subscription subscription = other.broadcast().subscribe("news", closed);
    listen(other, "news", open);
    subscription.close();
    say(one, "news", "late");
    await().until(() -> open.said().contains("late"));
    assertThat(closed.said()).isEmpty();

    // Also when it was the last, and another comes after it.
    other.broadcast().subscribe("weather", closed).close();
    Ear next = new Ear();
    listen(other, "weather", next);
    say(one, "weather", "snow");
    await().until(() -> next.said().contains("snow"));
    assertThat(closed.said()).isEmpty();
  }

  @Test
  void messagesAreSmall() {
    Ear ear = new Ear();
    listen(other, "news", ear);
    byte[] large = new byte[Broadcast.BYTES_MAX + 1];
    assertThatThrownBy(() -> one.broadcast().publish("news", large))
        .isInstanceOf(IllegalArgumentException.class);

    // Whoever says it all the same, says nothing that is heard.
    one.send(commands -> commands.publish("weft:news".getBytes(UTF_8), large)).join();
    await().until(() -> ear.gaps() == 2);
    one.broadcast().publish("news", new byte[Broadcast.BYTES_MAX]);
    await().until(() -> ear.said().size() == 1);
  }

  /** Returns when the listener is being listened for. */
  private static void listen(Redis redis, String channel, Ear ear) {
    Subscription _ = redis.broadcast().subscribe(channel, ear);
    await().until(() -> ear.gaps() > 0);
  }

  private static void say(Redis redis, String channel, String what) {
    redis.broadcast().publish(channel, what.getBytes(UTF_8));
  }

  private Redis process() {
    Redis redis =
        Redis.open(
            RedisConfig.parse(server.url()).patience(Duration.ofSeconds(10)), "test", telemetry);
    opened.add(redis);
    await().until(redis::healthy);
    return redis;
  }

  private static void awaitUninterrupted(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Writes down what it hears. */
  private static class Ear implements Broadcast.Listener {
    final List<String> heard = new CopyOnWriteArrayList<>();

    @Override
    public void heard(byte[] message) {
      heard.add(new String(message, UTF_8));
    }

    @Override
    public void missed() {
      heard.add(GAP);
    }

    List<String> said() {
      return heard.stream().filter(what -> !what.equals(GAP)).toList();
    }

    long gaps() {
      return heard.stream().filter(GAP::equals).count();
    }
  }
}
