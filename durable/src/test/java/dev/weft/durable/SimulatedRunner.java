package dev.weft.durable;

import dev.weft.durable.Fault.Point;
import dev.weft.durable.World.Host;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A process that runs sagas with the production engine on simulated threads, tables and
 * transactions; killed, paused or closed wherever its code waits, and started again.
 */
final class SimulatedRunner {
  /** Of the steps that {@link SimulatedShop} has. */
  private static final Duration LONGEST_STEP = Duration.ofSeconds(9);

  private final World world;
  private final SimulatedDatabase database;
  private final String name;
  private final SagaSettings settings;
  private final Mutation mutation;
  private int incarnations = 1;
  private Host process;
  private SimulatedTransactions transactions;
  private SagaEngine engine;
  private boolean leaving;

  SimulatedRunner(
      World world, SimulatedDatabase database, String name, int room, Mutation mutation) {
    this.world = world;
    this.database = database;
    this.name = name;
    this.mutation = mutation;
    SagaSettings usual = SagaSettings.DEFAULT;
    settings =
        new SagaSettings(room, usual.lease(), usual.poll(), usual.firstWait(), usual.longestWait());
    process = new Host(name + ".1", this::meet);
    transactions = new SimulatedTransactions(process);
    engine = engine();
    engine.start();
  }

  private void startAgain() {
    process = new Host(name + "." + ++incarnations, this::meet);
    transactions = new SimulatedTransactions(process);
    leaving = false;
    engine = engine();
    engine.start();
    world.tell("", process.name + " starts");
  }

  private SagaEngine engine() {
    Host of = process;
    SimulatedGates gates =
        new SimulatedGates(world, database, settings.furthestOfGate(LONGEST_STEP));
    return new SagaEngine(
        transactions,
        new SimulatedTables(world, database, of.name, settings, gates, mutation),
        gates,
        new SimulatedThreads(world, of),
        settings);
  }

  boolean busy() {
    return process.busy();
  }

  /** Begins a saga on a thread of this process, in the transaction that inserts its order. */
  void begin(SagaDefinition definition, String order) {
    if (!process.alive()) {
      return;
    }
    SagaEngine mine = engine;
    SimulatedTransactions its = transactions;
    world.start(
        process,
        false,
        () -> {
          try {
            its.inTransaction(
                tx -> {
                  if (database.order(order) == null) {
                    database.put(order, new SimulatedDatabase.Order("PENDING", false));
                    mine.begin(tx, definition, order, "");
                  }
                  return true;
                });
          } catch (LostConnection e) {
            // Whoever ordered asks again.
          }
        });
  }

  private void meet(Host mine) {
    Optional<Fault> fault = world.fault(Point.AWAIT);
    if (fault.isEmpty()) {
      return;
    }
    switch (fault.get()) {
      case RUNNER_DIES -> {
        world.tell("", mine.name + " dies");
        die(mine, world.between(50 * World.MILLI, 12 * World.SECOND));
        // Never goes on.
        Coroutine.await();
      }
      case RUNNER_PAUSES -> {
        long pause = world.between(200 * World.MILLI, 25 * World.SECOND);
        world.tell("", "%s is paused for %.1f s".formatted(mine.name, pause / 1e9));
        world.pause(mine, pause);
        world.sleep(pause);
      }
      case RUNNER_LEAVES -> {
        if (!leaving) {
          leaving = true;
          SagaEngine closing = engine;
          world.tell("", mine.name + " leaves");
          world.start(
              mine,
              false,
              () -> {
                closing.close();
                die(mine, world.between(50 * World.MILLI, 2 * World.SECOND));
              });
        }
      }
      default -> throw new IllegalStateException("not here: " + fault);
    }
  }

  private void die(Host mine, long until) {
    world.kill(mine);
    world.in(until, null, this::startAgain);
  }

  /** Transactions of one process: the connection may be lost before and after each commit. */
  private final class SimulatedTransactions implements Transactions {
    private final Host mine;
    private List<Runnable> committed = new ArrayList<>();
    private List<Runnable> rolledBack = new ArrayList<>();

    SimulatedTransactions(Host mine) {
      this.mine = mine;
    }

    @Override
    public <T> T inTransaction(Work<T> work) {
      world.await();
      world.sleep(world.between(100_000, 2 * World.MILLI));
      committed = new ArrayList<>(2);
      rolledBack = new ArrayList<>(2);
      List<Runnable> afterCommit = committed;
      List<Runnable> afterRollback = rolledBack;
      boolean done = false;
      try {
        T result = work.run(SimulatedDatabase.TRANSACTION);
        Optional<Fault> fault = world.fault(Point.COMMIT);
        if (fault.isPresent()) {
          suffer(fault.get());
        }
        database.commit();
        done = true;
        world.sleep(world.between(100_000, World.MILLI));
        world.await();
        return result;
      } finally {
        database.rollBack();
        (done ? afterCommit : afterRollback).forEach(Runnable::run);
      }
    }

    private void suffer(Fault fault) {
      switch (fault) {
        case COMMIT_FAILS -> {
          world.tell("", mine.name + " loses its connection before a commit");
          throw new LostConnection();
        }
        case COMMIT_UNKNOWN -> {
          database.commit();
          world.tell("", mine.name + " loses its connection after a commit");
          world.saw(Sight.COMMIT_UNKNOWN_BUT_DONE);
          throw new LostConnection();
        }
        case CLOCK_JUMPS -> database.moveClock();
        default -> throw new IllegalStateException("not here: " + fault);
      }
    }

    @Override
    public void afterCommit(Runnable then) {
      committed.add(then);
    }

    @Override
    public void afterRollback(Runnable then) {
      rolledBack.add(then);
    }
  }

  /** What a driver throws when the database goes away. */
  private static final class LostConnection extends RuntimeException {
    private static final long serialVersionUID = 1;

    LostConnection() {
      super("connection lost", null, false, false);
    }
  }
}
