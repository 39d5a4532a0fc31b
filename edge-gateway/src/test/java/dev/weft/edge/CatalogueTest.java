package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CatalogueTest {
  private static final String OF_ANOTHER = "{\"/weather\": \"another\"}";

  @TempDir Path temporary;

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

  private Path folder() {
    return temporary.resolve("kept");
  }

  private Catalogue restarted() {
    return new Catalogue(
        Contracts.OWNERS,
        Optional.of(new ContractFile(folder())),
        Optional.of(new OwnersFile(folder())),
        new Access.Public());
  }

  private static List<String> paths(Catalogue catalogue) {
    return catalogue.routes().routes().stream().map(route -> route.template().text()).toList();
  }
}
