package dev.weft.durable;

import dev.weft.durable.StepOutcome.Unknown;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The gates before services that are away, which all processes share: what this one knows of them,
 * and what it does about them. While all services are there it costs a look into an empty map.
 *
 * <p>A gate closes for all sagas when some attempts in a row, of whatever sagas, found the service
 * away. What this process knows is as old as its last claim: until then it calls, and what it hears
 * says the same.
 *
 * <p>Thread-safe.
 */
final class Gates {
  private static final Logger log = LoggerFactory.getLogger(Gates.class);

  /** One that is lost in a restart is no outage. */
  static final int CLOSED_AFTER = 3;

  /** Between turns while a gate opens: longer than most calls take, so that failures are heard. */
  static final Duration SLICE = Duration.ofMillis(100);

  private final Transactions transactions;
  private final SagaTables sagas;
  private final GateTable table;
  private final Threads threads;
  private final Duration lease;
  private final Backoff backoff;
  private final Consumer<Duration> wakeIn;
  private final Map<String, Gate> gates = new ConcurrentHashMap<>();
  // Attempts in a row that found the service away.
  private final Map<String, AtomicInteger> away = new ConcurrentHashMap<>();

  /** What lets a saga through the gate it waited at, unless that was closed again since. */
  record Pass(String dependency, long closing) {
    static final Pass NONE = new Pass("", 0);

    boolean opens(Gate gate) {
      return dependency.equals(gate.dependency()) && closing == gate.closing();
    }
  }

  /**
   * What a turn came to.
   *
   * @param after nothing if the gate is gone
   * @param closed for how long it was there, if it is gone
   */
  private record Turn(Through through, Optional<Gate> after, Duration closed) {}

  /** Those who go through a gate, in our hands. */
  record Through(List<SagaRun> sagas, Pass pass) {
    static final Through NOBODY = new Through(List.of(), Pass.NONE);
  }

  /**
   * @param wakeIn asked to look at due gates after so long
   */
  Gates(
      Transactions transactions,
      SagaTables sagas,
      GateTable table,
      Threads threads,
      SagaSettings settings,
      Consumer<Duration> wakeIn) {
    this.transactions = transactions;
    this.sagas = sagas;
    this.table = table;
    this.threads = threads;
    this.wakeIn = wakeIn;
    lease = settings.lease();
    backoff = settings.backoffOfGate();
  }

  /** Takes over what the tables said. */
  void saw(List<Gate> now) {
    gates.keySet().retainAll(now.stream().map(Gate::dependency).toList());
    now.forEach(gate -> gates.put(gate.dependency(), gate));
  }

  /** The services whose gates have their turn. */
  List<String> due() {
    return gates.isEmpty()
        ? List.of()
        : gates.values().stream().filter(Gate::due).map(Gate::dependency).sorted().toList();
  }

  /** The gate that keeps a saga from its current step. */
  Optional<Gate> before(SagaRun run, Pass pass) {
    return gates.isEmpty()
        ? Optional.empty()
        : run.current().dependency().map(gates::get).filter(gate -> !pass.opens(gate));
  }

  /** The gate turned out to be gone. */
  void isOpen(Gate gate) {
    gates.remove(gate.dependency(), gate);
  }

  /** Hears what came of an attempt at the current step. */
  void heard(SagaRun run, StepOutcome outcome, Pass pass) {
    Optional<String> dependency = run.current().dependency();
    if (dependency.isEmpty()) {
      return;
    }
    try {
      heard(dependency.get(), outcome, pass);
    } catch (RuntimeException e) {
      log.debug("{}: its gate stays as it is, the database is away", dependency.get(), e);
    }
  }

  private void heard(String dependency, StepOutcome outcome, Pass pass) {
    boolean often = foundAwayOften(dependency, outcome);
    Gate gate = gates.get(dependency);
    if (gate != null) {
      if (pass.opens(gate)) {
        heardFromBeyond(gate, outcome, often);
      }
    } else if (often && outcome instanceof Unknown why) {
      close(dependency, why);
    }
  }

