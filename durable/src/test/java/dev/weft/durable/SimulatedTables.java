package dev.weft.durable;

import dev.weft.durable.Saga.State;
import dev.weft.durable.SagaRun.Move;
import dev.weft.durable.SimulatedDatabase.SagaEntry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/** What {@link SagaStore} does in SQL, on the rows of a {@link SimulatedDatabase}. */
final class SimulatedTables implements SagaTables {
  private final World world;
  private final SimulatedDatabase database;
  private final String owner;
  private final SagaSettings settings;
  private final SimulatedGates gates;
  private final Mutation mutation;

  SimulatedTables(
      World world,
      SimulatedDatabase database,
      String owner,
      SagaSettings settings,
      SimulatedGates gates,
      Mutation mutation) {
    this.world = world;
    this.database = database;
    this.owner = owner;
    this.settings = settings;
    this.gates = gates;
    this.mutation = mutation;
  }

  @Override
  public SagaRun insert(
      Handle tx, SagaDefinition definition, String subject, String data, Optional<Duration> lease) {
    SagaRun run = SagaRun.begun(id(), definition, subject, data);
    long now = database.now();
    database.put(
        entry(
            run,
            lease.isPresent() ? owner : null,
            now + lease.orElse(settings.headStart().negated()).toNanos(),
            now + definition.softLimit().toNanos()));
    return run;
  }

  @Override
  public Claim claim(Handle tx, int atMost, Duration lease, Collection<UUID> running) {
    return new Claim(claim(this::due, atMost, lease, running), gates.all());
  }

  @Override
  public List<SagaRun> claimAt(
      Handle tx, String dependency, int atMost, Duration lease, Collection<UUID> running) {
    return claim(
        entry -> dependency.equals(entry.waitsFor()) && entry.owner() == null,
        atMost,
        lease,
        running);
  }

  private List<SagaRun> claim(
      Predicate<SagaEntry> which, int atMost, Duration lease, Collection<UUID> running) {
    List<SagaEntry> due = new ArrayList<>();
    for (SagaEntry entry : database.sagas()) {
      if (!entry.state().ended() && which.test(entry) && !running.contains(entry.id())) {
        due.add(entry);
      }
    }
    due.sort(Comparator.comparingLong(SagaEntry::dueAt));
    List<SagaRun> claimed = new ArrayList<>();
    for (SagaEntry entry : due.subList(0, Math.min(atMost, due.size()))) {
      claimed.add(claim(entry, lease));
    }
    return claimed;
  }

  @Override
  public boolean await(Handle tx, SagaRun run, String dependency, Duration patience) {
    SagaEntry before = Objects.requireNonNull(database.saga(run.id()));
    boolean ours = before.token() == run.token() && owner.equals(before.owner());
    if (!ours || database.gate(dependency) == null) {
      return false;
    }
    long until = database.now() + patience.toNanos();
    long due = run.limited() ? Math.min(until, before.softLimitAt()) : until;
    database.put(due(before, null, due, dependency));
    world.saw(Sight.WAITED_AT_A_GATE);
    world.tell(run.subject(), owner + " lets the saga wait for " + dependency);
    return true;
  }

  private boolean due(SagaEntry entry) {
    return entry.dueAt() <= database.now() || farAhead(entry);
  }

  /** Later than anybody writes: the clock was set back since. */
  private boolean farAhead(SagaEntry entry) {
    Duration furthest =
        entry.state() == State.COMPENSATION_STALLED || entry.waitsFor() != null
            ? settings.backoffOfStalled().cap()
            : settings.furthest();
    return entry.dueAt() > database.now() + 2 * furthest.toNanos();
  }

  private SagaRun claim(SagaEntry entry, Duration lease) {
    boolean fellSilent = entry.owner() != null;
    if (farAhead(entry)) {
      world.saw(Sight.TAKEN_OVER_AFTER_THE_CLOCK_WAS_SET_BACK);
    } else if (fellSilent) {
      world.saw(Sight.TAKEN_OVER_AFTER_THE_LEASE);
    }
    SagaEntry ours =
        new SagaEntry(
            entry.id(),
            entry.definition(),
            entry.subject(),
            entry.data(),
            entry.state(),
            entry.step(),
            entry.reached(),
            entry.failures() + (fellSilent ? 1 : 0),
            entry.reason(),
            entry.lastError(),
            owner,
            entry.token() + 1,
            database.now() + lease.toNanos(),
            entry.softLimitAt(),
            fellSilent ? null : entry.waitsFor());
    database.put(ours);
    world.tell(entry.subject(), owner + " takes the saga up, token " + ours.token());
    return ours.toRun(overdue(ours), database.steps(entry.id()));
  }

