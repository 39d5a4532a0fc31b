package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whatever fails, every saga ends, with every effect once or undone. A slice of it with each build;
 * {@code -Dweft.simulation.seconds=60} runs it for a minute, {@code -Dweft.simulation.seed=1} from
 * a given seed.
 */
class SimulationTest {
  private static final Duration TIME =
      Duration.ofSeconds(Long.getLong("weft.simulation.seconds", 3));
  private static final int THREADS = Math.min(2, Runtime.getRuntime().availableProcessors());

  private static final long SEED =
      Long.getLong("weft.simulation.seed", new SplittableRandom().nextLong(1_000_000));

  @Test
  void everySagaEndsWithEveryEffectOnceOrUndone() throws Exception {
    long start = System.nanoTime();
    Simulation.Report report = new Simulation(SEED, Mutation.NONE).run(TIME, THREADS);
    System.out.println(
        "simulation, seed " + SEED + ": " + report.text((System.nanoTime() - start) / 1_000_000));
    assertThat(report.violation).isEmpty();
    assertThat(report.sights.never()).isEmpty();
    if (TIME.toMinutes() >= 1) {
      // The minute that was asked for; the slice of each build may share its cores with a build.
      assertThat(report.schedules).isGreaterThan(100_000 * TIME.toMinutes());
    }
  }

  @Test
  void tellsTheSameStoryForTheSameSeed() {
    for (long schedule = SEED; schedule < SEED + 50; schedule++) {
      List<String> first = new Simulation(SEED, Mutation.NONE).told(schedule);
      assertThat(new Simulation(SEED, Mutation.NONE).told(schedule)).isEqualTo(first).isNotEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void findsOutWhatIsMissing(Mutation mutation) throws Exception {
    Simulation.Report report = new Simulation(SEED, mutation).run(Duration.ofMinutes(1), THREADS);
    System.out.printf(
        "simulation, seed %d: %s found after %,d schedules: %s%n",
        SEED,
        mutation,
        report.schedules + report.quiet,
        report.violation.flatMap(story -> story.lines().skip(1).findFirst()).orElse("not found"));
    assertThat(report.violation).isPresent();
  }
}
