package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DetoursTest {
  @TempDir private Path folder;

  @Test
  void saysWhichPortLeadsWhere() throws IOException {
    Detours detours = read("order-svc=21001\norder-svc>postgres=21002\n");

    assertThat(detours.to(Programs.ORDER)).hasValue(21_001);
    assertThat(detours.to(Programs.PAYMENT)).isEmpty();
    assertThat(detours.between(Programs.ORDER, Programs.DATABASE)).hasValue(21_002);
    assertThat(detours.between(Programs.ORDER, Programs.REGISTRY)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"order=21001", "order-svc>payment-svc=21001", "order-svc=x", "order-svc="})
  void refusesWhatWouldDoNothing(String line) {
    assertThatThrownBy(() -> read(line))
        .isInstanceOf(Trouble.class)
        .hasMessageContaining("(expected: such as order-svc>postgres=21002)");
  }

  private Detours read(String text) throws IOException {
    return Detours.of(Files.writeString(folder.resolve("detours"), text));
  }
}
