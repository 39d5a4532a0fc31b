package dev.weft.durable;

import dev.weft.durable.SimulatedDatabase.GateEntry;
import dev.weft.durable.SimulatedDatabase.SagaEntry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** What {@link GateStore} does in SQL, on the rows of a {@link SimulatedDatabase}. */
final class SimulatedGates implements GateTable {
  private final World world;
  private final SimulatedDatabase database;
  private final long furthest;

  SimulatedGates(World world, SimulatedDatabase database, Duration furthest) {
    this.world = world;
    this.database = database;
    this.furthest = furthest.toNanos();
  }

  /** All gates, by name. */
  List<Gate> all() {
    List<Gate> all = new ArrayList<>();
    for (GateEntry entry : database.gates()) {
      all.add(read(entry));
    }
    return all;
  }

  private Gate read(GateEntry entry) {
    Gate gate = entry.gate();
    long now = database.now();
    boolean due = entry.dueAt() <= now || entry.dueAt() > now + furthest;
    return new Gate(
        gate.dependency(), gate.closing(), gate.failures(), gate.probing(), gate.opening(), due);
  }

  @Override
  public boolean insert(Handle tx, Gate gate, String error, Duration until) {
    if (database.gate(gate.dependency()) != null) {
      return false;
    }
    database.put(new GateEntry(gate, database.now() + until.toNanos()));
    world.saw(Sight.GATE_CLOSED);
    world.tell("", "the gate of " + gate.dependency() + " closes");
    return true;
  }

  @Override
  public Optional<Gate> lockDue(Handle tx, String dependency) {
    return Optional.ofNullable(database.gate(dependency)).map(this::read).filter(Gate::due);
  }

  @Override
  public boolean update(Handle tx, long knownClosing, Gate gate, String error, Duration until) {
    GateEntry known = database.gate(gate.dependency());
    if (known == null || known.gate().closing() != knownClosing) {
      return false;
    }
    if (gate.failures() > 0 && !gate.probing()) {
      world.saw(Sight.PROBE_FAILED);
    }
    database.put(new GateEntry(gate, database.now() + until.toNanos()));
    return true;
  }

  @Override
  public Duration remove(Handle tx, String dependency) {
    database.removeGate(dependency);
    List<SagaEntry> left = new ArrayList<>();
    for (SagaEntry entry : database.sagas()) {
      if (dependency.equals(entry.waitsFor()) && entry.owner() == null) {
        left.add(entry);
      }
    }
    left.forEach(entry -> database.put(SimulatedTables.due(entry, null, database.now(), null)));
    world.saw(Sight.GATE_GONE);
    world.tell("", "the gate of " + dependency + " is gone");
    return Duration.ZERO;
  }
}
