package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.mesh.Destinations.Outside;
import dev.weft.mesh.Pool.Subset;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** How long the registry's routes are kept that no call is routed by any more. */
class NamedWaysTest {
  private static final Outside A = new Outside("a", "");
  private static final Outside B = new Outside("b", "");
  private static final Subset V1 = new Subset("Service.Meta.version == v1", false);

  private final NamedWays ways = new NamedWays();

  private void name(int second, Map<Outside, Set<Subset>> named) {
    ways.name(named, TimeUnit.SECONDS.toNanos(second));
  }

  private Map<Outside, Set<Subset>> kept(int second) {
    return ways.kept(TimeUnit.SECONDS.toNanos(second));
  }

  @Test
  void eachIsKeptForAMinuteOfItsOwn() {
    name(0, Map.of(A, Set.of(Subset.ALL, V1), B, Set.of(Subset.ALL)));
    assertThat(ways.linger()).isFalse();

    name(10, Map.of(A, Set.of(Subset.ALL), B, Set.of(Subset.ALL)));
    name(50, Map.of(A, Set.of(Subset.ALL)));

    assertThat(kept(69)).isEqualTo(Map.of(A, Set.of(Subset.ALL, V1), B, Set.of(Subset.ALL)));
    assertThat(kept(70)).isEqualTo(Map.of(A, Set.of(Subset.ALL), B, Set.of(Subset.ALL)));
    assertThat(kept(109)).containsKey(B);
    assertThat(kept(110)).isEqualTo(Map.of(A, Set.of(Subset.ALL)));
    assertThat(ways.linger()).isFalse();
  }

  @Test
  void whatIsNamedAgainIsNotLeft() {
    name(0, Map.of(A, Set.of(V1)));
    name(10, Map.of());
    name(20, Map.of(A, Set.of(V1)));
    assertThat(kept(100)).isEqualTo(Map.of(A, Set.of(V1)));

    name(100, Map.of());
    assertThat(kept(159)).isEqualTo(Map.of(A, Set.of(V1)));
  }

  @Test
  void keepsTheNewestOfTooMany() {
    int many = NamedWays.LINGERING_MAX + 5;
    for (int i = 0; i <= many; i++) {
      name(i, Map.of(new Outside("s" + i, ""), Set.of(Subset.ALL)));
    }

    assertThat(kept(many))
        .hasSize(NamedWays.LINGERING_MAX + 1)
        .containsKey(new Outside("s" + many, ""))
        .containsKey(new Outside("s5", ""))
        .doesNotContainKey(new Outside("s4", ""));
  }
}