  @Override
  public Optional<Moved> move(Handle tx, SagaRun run, Move move, Duration until) {
    SagaEntry before = Objects.requireNonNull(database.saga(run.id()));
    boolean ours = before.token() == run.token() && owner.equals(before.owner());
    if (!ours && mutation != Mutation.NO_FENCING_TOKEN) {
      world.saw(Sight.ZOMBIE_FENCED);
      world.tell(run.subject(), owner + " is fenced, it holds token " + run.token());
      return Optional.empty();
    }
    if (before.state().ended()) {
      world.violated(run.subject(), "goes on after its saga was " + before.state() + " (O1)");
    }
    SagaEntry after =
        new SagaEntry(
            run.id(),
            before.definition(),
            before.subject(),
            before.data(),
            move.state(),
            move.step(),
            move.reached(),
            move.failures(),
            move.reason(),
            move.lastError(),
            move.waits() || move.state().ended() ? null : owner,
            before.token(),
            dueAt(before, move, until.toNanos()),
            Math.min(before.softLimitAt(), database.now() + run.definition().softLimit().toNanos()),
            null);
    if (move.state() == State.COMPENSATION_STALLED) {
      database.stalled(run.id());
    }
    database.put(after);
    move.record().ifPresent(record -> database.insert(run.id(), record));
    if (world.tells()) {
      world.tell(
          run.subject(),
          "%s writes %s %s: %s, next %s%s"
              .formatted(
                  owner,
                  run.current().name(),
                  run.direction().word(),
                  move.record().map(record -> record.state().name()).orElse("UNKNOWN"),
                  move.state(),
                  move.state().ended()
                      ? ""
                      : " " + run.definition().steps().get(move.step()).name()));
    }
    return Optional.of(new Moved(overdue(after), 1));
  }

  /** A lease that is good for a while stays as it is. */
  private long dueAt(SagaEntry before, Move move, long until) {
    long left = before.dueAt() - database.now();
    boolean stays = !move.waits() && !move.state().ended() && left > until / 2 && left <= until;
    return stays ? before.dueAt() : database.now() + until;
  }

  @Override
  public int renew(Handle tx, Collection<UUID> running, Duration lease) {
    int renewed = 0;
    for (UUID id : running) {
      SagaEntry entry = database.saga(id);
      if (entry != null && owner.equals(entry.owner()) && !entry.state().ended()) {
        database.put(due(entry, owner, database.now() + lease.toNanos(), entry.waitsFor()));
        renewed++;
      }
    }
    return renewed;
  }

  @Override
  public int releaseAll(Handle tx) {
    List<SagaEntry> ours = new ArrayList<>();
    for (SagaEntry entry : database.sagas()) {
      if (owner.equals(entry.owner()) && !entry.state().ended()) {
        ours.add(entry);
      }
    }
    for (SagaEntry entry : ours) {
      world.saw(Sight.HANDED_OVER);
      database.put(due(entry, null, database.now(), entry.waitsFor()));
    }
    return ours.size();
  }

  private boolean overdue(SagaEntry entry) {
    return entry.softLimitAt() <= database.now();
  }

  /** A UUID of version 7, as the real ones, out of the schedule's dice. */
  private UUID id() {
    return new UUID(
        ((world.now() / World.MILLI) << 16) | 0x7000,
        (world.dice.nextLong() >>> 2) | Long.MIN_VALUE);
  }

  private static SagaEntry entry(
      SagaRun run, @Nullable String owner, long dueAt, long softLimitAt) {
    return new SagaEntry(
        run.id(),
        run.definition(),
        run.subject(),
        run.data(),
        run.state(),
        run.step(),
        run.reached(),
        run.failures(),
        run.reason(),
        run.lastError(),
        owner,
        run.token(),
        dueAt,
        softLimitAt,
        null);
  }

  static SagaEntry due(
      SagaEntry entry, @Nullable String owner, long dueAt, @Nullable String waitsFor) {
    return new SagaEntry(
        entry.id(),
        entry.definition(),
        entry.subject(),
        entry.data(),
        entry.state(),
        entry.step(),
        entry.reached(),
        entry.failures(),
        entry.reason(),
        entry.lastError(),
        owner,
        entry.token(),
        dueAt,
        entry.softLimitAt(),
        waitsFor);
  }
}