  /** Of a saga that the gate let through. */
  private void heardFromBeyond(Gate gate, StepOutcome outcome, boolean often) {
    if (outcome instanceof Unknown why && why.away()) {
      if (gate.closed() || often) {
        closeAgain(gate, why);
      }
    } else if (gate.closed()) {
      // Not away, whatever else is wrong with it: that is for each saga to wait for.
      open(gate);
    }
  }

  /** Counts an attempt; says whether it is one of too many in a row that found the service away. */
  private boolean foundAwayOften(String dependency, StepOutcome outcome) {
    if (outcome instanceof Unknown unknown) {
      return unknown.away() && failuresOf(dependency).incrementAndGet() >= CLOSED_AFTER;
    }
    AtomicInteger failures = away.get(dependency);
    if (failures != null) {
      failures.set(0);
    }
    return false;
  }

  private AtomicInteger failuresOf(String dependency) {
    return away.computeIfAbsent(dependency, _ -> new AtomicInteger());
  }

  private void close(String dependency, Unknown why) {
    Gate gate = Gate.closed(dependency, threads.random().nextLong());
    Duration wait = backoff.after(1, why.retryAfter(), threads.random());
    boolean ours = transactions.inOneStatement(tx -> table.insert(tx, gate, why.error(), wait));
    gates.putIfAbsent(dependency, gate);
    failuresOf(dependency).set(0);
    wakeIn.accept(wait);
    if (ours) {
      log.warn(
          "{} is away ({}): sagas that need it wait, one of them tries in {} ms",
          dependency,
          why.error(),
          wait.toMillis());
    }
  }

  private void closeAgain(Gate known, Unknown why) {
    Gate gate = known.closedAgain(threads.random().nextLong());
    Duration wait = backoff.after(gate.failures(), why.retryAfter(), threads.random());
    transactions.inOneStatement(tx -> table.update(tx, known.closing(), gate, why.error(), wait));
    gates.replace(gate.dependency(), known, gate);
    failuresOf(gate.dependency()).set(0);
    wakeIn.accept(wait);
    log.debug(
        "{} is still away ({}), tried in {} ms", gate.dependency(), why.error(), wait.toMillis());
  }

  private void open(Gate known) {
    Gate gate = known.opened();
    transactions.inOneStatement(tx -> table.update(tx, known.closing(), gate, "", Duration.ZERO));
    gates.replace(gate.dependency(), known, gate);
    wakeIn.accept(Duration.ZERO);
  }

  /**
   * Takes up those who go through a gate now, if it is its turn and no other process has it in
   * hand.
   */
  Through turn(String dependency, int room, Collection<UUID> running) {
    Optional<Turn> turn =
        transactions.inTransaction(
            tx -> table.lockDue(tx, dependency).map(gate -> turn(tx, gate, room, running)));
    turn.ifPresent(one -> took(dependency, one));
    return turn.map(Turn::through).orElse(Through.NOBODY);
  }

  private Turn turn(Handle tx, Gate gate, int room, Collection<UUID> running) {
    String dependency = gate.dependency();
    int most = Math.min(gate.next(), room);
    List<SagaRun> sagasThrough = sagas.claimAt(tx, dependency, most, lease, running);
    Through through = new Through(sagasThrough, new Pass(dependency, gate.closing()));
    if (gate.closed() && sagasThrough.isEmpty()) {
      // Whoever comes next is the probe.
      return new Turn(through, Optional.of(gate), Duration.ZERO);
    }
    if (sagasThrough.size() < most) {
      return new Turn(through, Optional.empty(), table.remove(tx, dependency));
    }
    Gate after = gate.closed() ? gate.probed() : gate.widened(most);
    Duration until =
        gate.closed() ? sagasThrough.getFirst().current().timeout().plus(lease) : SLICE;
    table.update(tx, gate.closing(), after, "", until);
    return new Turn(through, Optional.of(after), Duration.ZERO);
  }

  private void took(String dependency, Turn turn) {
    if (turn.after().isEmpty()) {
      gates.remove(dependency);
      log.info(
          "{} is back after {} ms, all sagas call it again", dependency, turn.closed().toMillis());
      return;
    }
    Gate after = turn.after().get();
    gates.put(dependency, after);
    if (!after.closed()) {
      wakeIn.accept(SLICE);
    }
  }
}
