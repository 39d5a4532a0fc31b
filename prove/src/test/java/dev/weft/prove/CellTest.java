package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class CellTest {
  private static final Cell.Grid BY_GRPC = Cell.grid(Optional.of("no broker"));
  private static final Cell.Grid BY_BROKER = Cell.grid(Optional.empty());

  static Stream<Cell.Grid> grids() {
    return Stream.of(BY_GRPC, BY_BROKER);
  }

  @ParameterizedTest
  @MethodSource("grids")
  void everyStepHasEveryPointOrAReasonWhyNot(Cell.Grid grid) {
    var bySteps =
        grid.cells().stream()
            .collect(
                Collectors.groupingBy(
                    Cell::step, Collectors.mapping(Cell::point, Collectors.toSet())));
    grid.omitted()
        .forEach(
            one ->
                assertThat(bySteps.getOrDefault(one.step(), Set.of()).add(one.point()))
                    .as("%s is there and omitted", one)
                    .isTrue());

    assertThat(bySteps.values().stream().distinct())
        .containsExactlyInAnyOrderElementsOf(grid.tables().stream().map(HashSet::new).toList());
    assertThat(grid.omitted()).allSatisfy(one -> assertThat(one.reason()).isNotBlank());
  }

  @ParameterizedTest
  @MethodSource("grids")
  void noTwoCellsAreTheSameCrash(Cell.Grid grid) {
    assertThat(grid.cells()).extracting(Cell::name).doesNotHaveDuplicates();
    assertThat(grid.cells())
        .extracting(cell -> cell.failPoint() + cell.way())
        .doesNotHaveDuplicates();
  }

  @Test
  void whatABrokerCarriesMayCrashBetweenItsWordAndTheMark() {
    assertThat(BY_BROKER.cells())
        .filteredOn(cell -> cell.point().equals("published"))
        .extracting(Cell::step, Cell::process)
        .containsExactlyInAnyOrder(
            tuple("farewell", Shop.USER),
            tuple("money-owed", Shop.ORDER),
            tuple("money-back", Shop.PAYMENT),
            tuple("goods-back", Shop.INVENTORY));
    assertThat(BY_GRPC.omitted())
        .filteredOn(one -> one.point().equals("published"))
        .hasSameSizeAs(Flow.values())
        .allSatisfy(one -> assertThat(one.reason()).isEqualTo("no broker"));
  }
}
