package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DiskTest {
  private static final int BYTES = 100_000;

  @TempDir private Path parent;
  private Path folder = Path.of("");

  @BeforeEach
  void name() {
    folder = parent.resolve("disk");
  }

  @AfterEach
  void unmount() {
    Disk.unmount(folder);
  }

  @Test
  void isFullUntilItIsFreed() throws IOException {
    Disk disk = mount();
    Files.write(folder.resolve("before"), new byte[BYTES]);

    disk.fill();
    assertThatThrownBy(() -> Files.write(folder.resolve("meanwhile"), new byte[BYTES]))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("No space left on device");
    assertThat(folder.resolve("before")).hasSize(BYTES);

    disk.free();
    Files.write(folder.resolve("after"), new byte[BYTES]);
  }

  @Test
  void isGoneWhenItIsUnmounted() throws IOException {
    mount();
    Files.write(folder.resolve("before"), new byte[BYTES]);

    Disk.unmount(folder);
    assertThat(folder).isEmptyDirectory();
    Disk.unmount(folder);
  }

  private Disk mount() {
    try {
      return Disk.mount(folder, 8);
    } catch (Disk.Unavailable e) {
      return abort("no disk in memory can be mounted here: " + e.getMessage());
    }
  }
}
