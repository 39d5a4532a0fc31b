package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.MissingNode;
import com.google.protobuf.Timestamp;
import com.google.type.Money;
import dev.weft.prove.Books.Charge;
import dev.weft.prove.Books.NetworkEntry;
import dev.weft.prove.Books.Saga;
import dev.weft.prove.Books.Step;
import dev.weft.prove.Fault.Bite;
import dev.weft.prove.History.Placed;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.payment.v1.LedgerEntry;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a proof comes to, by what was seen. */
final class ReportTest {
  /** After all that clients do here. */
  private static final long FAR = 4_000_000_000L;

  private static final String NEEDED = "a circuit opened";
  private static final Verdict HOLDS = new Verdict(Map.of(), Map.of());

  private static final String ORDER = "0190a000-0000-7000-8000-000000000001";
  private static final Books BOOKS =
      new Books(
          Map.of(),
          Map.of(
              ORDER,
              new Saga(
                  "s1",
                  "STATE_COMPENSATED",
                  "PAYMENT_DECLINED",
                  List.of(new Step("authorize", true, "STATE_UNKNOWN", 3, "")))),
          List.of(
              LedgerEntry.newBuilder()
                  .setOrderId(ORDER)
                  .setAccount("revenue")
                  .setAmount(Money.newBuilder().setUnits(-5))
                  .setCreateTime(Timestamp.newBuilder().setSeconds(FAR + 2))
                  .build()),
          Map.of(
              ORDER,
              new Charge(
                  "ch",
                  "captured",
                  500,
                  0,
                  List.of(
                      new NetworkEntry(Instant.ofEpochSecond(FAR + 1), "capture", "captured")))),
          List.of(
              StockMovement.newBuilder()
                  .setOrderId(ORDER)
                  .setProductId("mug")
                  .setKind(StockMovement.Kind.KIND_RESERVE)
                  .setQuantity(1)
                  .setCreateTime(Timestamp.newBuilder().setSeconds(FAR))
                  .build()),
          Map.of(),
          Set.of(),
          true);

  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private final Cell.Grid grid = Cell.grid(Optional.of("no broker"));
  private final Report report =
      new Report(new PrintStream(said, true, StandardCharsets.UTF_8), grid);
  private final History history;
  private final Story story;

  ReportTest(@TempDir Path folder) {
    history = new History(folder.resolve("history.jsonl"));
    story = new Story(history, BOOKS);
    history.placed(new Placed(ORDER, Shopper.named("ada"), "k", "{}", 500, ""));
  }

  @AfterEach
  void close() {
    history.close();
  }

  @Test
  void isProvedWhenEveryFaultDidSomethingAndEveryBranchWasTaken() {
    history.count(NEEDED);

    assertThat(end(fault(true, 7), HOLDS)).isZero();
    assertThat(said()).contains("PROVED", "1 faults of 1 did something; 2 are omitted");
  }

  @Test
  void isUnknownWhenAFaultDidNothing() {
    history.count(NEEDED);

    assertThat(end(fault(true, 0), HOLDS)).isEqualTo(3);
    assertThat(said()).contains("UNKNOWN", "the fault a cut", "0 faults of 1 did something");
  }

  @Test
  void isUnknownWhenABranchWasNeverTaken() {
    assertThat(end(fault(true, 7), HOLDS)).isEqualTo(3);
    assertThat(said()).contains("UNKNOWN", "never  " + NEEDED);
  }

  @Test
  void isNotProvedWhenSomethingDidNotRecoverWhateverElseWasSeen() {
    assertThat(end(fault(false, 0), HOLDS)).isEqualTo(1);
    assertThat(said()).contains("NOT PROVED");
  }

  @Test
  void isNotProvedWhenAPromiseWasBroken() {
    history.count(NEEDED);
    Verdict broken = new Verdict(Map.of(Invariant.M1, List.of("money")), Map.of());

    assertThat(end(fault(true, 7), broken)).isEqualTo(1);
    assertThat(said()).contains("NOT PROVED", "money");
  }

  @Test
  void tellsTheShortestStoryAcrossServicesInOrderOfTime() {
    String longer = "0190a000-0000-7000-8000-000000000002";
    Answer gone = new Answer(0, MissingNode.getInstance());
    for (int i = 0; i < 20; i++) {
      history.add("bob", Op.Kind.READ, "", longer, 0, gone, "");
    }
    history.add("ada", Op.Kind.CANCEL, "c", ORDER, 0, gone, "");
    List<String> violations = List.of("order " + longer + " is gone", ORDER + " is gone");

    end(fault(true, 7), new Verdict(Map.of(Invariant.O3, violations), Map.of()));

    assertThat(said())
        .containsSubsequence(
            "order " + longer + " is gone",
            "ada           CANCEL UNKNOWN 0",
            "inventory-svc reserve 1 of mug",
            "card-network  capture: captured",
            "payment-svc   ledger revenue -500",
            "saga s1 STATE_COMPENSATED PAYMENT_DECLINED",
            "do authorize UNKNOWN, 3 attempts")
        .doesNotContain("bob");
  }

  @Test
  void saysWhyAPromiseIsNotTried() {
    end(fault(true, 7), HOLDS);

    assertThat(said()).contains("(not driven: " + Invariant.O11.undriven + ")");
  }

  @Test
  void saysOfEachPairOfStepAndPointThatIsNoCellWhy() {
    report.grid(grid.cells(), 1);

    grid.omitted()
        .forEach(
            one ->
                assertThat(said())
                    .containsSubsequence(one.reason() + ":", one.step() + "/{", one.point()));
  }

  @Test
  void tellsWhatWasNotChosenFromWhatIsNoCell() {
    Cell cell = grid.cells().getFirst();
    Crash.Outcome fired = new Crash.Outcome(cell, 1, true, ORDER, cell.way().end, 5);
    history.count(NEEDED);

    report.end(history, List.of(fired), List.of(), 0, HOLDS, story, List.of(NEEDED));

    assertThat(said()).containsPattern("accept +- +- +- +[+] +[.] +- ");
  }

  @Test
  void isUnknownWhenNoOrderWasPlaced(@TempDir Path folder) {
    History empty = new History(folder.resolve("empty.jsonl"));

    assertThat(report.end(empty, List.of(), List.of(), 0, HOLDS, story, List.of())).isEqualTo(3);
    assertThat(said()).contains("UNKNOWN", "an order was placed");
    empty.close();
  }

  private int end(Fault.Outcome fault, Verdict verdict) {
    report.fault(fault);
    return report.end(history, List.of(), List.of(fault), 2, verdict, story, List.of(NEEDED));
  }

  private String said() {
    return said.toString(StandardCharsets.UTF_8);
  }

  private static Fault.Outcome fault(boolean recovered, long bites) {
    return new Fault.Outcome("a cut", recovered, 12, new Bite(bites, "bytes held"));
  }
}
