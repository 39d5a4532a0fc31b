package dev.weft.card;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the ledger holds, and what it does when it holds all it may. */
final class ChargesTest {
  @TempDir Path directory;

  @Test
  void answersEachKeyAsItDidThenAlsoAfterAReplay() throws Exception {
    Map<String, Command> commands = new LinkedHashMap<>();
    Map<String, Charge> answers = new HashMap<>();
    commands.put("a", authorize("order-1"));
    commands.put("c", new Command.Capture("ch_0"));
    for (int i = 0; i < 3; i++) {
      commands.put("r" + i, new Command.Refund("ch_0", "refund-" + i, i + 1));
    }
    commands.put("a2", authorize("order-2"));
    commands.put("v2", new Command.Release("ch_1"));
    commands.put("a3", new Command.Authorize("order-3", "no_card", 5, "EUR"));
    long bytes;
    try (Charges charges = open(Long.MAX_VALUE)) {
      commands.forEach((key, command) -> answers.put(key, charges.perform(key, command)));
      commands.forEach(
          (key, command) ->
              assertThat(charges.perform(key, command)).as(key).isEqualTo(answers.get(key)));
      bytes = charges.bytes();
    }

    try (Charges charges = open(Long.MAX_VALUE)) {
      commands.forEach(
          (key, command) ->
              assertThat(charges.perform(key, command)).as(key).isEqualTo(answers.get(key)));
      assertThat(charges.bytes()).isEqualTo(bytes);
      assertThat(charges.find("ch_0")).isEqualTo(Optional.ofNullable(answers.get("r2")));
    }
  }

  @Test
  void refusesAuthorizationsWhenItIsFullThenRefundsAndNeverACapture() throws Exception {
    long bytesMax = 40_000;
    int held = 0;
    try (Charges charges = open(bytesMax)) {
      while (authorizes(charges, "order-" + held)) {
        held++;
      }
      assertThat(held).isGreaterThan(20);
      full(() -> charges.perform("more", authorize("one-more")));

      for (int i = 0; i < held; i++) {
        charges.perform("c".repeat(190) + i, new Command.Capture("ch_" + i));
      }
      assertThat(charges.bytes()).isLessThanOrEqualTo(bytesMax);
      full(
          () -> {
            for (int i = 0; i < 1_000; i++) {
              String id = "refund-" + i;
              charges.perform(id, new Command.Refund("ch_" + i % 10, id, 1));
            }
          });
      assertThat(charges.bytes()).isLessThanOrEqualTo(bytesMax);
    }
    try (Charges charges = open(bytesMax)) {
      assertThat(charges.size()).isEqualTo(held);
      full(() -> charges.perform("more", authorize("one-more")));
    }
  }

  private static boolean authorizes(Charges charges, String reference) {
    try {
      charges.perform(reference, authorize(reference));
      return true;
    } catch (Refusal refusal) {
      assertThat(refusal.code()).isEqualTo("ledger_full");
      return false;
    }
  }

  private static void full(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            Refusal.class, refusal -> assertThat(refusal.code()).isEqualTo("ledger_full"));
  }

  private static Command.Authorize authorize(String reference) {
    return new Command.Authorize(reference, "card_ok", 1999, "EUR");
  }

  private Charges open(long bytesMax) throws IOException {
    return new Charges(
        directory,
        InstantSource.system(),
        bytesMax,
        failure -> {
          throw new AssertionError(failure);
        });
  }
}
