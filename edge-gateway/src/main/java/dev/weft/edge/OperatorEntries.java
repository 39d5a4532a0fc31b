package dev.weft.edge;

import dev.weft.consul.Kv;
import dev.weft.consul.KvEntry;
import dev.weft.consul.Subscription;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What operators say of paths in the registry's KV: whose they are ({@link RouteOwners#KEY}), where
 * else services are mounted ({@link Mounts#KEY}), and by which rules RPCs are called ({@link
 * HttpRules#KEY}). Of an entry that cannot be read, what it said before stands.
 *
 * <p>Thread-safe; each entry is told by one thread at a time.
 */
final class OperatorEntries implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(OperatorEntries.class);

  private final Consumer<Optional<String>> owners;
  private final Consumer<HttpRules> rules;
  private final List<Subscription> subscriptions = new ArrayList<>();
  private volatile Mounts mounts = Mounts.NONE;

  /**
   * @param owners is told the entry as it is, whenever it changes
   * @param rules is told those that can be read, whenever they change
   */
  OperatorEntries(Consumer<Optional<String>> owners, Consumer<HttpRules> rules) {
    this.owners = owners;
    this.rules = rules;
  }

  /**
   * Begins to follow the entries.
   *
   * @param within how long to wait for the first word on each of them
   */
  void start(Kv kv, Duration within) {
    CountDownLatch unheard = new CountDownLatch(3);
    follow(kv, RouteOwners.KEY, owners, unheard);
    follow(kv, Mounts.KEY, this::mounts, unheard);
    follow(kv, HttpRules.KEY, this::rules, unheard);
    try {
      boolean _ = unheard.await(within.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void follow(
      Kv kv, String key, Consumer<Optional<String>> changed, CountDownLatch unheard) {
    Subscription subscription =
        kv.watch(
            key,
            entry -> {
              changed.accept(entry.map(KvEntry::text));
              unheard.countDown();
            });
    synchronized (this) {
      subscriptions.add(subscription);
    }
  }

  /** Where services are mounted now. */
  Mounts mounts() {
    return mounts;
  }

  private void mounts(Optional<String> json) {
    try {
      mounts = Mounts.of(json);
      log.info("{} parts of the paths are mounted", mounts.all().size());
    } catch (IllegalArgumentException e) {
      log.warn("{} is not followed, what it said before stands; {}", Mounts.KEY, e.getMessage());
    }
  }

  private void rules(Optional<String> json) {
    HttpRules now;
    try {
      now = HttpRules.of(json);
    } catch (IllegalArgumentException e) {
      log.warn("{} is not followed, what it said before stands; {}", HttpRules.KEY, e.getMessage());
      return;
    }
    log.info("{} RPCs have rules of operators", now.bySelector().size());
    for (ServiceSchema.Skipped ignored : now.ignored()) {
      log.warn(
          "the rule of {} for {} is not followed: {}", HttpRules.KEY, ignored.rpc(), ignored.why());
    }
    rules.accept(now);
  }

  @Override
  public synchronized void close() {
    subscriptions.forEach(Subscription::close);
    subscriptions.clear();
  }
}
