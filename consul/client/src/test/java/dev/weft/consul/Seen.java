package dev.weft.consul;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.awaitility.Awaitility;

/** A listener that keeps everything it was told. */
final class Seen<T> implements Consumer<T> {
  private final List<T> values = new CopyOnWriteArrayList<>();

  @Override
  public void accept(T value) {
    values.add(value);
  }

  List<T> all() {
    return List.copyOf(values);
  }

  T last() {
    return values.getLast();
  }

  /** Waits until the newest value is as expected, and returns it. */
  T await(Predicate<T> expected) {
    return await(Duration.ofSeconds(10), expected);
  }

  T await(Duration atMost, Predicate<T> expected) {
    Awaitility.await()
        .atMost(atMost)
        .pollInterval(Duration.ofMillis(10))
        .pollDelay(Duration.ZERO)
        .until(() -> !values.isEmpty() && expected.test(values.getLast()));
    return values.getLast();
  }
}
