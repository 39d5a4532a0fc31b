package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Label;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import dev.weft.edge.Compatibility.Policy;
import dev.weft.edge.Compatibility.Report;
import dev.weft.edge.Compatibility.Verdict;
import dev.weft.edge.Versions.Told;
import dev.weft.edge.weather.WeatherProto;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class CompatibilityTest {
  private static final ServiceSchema FIRST = Contracts.weather();
  private static final ServiceSchema MORE = more();
  private static final ServiceSchema OTHER =
      ServiceSchema.of(
          "weather",
          Contracts.reflected(dev.weft.edge.weather2.WeatherProto.getDescriptor()),
          new Access.Public());

  private final Compatibility holding = new Compatibility(Policy.HOLD, Optional.empty());
  private final Compatibility reporting = new Compatibility(Policy.REPORT, Optional.empty());

  @Test
  void servesWhatNothingWasBefore() {
    Verdict verdict = holding.of(List.of(told(FIRST, "a", 1), told(OTHER, "b", 2)), false);

    assertThat(verdict.served()).hasSize(2);
    assertThat(verdict.found()).isEmpty();
  }

  @Test
  void measuresByWhatMostInstancesTellWhenAllWereAsked() {
    List<Told> told = List.of(told(OTHER, "a", 1), told(FIRST, "b", 2), told(FIRST, "c", 3));
    holding.of(told.subList(0, 2), false);

    Verdict verdict = holding.of(told, true);

    assertThat(verdict.served()).isEqualTo(told.subList(1, 3));
    assertThat(verdict.held()).isEqualTo(told.subList(0, 1));
  }

  @Test
  void reportsOnceAndServesWhatBreaks() {
    reporting.of(List.of(told(FIRST, "a", 1)), true);
    List<Told> both = List.of(told(FIRST, "a", 1), told(OTHER, "b", 2));

    Verdict verdict = reporting.of(both, true);

    assertThat(verdict.served()).isEqualTo(both);
    assertThat(verdict.found())
        .singleElement()
        .satisfies(
            change ->
                assertThat(change.changes()).contains("weather.v1.Weather/GetForecast is gone"));
    assertThat(reporting.of(both, true).found()).isEmpty();
    reporting.of(List.of(told(FIRST, "a", 1)), true);
    assertThat(reporting.of(both, true).found()).as("it has been away").isEmpty();
    assertThat(reporting.of(List.of(told(OTHER, "b", 2)), true).found()).isEmpty();
    assertThat(reporting.reports()).extracting(Report::held).containsExactly(false);
  }

  @Test
  void holdsWhatBreaksAsLongAsTheOtherIsTold() {
    holding.of(List.of(told(FIRST, "a", 1)), true);
    List<Told> told = List.of(told(FIRST, "a", 1), told(OTHER, "b", 2), told(OTHER, "c", 3));

    Verdict verdict = holding.of(told, true);

    assertThat(verdict.served()).isEqualTo(told.subList(0, 1));
    assertThat(verdict.held()).isEqualTo(told.subList(1, 3));
    assertThat(verdict.found()).hasSize(1);
    assertThat(verdict.gaveIn()).isEmpty();
    assertThat(holding.reports()).extracting(Report::held).containsExactly(true);
  }

  @Test
  void servesWhatBreaksWhenNothingElseIsTold() {
    holding.of(List.of(told(FIRST, "a", 1)), true);
    List<Told> left = List.of(told(OTHER, "b", 2));

    Verdict waiting = holding.of(left, false);
    Verdict gaveIn = holding.of(left, true);

    assertThat(waiting.served()).as("another may still tell it").isEmpty();
    assertThat(waiting.found()).hasSize(1);
    assertThat(gaveIn.served()).isEqualTo(left);
    assertThat(gaveIn.gaveIn()).isEqualTo(Optional.of(waiting.found().getFirst()));
    assertThat(gaveIn.found()).isEmpty();
    assertThat(holding.reports()).extracting(Report::held).containsExactly(false);
    // From here on it is the other way round.
    assertThat(holding.of(List.of(told(OTHER, "b", 2), told(FIRST, "a", 3)), true).served())
        .isEqualTo(left);
  }

  @Test
  void prefersWhatDoesNotBreakAlsoWhenMostInstancesTellWhatDoes() {
    holding.of(List.of(told(FIRST, "a", 1)), true);
    List<Told> told = List.of(told(OTHER, "b", 2), told(OTHER, "c", 3), told(MORE, "d", 4));

    Verdict verdict = holding.of(told, true);

    assertThat(verdict.served()).isEqualTo(told.subList(2, 3));
    assertThat(verdict.gaveIn()).isEmpty();
    // What only adds to the first has taken its place: the first has less.
    assertThat(holding.of(List.of(told(MORE, "d", 4), told(FIRST, "e", 5)), true).held())
        .extracting(Told::instance)
        .containsExactly("e");
  }

  @Test
  void knowsWhatWasServedBeforeItsRestart() {
    Compatibility restarted = new Compatibility(Policy.HOLD, Optional.of(FIRST));

    Verdict early = restarted.of(List.of(told(OTHER, "b", 1)), false);
    Verdict verdict = restarted.of(List.of(told(OTHER, "b", 1), told(FIRST, "a", 2)), true);

    assertThat(early.served()).isEmpty();
    assertThat(verdict.served()).extracting(Told::instance).containsExactly("a");
  }

  @Test
  void remembersAFewReports() {
    reporting.of(List.of(told(FIRST, "a", 1)), true);
    for (int i = 0; i < 20; i++) {
      int number = i;
      ServiceSchema renamed =
          changed(file -> file.getServiceBuilder(0).getMethodBuilder(0).setName("Get" + number));
      reporting.of(List.of(told(FIRST, "a", 1), told(renamed, "b", 2 + i)), true);
      if (i == 19) {
        assertThat(reporting.reports().getFirst().change().to()).isEqualTo(renamed.fingerprint());
      }
    }

    assertThat(reporting.reports()).hasSize(5);
  }

  private static Told told(ServiceSchema schema, String instance, long learned) {
    return new Told(schema, instance, learned);
  }

  /** The first with a field more. */
  private static ServiceSchema more() {
    return changed(
        file ->
            file.getMessageTypeBuilder(1)
                .addFieldBuilder()
                .setName("wind")
                .setNumber(3)
                .setType(FieldDescriptorProto.Type.TYPE_DOUBLE)
                .setLabel(Label.LABEL_OPTIONAL));
  }

  private static ServiceSchema changed(Consumer<FileDescriptorProto.Builder> change) {
    FileDescriptorProto.Builder file = WeatherProto.getDescriptor().toProto().toBuilder();
    change.accept(file);
    return ServiceSchema.of(
        "weather",
        Contracts.changed(WeatherProto.getDescriptor(), file.build()),
        new Access.Public());
  }
}
