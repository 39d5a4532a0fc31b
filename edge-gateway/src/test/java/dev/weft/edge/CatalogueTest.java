package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CatalogueTest {
  private static final String OF_ANOTHER = "{\"/weather\": \"another\"}";

  @TempDir Path temporary;
  private @Nullable Catalogue running;

  @Test
  void keepsOwnersOverARestart() {
    Catalogue before = restarted();
    before.put(Contracts.weather(), _ -> true);
    assertThat(paths(before)).contains("/weather/{city}");

    before.owners(Optional.of(OF_ANOTHER));

    assertThat(paths(before)).doesNotContain("/weather/{city}");
    assertThat(paths(restarted())).isNotEmpty().doesNotContain("/weather/{city}");
  }

  @Test
  void forgetsOwnersWhenTheRegistryHasNoneAnyMore() {
    restarted().owners(Optional.of(OF_ANOTHER));
    Catalogue later = restarted();
    later.put(Contracts.weather(), _ -> true);
    assertThat(paths(later)).doesNotContain("/weather/{city}");

    later.owners(Optional.empty());

    assertThat(paths(restarted())).contains("/weather/{city}");
  }

  @Test
  void keepsWhatCouldBeReadWhenTheRegistrySaysWhatCannot() {
    Catalogue before = restarted();
    before.put(Contracts.weather(), _ -> true);
    before.owners(Optional.of(OF_ANOTHER));

    before.owners(Optional.of("what was meant?"));

    assertThat(paths(restarted())).isNotEmpty().doesNotContain("/weather/{city}");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{\"/weather\": \"ano", "\u0000"})
  void startsWithTheBuiltInOwnersWhenTheFileIsDamaged(String text) throws Exception {
    Files.createDirectories(folder());
    Files.writeString(folder().resolve("owners.json"), text);
    Catalogue catalogue = restarted();

    catalogue.put(Contracts.weather(), _ -> true);

    assertThat(paths(catalogue)).contains("/weather/{city}").doesNotContain("/v1/auth:login");
  }

  @Test
  void goesOnWhenOwnersCannotBeKept() throws Exception {
    Files.writeString(folder(), "in the way");
    Catalogue catalogue = restarted();
    catalogue.put(Contracts.weather(), _ -> true);

    catalogue.owners(Optional.of(OF_ANOTHER));

    assertThat(paths(catalogue)).isNotEmpty().doesNotContain("/weather/{city}");
  }

  @Test
  void keepsTheContractsThatItWasToldLast() {
    Catalogue before = restarted();
    before.put(Contracts.weather(), _ -> true);
    before.put(Contracts.library(), _ -> true);

    assertThat(restarted().all())
        .extracting(ServiceSchema::service)
        .containsExactly("weather", "library");
  }

  @Test
  void makesRoomByServicesThatHaveLeft() {
    Catalogue catalogue = restarted();
    for (int i = 0; i < 2_000; i++) {
      catalogue.put(copy("s" + i), _ -> true);
    }
    catalogue.put(copy("refused"), _ -> true);
    assertThat(catalogue.find("refused")).isEmpty();

    catalogue.put(copy("taken"), name -> !name.equals("s7"));

    assertThat(catalogue.find("s7")).isEmpty();
    assertThat(paths(catalogue)).contains("/taken").doesNotContain("/s7", "/refused");
  }

  private static ServiceSchema copy(String service) {
    Route route = RouteTableTest.route("GET", "/" + service, service);
    return new ServiceSchema(
        service,
        Contracts.weather().contracts(),
        List.of(route),
        List.of(),
        List.of(),
        HttpRules.NONE,
        List.of());
  }

  private Path folder() {
    return temporary.resolve("kept");
  }

  private Catalogue restarted() {
    stop();
    Catalogue catalogue =
        new Catalogue(
            Contracts.OWNERS,
            Optional.of(new ContractFile(folder())),
            Optional.of(new OwnersFile(folder())),
            new Access.Public());
    running = catalogue;
    return catalogue;
  }

  @AfterEach
  void stop() {
    if (running != null) {
      running.close();
    }
  }

  private static List<String> paths(Catalogue catalogue) {
    return catalogue.routes().routes().stream().map(route -> route.template().text()).toList();
  }
}
