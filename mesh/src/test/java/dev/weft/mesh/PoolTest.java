package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.mesh.Pool.Subset;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a pool tells of its changes, while there is no registry. */
class PoolTest {
  private static final Subset NEW = new Subset("Service.Meta.version == v2", false);

  private final Consul consul =
      Consul.connect(ConsulConfig.of("http://127.0.0.1:1", Optional.empty()));

  @AfterEach
  void close() {
    consul.close();
  }

  /**
   * A listener ends in the channel, whose circuits ask Destinations for their channels, and those
   * ask the pool for subsets: with both locks in both orders, a new instance that comes with a new
   * chain would stop both for ever.
   */
  @Test
  void holdsNoLockWhileItTells() {
    InstanceSet some = new InstanceSet();
    Pool pool = new Pool(consul, "echo-svc", "", "", Optional.of(some));
    List<Boolean> held = new CopyOnWriteArrayList<>();
    List<Set<Subset>> seen = new CopyOnWriteArrayList<>();
    pool.onChange(
        () -> {
          held.add(Thread.holdsLock(pool));
          seen.add(pool.view().subsets().keySet());
        });

    pool.want(Set.of(NEW));
    pool.want(Set.of(NEW));
    pool.want(Set.of());
    assertThat(seen).containsExactly(Set.of(Subset.ALL, NEW), Set.of(Subset.ALL));
    pool.use();
    some.set(Set.of("node/1"));
    pool.leave();

    assertThat(held).hasSizeGreaterThanOrEqualTo(3).doesNotContain(true);
  }
}
