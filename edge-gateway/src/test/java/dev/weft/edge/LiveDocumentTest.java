package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;

class LiveDocumentTest {
  private RouteTable table = Contracts.table(Contracts.library());

  private LiveDocument document(int bytesMax, LongSupplier nanoTime) {
    return new LiveDocument(() -> table, "1", Optional.empty(), bytesMax, nanoTime);
  }

  @Test
  void isMadeOnceForATable() {
    LiveDocument document = document(LiveDocument.BYTES_MAX, System::nanoTime);

    assertThat(document.made()).as("nobody asked yet").isEmpty();
    Packed first = document.get();

    assertThat(document.get()).isSameAs(first);
    assertThat(document.made()).containsSame(first);
  }

  @Test
  void isMadeATenthOfTheTimeAtMostHoweverOftenRoutesChange() {
    // Passes when it is looked at: making one takes 1.
    AtomicLong clock = new AtomicLong();
    LiveDocument document = document(LiveDocument.BYTES_MAX, clock::incrementAndGet);
    Packed first = document.get();

    for (int i = 1; i < 9; i++) {
      table = Contracts.table(Contracts.library(), Contracts.notes());
      assertThat(document.made()).as("after %s", i).containsSame(first);
    }
    assertThat(document.made()).as("after 9").isEmpty();
    Packed second = document.get();

    assertThat(text(first)).doesNotContain("notes.v1");
    assertThat(text(second)).contains("notes.v1");
    assertThat(document.made()).containsSame(second);
  }

  @Test
  void isRefusedWhenItIsTooLongAndNotTriedAgain() {
    AtomicLong clock = new AtomicLong();
    LiveDocument document = document(1_000, clock::incrementAndGet);

    assertThatExceptionOfType(Refused.class)
        .isThrownBy(document::get)
        .satisfies(e -> assertThat(e.problem().reason()).isEqualTo("DOCUMENT_TOO_LONG"));
    long looked = clock.get();

    assertThatExceptionOfType(Refused.class).isThrownBy(document::made);
    assertThatExceptionOfType(Refused.class).isThrownBy(document::get);
    assertThat(clock).as("nothing was made").hasValue(looked);
  }

  private static String text(Packed document) {
    return new String(document.plain(), UTF_8);
  }
}
