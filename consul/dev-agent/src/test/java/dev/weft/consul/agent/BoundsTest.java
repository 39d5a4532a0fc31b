package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** How much an agent holds. */
final class BoundsTest {
  private final Ledger ledger = new Ledger(1);

  private Catalog catalog() {
    return new Catalog(
        ledger,
        InstantSource.system(),
        new Catalog.Prober() {
          @Override
          public void start(Check check) {}

          @Override
          public void stop(String checkId) {}
        },
        DevAgentConfig.INSTANCES_DEFAULT);
  }

  @Test
  void holdsAtMost1024Services() {
    ledger.change(
        () -> {
          Catalog catalog = catalog();
          for (int i = 0; i < 1_024; i++) {
            catalog.register(Service.parse(Map.of("Name", "s" + i)), false);
          }
          assertThatThrownBy(() -> catalog.register(Service.parse(Map.of("Name", "more")), false))
              .isInstanceOf(ApiError.class)
              .hasMessage("this agent holds at most 1024 service instances");
          catalog.register(Service.parse(Map.of("Name", "s7", "Port", 8L)), false);
        });
  }

  @Test
  void holdsAsManyServicesAsItIsTold() {
    assertThat(DevAgentConfig.from(Map.of("WEFT_INSTANCES_MAX", "20000")).instances())
        .isEqualTo(20_000);
    for (String wrong : List.of("0", "65537", "many")) {
      assertThatThrownBy(() -> DevAgentConfig.from(Map.of("WEFT_INSTANCES_MAX", wrong)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("WEFT_INSTANCES_MAX: " + wrong + " (expected: 1 to 65536)");
    }
  }

  @Test
  void holdsAtMost4096Checks() {
    ledger.change(
        () -> {
          Catalog catalog = catalog();
          for (int i = 0; i < 4_096; i++) {
            catalog.register(check("c" + i), "");
          }
          assertThatThrownBy(() -> catalog.register(check("more"), ""))
              .isInstanceOf(ApiError.class)
              .hasMessage("this agent holds at most 4096 checks");
          catalog.register(check("c7"), "");
        });
  }

  private static CheckSpec check(String id) {
    return CheckSpec.parseAlone(Map.of("ID", id, "Name", id, "TTL", "1m")).check();
  }

  @Test
  void holdsAtMost4096KeysAnd4MebibytesOfValues() {
    ledger.change(
        () -> {
          KeyValues many = new KeyValues(ledger);
          for (int i = 0; i < 4_096; i++) {
            many.put("k" + i, new byte[1], 0, null);
          }
          for (KeyValues full : List.of(many, filled())) {
            assertThatThrownBy(() -> full.put("more", new byte[1], 0, null))
                .isInstanceOf(ApiError.class)
                .hasMessage("this agent holds at most 4096 keys and 4194304 bytes of values");
            full.put("k7", new byte[1], 0, null);
            full.delete("k8", null);
            full.put("more", new byte[1], 0, null);
          }
        });
  }

  private KeyValues filled() {
    KeyValues keys = new KeyValues(ledger);
    for (int i = 0; i < 8; i++) {
      keys.put("k" + i, new byte[KeyValues.VALUE_MAX], 0, null);
    }
    return keys;
  }

  /** Each layer of splitters doubles what the one above it is split into. */
  @Test
  void compilesAtMost10000SplitsIntoOneChain() {
    ledger.change(
        () -> {
          ConfigEntries entries = new ConfigEntries(ledger);
          entries.put(everythingIsHttp());
          for (int layer = 13; layer > 0; layer--) {
            entries.put(splitter("a" + layer, layer + 1));
            entries.put(splitter("b" + layer, layer + 1));
          }
          assertThatThrownBy(() -> entries.put(splitter("a0", 1)))
              .isInstanceOf(ApiError.class)
              .hasMessage("discovery chain \"a0\" has more than 10000 splits");
        });
  }

  /**
   * More than a thread's stack has room for can be written from above, an entry each of which no
   * other is known to name: then reading the chain is what is refused.
   */
  @Test
  void followsSplittersOfSplitters100Deep() {
    ledger.change(
        () -> {
          ConfigEntries entries = new ConfigEntries(ledger);
          entries.put(everythingIsHttp());
          for (int i = 0; i < 1_000; i++) {
            entries.put(allTo("s" + i, "s" + (i + 1)));
          }

          assertThat(compiled(entries, "s900").targets()).containsOnlyKeys("s1000.default.dc1");
          for (String deeper : List.of("s899", "s0")) {
            assertThatThrownBy(() -> compiled(entries, deeper))
                .isInstanceOf(ApiError.class)
                .hasMessage("discovery chain \"" + deeper + "\" has splitters more than 100 deep");
          }
          assertThatThrownBy(() -> entries.put(allTo("above", "s899")))
              .isInstanceOf(ApiError.class)
              .hasMessage("discovery chain \"above\" has splitters more than 100 deep");
        });
  }

  private static DiscoveryChain compiled(ConfigEntries entries, String service) {
    return ChainCompiler.compile(
        entries::find,
        new ChainCompiler.Place("dc1", "dc1", "any.consul"),
        service,
        DiscoveryChain.Overrides.NONE);
  }

  private static ConfigEntry allTo(String name, String to) {
    return ConfigEntry.parse(
        Map.of(
            "Kind",
            "service-splitter",
            "Name",
            name,
            "Splits",
            List.of(Map.of("Weight", 100L, "Service", to))));
  }

  private static ConfigEntry everythingIsHttp() {
    return ConfigEntry.parse(
        Map.of("Kind", "proxy-defaults", "Name", "global", "Config", Map.of("protocol", "http")));
  }

  private static ConfigEntry splitter(String name, int below) {
    return ConfigEntry.parse(
        Map.of(
            "Kind",
            "service-splitter",
            "Name",
            name,
            "Splits",
            List.of(
                Map.of("Weight", 50L, "Service", "a" + below),
                Map.of("Weight", 50L, "Service", "b" + below))));
  }
}
