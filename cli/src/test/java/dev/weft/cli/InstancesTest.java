package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Map;
import org.junit.jupiter.api.Test;

class InstancesTest {
  private final Instances some = new Instances(Map.of("order-svc", 3, "user-svc", 2));

  @Test
  void theFirstHasTheNameOfItsService() {
    assertThat(Instances.SINGLE.all()).isEqualTo(Programs.SERVICES);
    assertThat(some.all())
        .containsExactly(
            "user-svc",
            "order-svc",
            "payment-svc",
            "inventory-svc",
            "user-svc-2",
            "order-svc-2",
            "order-svc-3");
    assertThat(some.all()).allMatch(Instances::isInstance);
    assertThat(Instances.isInstance("edge-gateway")).isFalse();
    assertThat(Instances.service("order-svc-3")).isEqualTo("order-svc");
    assertThat(Instances.service("order-svc")).isEqualTo("order-svc");
    assertThat(Instances.number("order-svc-3")).isEqualTo(3);
    assertThat(Instances.number("order-svc")).isEqualTo(1);
  }

  @Test
  void everyOneHasPortsOfItsOwn() {
    for (Ports ports : new Ports[] {Ports.fixed(some), Ports.free(some)}) {
      var all = new HashSet<>(ports.main().values());
      all.addAll(ports.management().values());
      assertThat(all).hasSize(ports.main().size() + ports.management().size()).doesNotContain(0);
      assertThat(ports.main()).containsKeys("order-svc-3", "user-svc-2");
    }
    assertThat(Ports.fixed(some).of("order-svc-3")).isEqualTo(9122);
    assertThat(Ports.fixed(some).managementOf("order-svc-3")).isEqualTo(10122);
  }

  @Test
  void refusesWhatIsNoServiceAndTooMany() {
    assertThatThrownBy(() -> new Instances(Map.of("edge-gateway", 2)))
        .isInstanceOf(Trouble.class)
        .hasMessage(
            "--instances edge-gateway: no such service (expected: user-svc, order-svc, payment-svc,"
                + " inventory-svc)");
    assertThatThrownBy(() -> new Instances(Map.of("order-svc", 6)))
        .hasMessage("--instances order-svc=6 (expected: 1 to 5)");
    assertThatThrownBy(() -> new Instances(Map.of("order-svc", 0))).isInstanceOf(Trouble.class);
  }

  @Test
  void onlyInstancesThatThereAreHaveVersions() {
    Instances canary =
        new Instances(Map.of("order-svc", 2), Map.of("order-svc", "v1", "order-svc-2", "v2"));
    assertThat(canary.versions()).containsEntry("order-svc-2", "v2");
    assertThatThrownBy(() -> new Instances(Map.of(), Map.of("order-svc-2", "v2")))
        .isInstanceOf(Trouble.class)
        .hasMessage(
            "--version-of order-svc-2: no such instance (expected: user-svc, order-svc,"
                + " payment-svc, inventory-svc)");
    assertThatThrownBy(() -> new Instances(Map.of(), Map.of("order-svc", "v 2")))
        .hasMessage("--version-of order-svc=v 2 (expected: such as v2 or 1.4.0)");
  }
}
