package dev.weft.mesh;

import dev.weft.mesh.Choice.Repeat;
import java.time.Duration;
import java.util.Optional;

/**
 * On which terms a service is called, as the registry says it of the whole service: in place of
 * what contracts say of its methods and of our own defaults. What a route or the caller itself says
 * of a call comes before it.
 *
 * @param timeout of unary calls
 * @param repeat how often a call is sent again, if its contract allows that at all
 * @param retryPercent how many retries there are for a hundred calls, beside three a second; 0 for
 *     none at all
 * @param hedgeAfter when a call without side effects is sent a second time; zero for never
 * @param hedgePercent how many of a hundred calls are sent so at most
 */
record Terms(
    Optional<Duration> timeout,
    Optional<Repeat> repeat,
    int retryPercent,
    Optional<Duration> hedgeAfter,
    int hedgePercent) {
  /** Contracts and defaults. */
  static final Terms DEFAULT =
      new Terms(Optional.empty(), Optional.empty(), 10, Optional.empty(), 5);

  /** More would double the load of a service that is in trouble already. */
  private static final int BUDGET_PERCENT_MAX = 50;

  private static final Duration LEAST = Duration.ofMillis(1);
  private static final String NEVER = "never";

  /** Reads what the registry says of a service. */
  static Terms of(Settings said) {
    return new Terms(
        said.duration("weft-timeout", LEAST),
        said.number("weft-attempts", 1, Repeat.TIMES_MAX + 1)
            .map(attempts -> new Repeat(attempts - 1, true, true)),
        said.number("weft-retry-budget", 0, BUDGET_PERCENT_MAX).orElse(DEFAULT.retryPercent),
        said.value(
            "weft-hedge-after",
            text -> text.equals(NEVER) ? Optional.of(Duration.ZERO) : Settings.parsed(text, LEAST)),
        said.number("weft-hedge-budget", 0, BUDGET_PERCENT_MAX).orElse(DEFAULT.hedgePercent));
  }

  /** Whether calls are made as contracts and routes say. */
  boolean areDefault() {
    return timeout.isEmpty() && repeat.isEmpty() && hedgeAfter.isEmpty();
  }

  /**
   * What becomes of a contract on these terms. Of what is sent once, as mirrored calls are, nothing
   * is sent a second time.
   *
   * @param safe whether the method has no side effects
   */
  CallPolicy over(CallPolicy contract, boolean safe) {
    CallPolicy agreed = timeout.map(contract::withTimeout).orElse(contract);
    return safe && contract.repeatable() && hedgeAfter.isPresent()
        ? agreed.withHedgeAfter(hedgeAfter.filter(Duration::isPositive))
        : agreed;
  }

  /** How often a call that a route was found for is repeated, or one that none was. */
  Repeat repeat(Optional<Choice> choice) {
    return choice.flatMap(Choice::repeat).or(() -> repeat).orElse(Repeat.DEFAULT);
  }
}
