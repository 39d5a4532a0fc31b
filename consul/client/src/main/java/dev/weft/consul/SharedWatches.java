package dev.weft.consul;

import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;

/** One {@link Watch} for each name, however many listen to it. Thread-safe. */
final class SharedWatches<V, T> implements AutoCloseable {
  private final Function<String, Watch<V, T>> factory;
  private final ConcurrentHashMap<String, Watch<V, T>> running = new ConcurrentHashMap<>();
  private volatile boolean closed;

  SharedWatches(Function<String, Watch<V, T>> factory) {
    this.factory = factory;
  }

  Subscription subscribe(String name, Consumer<? super T> listener) {
    Delivery<T> delivery = new Delivery<>(name, listener);
    // Joining and retiring a watch both happen under the map's lock of this name.
    Watch<V, T> watch =
        running.compute(
            name,
            (_, known) -> {
              if (closed) {
                throw new IllegalStateException("the Consul client is closed");
              }
              Watch<V, T> joined = known == null ? started(name) : known;
              joined.add(delivery);
              return joined;
            });
    return () -> {
      delivery.close();
      watch.remove(delivery);
    };
  }

  private Watch<V, T> started(String name) {
    Watch<V, T> watch = factory.apply(name);
    watch.start(() -> retired(name));
    return watch;
  }

  private boolean retired(String name) {
    return running.compute(name, (_, watch) -> watch == null || watch.idle() ? null : watch)
        == null;
  }

  /** Ends all deliveries; the polls in flight run out, and write nothing. */
  @Override
  public void close() {
    closed = true;
    running.values().forEach(Watch::end);
  }
}
