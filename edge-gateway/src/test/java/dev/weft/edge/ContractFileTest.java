package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContractFileTest {
  private static final List<ContractFile.Kept> TWO =
      List.of(
          new ContractFile.Kept("weather", Contracts.weather().contracts().getFirst()),
          new ContractFile.Kept("library", Contracts.library().contracts().getFirst()));

  @TempDir Path temporary;
  private Path folder;
  private ContractFile file;

  @BeforeEach
  void inAFolderThatIsNotThereYet() {
    folder = temporary.resolve("a").resolve("b");
    file = new ContractFile(folder);
  }

  @Test
  void givesBackWhatWasWrittenInItsOrder() {
    assertThat(file.read()).isEmpty();

    file.write(TWO.subList(1, 2));
    file.write(TWO);

    assertThat(new ContractFile(folder).read()).isEqualTo(TWO);
  }

  @Test
  void isEmptyWhereverItIsDamaged() throws Exception {
    file.write(TWO.subList(0, 1));
    Path path = folder.resolve("contracts.bin");
    byte[] good = Files.readAllBytes(path);

    for (int i = 0; i < good.length; i += 7) {
      byte[] damaged = good.clone();
      damaged[i] ^= 0x55;
      Files.write(path, damaged);
      assertThat(file.read()).as("byte %d", i).isNotEqualTo(TWO.subList(0, 1));
      Files.write(path, Arrays.copyOf(good, i));
      assertThat(file.read()).as("%d bytes", i).isEmpty();
    }
  }

  @Test
  void doesNotStopTheEdgeWhenItCannotBeWritten() throws Exception {
    Files.writeString(temporary.resolve("a"), "in the way");
    try (Catalogue catalogue =
        new Catalogue(Contracts.OWNERS, Optional.of(file), Optional.empty(), new Access.Public())) {
      catalogue.put(Contracts.library(), _ -> true);

      assertThat(catalogue.routes().routes()).isNotEmpty();
    }
  }
}
