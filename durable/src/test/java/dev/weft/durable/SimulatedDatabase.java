package dev.weft.durable;

import dev.weft.durable.Saga.State;
import dev.weft.durable.SagaRun.StepRecord;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * The database of the runners: sagas, their steps and the orders they are about. One transaction at
 * a time, which is what the row locks of the real statements come to.
 */
final class SimulatedDatabase {
  /** Stands for the transaction; nobody asks it anything. */
  static final Handle TRANSACTION =
      Jdbi.create(
              () ->
                  (Connection)
                      Proxy.newProxyInstance(
                          SimulatedDatabase.class.getClassLoader(),
                          new Class<?>[] {Connection.class},
                          (_, method, _) -> method.getReturnType() == boolean.class ? true : null))
          .open();

  /** A row of the table of sagas. */
  record SagaEntry(
      UUID id,
      SagaDefinition definition,
      String subject,
      String data,
      State state,
      int step,
      int reached,
      int failures,
      String reason,
      String lastError,
      @Nullable String owner,
      long token,
      long dueAt,
      long softLimitAt,
      @Nullable String waitsFor) {

    /** Read as the real tables are read. */
    SagaRun toRun(boolean overdue, List<StepRecord> records) {
      SagaRow row =
          new SagaRow(
              id,
              definition.name(),
              definition.version(),
              subject,
              data,
              state,
              step,
              reached,
              failures,
              reason,
              lastError,
              token,
              overdue,
              Instant.EPOCH,
              Instant.EPOCH,
              null,
              waitsFor);
      return row.toRun(definition, records);
    }
  }

  /** A row of the table of gates. */
  record GateEntry(Gate gate, long dueAt) {}

  /** A row of the table of orders. */
  record Order(String state, boolean calledOff) {}

  private final Map<UUID, SagaEntry> sagas = new LinkedHashMap<>();
  private final Map<UUID, List<StepRecord>> steps = new HashMap<>();
  private final Map<String, Order> orders = new LinkedHashMap<>();
  private final Map<String, GateEntry> gates = new TreeMap<>();
  private final Set<UUID> stalled = new HashSet<>();
  private final List<Runnable> undo = new ArrayList<>();
  private final World world;
  private long clockOffset;

  SimulatedDatabase(World world) {
    this.world = world;
  }

  /** What the real tables call {@code weft_now()}. */
  long now() {
    return world.now() + clockOffset;
  }

  /** Sets the clock ahead or back for a while. */
  void moveClock() {
    clockOffset = world.between(-400 * World.SECOND, 400 * World.SECOND);
    world.tell("", "the database's clock is off by %.1f s".formatted(clockOffset / 1e9));
    world.in(
        world.between(World.SECOND, 30 * World.SECOND),
        null,
        () -> {
          clockOffset = 0;
          world.tell("", "the database's clock is right again");
        });
  }

  Iterable<SagaEntry> sagas() {
    return sagas.values();
  }

  @Nullable SagaEntry saga(UUID id) {
    return sagas.get(id);
  }

  List<StepRecord> steps(UUID saga) {
    return steps.getOrDefault(saga, List.of());
  }

  @Nullable Order order(String id) {
    return orders.get(id);
  }

  void put(SagaEntry entry) {
    SagaEntry before = sagas.put(entry.id(), entry);
    undo.add(() -> restore(sagas, entry.id(), before));
  }

  void put(String id, Order order) {
    Order before = orders.put(id, order);
    undo.add(() -> restore(orders, id, before));
  }

  Iterable<GateEntry> gates() {
    return gates.values();
  }

  @Nullable GateEntry gate(String dependency) {
    return gates.get(dependency);
  }

  void put(GateEntry entry) {
    String dependency = entry.gate().dependency();
    GateEntry before = gates.put(dependency, entry);
    undo.add(() -> restore(gates, dependency, before));
  }

  void removeGate(String dependency) {
    GateEntry before = gates.remove(dependency);
    undo.add(() -> restore(gates, dependency, before));
  }

  /** An undoing of this saga no longer holds up the others. */
  void stalled(UUID saga) {
    stalled.add(saga);
  }

  boolean hasStalled(UUID saga) {
    return stalled.contains(saga);
  }

  /** The primary key of the real table. */
  void insert(UUID saga, StepRecord record) {
    List<StepRecord> records = steps.computeIfAbsent(saga, _ -> new ArrayList<>());
    for (StepRecord one : records) {
      if (one.position() == record.position() && one.direction() == record.direction()) {
        if (!one.equals(record)) {
          throw new IllegalStateException("another record of one step: " + one + ", " + record);
        }
        return;
      }
    }
    records.add(record);
    undo.add(() -> records.remove(record));
  }

  void commit() {
    undo.clear();
  }

  void rollBack() {
    undo.reversed().forEach(Runnable::run);
    undo.clear();
  }

  private static <K, V> void restore(Map<K, V> table, K key, @Nullable V before) {
    if (before == null) {
      table.remove(key);
    } else {
      table.put(key, before);
    }
  }
}
