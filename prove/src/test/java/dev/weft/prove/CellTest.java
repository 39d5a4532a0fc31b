package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class CellTest {
  @Test
  void everyStepHasEveryPointOrAReasonWhyNot() {
    Cell.Grid grid = Cell.grid();
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

  @Test
  void noTwoCellsAreTheSameCrash() {
    assertThat(Cell.grid().cells()).extracting(Cell::name).doesNotHaveDuplicates();
    assertThat(Cell.grid().cells())
        .extracting(cell -> cell.failPoint() + cell.way())
        .doesNotHaveDuplicates();
  }
}
