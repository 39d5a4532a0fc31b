package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.prove.Listed.Row;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What lists may not show, after what they showed. */
final class ListedTest {
  private static final String ADA = "ada";

  private final History history;
  private final Listed listed;

  ListedTest(@TempDir Path folder) {
    history = new History(folder.resolve("history.jsonl"));
    listed = new Listed(history);
  }

  @AfterEach
  void close() {
    history.close();
  }

  @Test
  void acceptsWhatOnlyGetsNewer() {
    listed.shows(ADA, rows("1", "2"));
    listed.shows(ADA, List.of(new Row("1", 2), new Row("3", 1)));
    listed.turned(listed.known(ADA), rows("4", "3", "2", "1"), true);
    listed.showsAfter("1", 2, 2);

    assertThat(history.violations()).isEmpty();
  }

  @Test
  void seesAnOrderThatGotOlder() {
    listed.shows(ADA, List.of(new Row("1", 2)));
    listed.shows(ADA, List.of(new Row("1", 1)));

    assertThat(broken()).containsExactly("Q3");
  }

  @Test
  void seesWhatIsOlderThanWhatTheReaderSaw() {
    listed.showsAfter("1", 3, 2);

    assertThat(broken()).containsExactly("Q4");
  }

  @Test
  void seesAnOrderOnTwoPages() {
    listed.turned(new TreeSet<>(), rows("2", "1", "1"), true);

    assertThat(broken()).containsExactly("Q5");
  }

  @Test
  void seesAnOrderThatIsOnNoPage() {
    listed.shows(ADA, rows("1", "2", "3"));
    listed.turned(listed.known(ADA), rows("3", "1"), false);

    assertThat(broken()).containsExactly("Q5");
  }

  @Test
  void asksForNothingThatIsOnAPageNobodyTurnedTo() {
    listed.shows(ADA, rows("1", "2", "3"));
    listed.turned(listed.known(ADA), rows("3", "2"), false);

    assertThat(history.violations()).isEmpty();
  }

  private List<String> broken() {
    return history.violations().stream().map(Violation::invariant).toList();
  }

  private static List<Row> rows(String... orders) {
    return List.of(orders).stream().map(order -> new Row(order, 1)).toList();
  }
}
