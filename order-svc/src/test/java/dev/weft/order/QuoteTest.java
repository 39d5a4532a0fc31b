package dev.weft.order;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

final class QuoteTest {
  @Test
  void believesNoQuoteWhoseTotalIsNotTheSumOfItsLines() {
    OrderLine line = new OrderLine(UUID.randomUUID(), "Shirt", 2, 1999);

    assertThat(new Quote(List.of(line), new Amount(3998, "EUR")).lines()).containsExactly(line);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Quote(List.of(line), new Amount(1999, "EUR")));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new OrderLine(UUID.randomUUID(), "Gift", 1, 0));
  }
}
