package dev.weft.durable;

import dev.weft.durable.World.Host;
import dev.weft.durable.World.Task;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.random.RandomGenerator;

/** The threads of a simulated process. Wherever they wait, the process may die or be paused. */
final class SimulatedThreads implements Threads {
  private final World world;
  private final Host process;

  SimulatedThreads(World world, Host process) {
    this.world = world;
    this.process = process;
  }

  @Override
  public long nanoTime() {
    return world.now();
  }

  @Override
  public RandomGenerator random() {
    return world.dice;
  }

  @Override
  public void start(String name, Runnable task) {
    boolean endless = name.equals("saga-poll") || name.equals("saga-lease");
    world.start(process, endless, task);
  }

  @Override
  public <T> T within(Duration timeout, String name, Callable<T> task)
      throws ExecutionException, TimeoutException {
    Task thread = world.current();
    thread.deadline = world.now() + timeout.toNanos();
    try {
      return task.call();
    } catch (InterruptedException e) {
      throw new TimeoutException();
    } catch (Exception e) {
      throw new ExecutionException(e);
    } finally {
      thread.deadline = Long.MAX_VALUE;
    }
  }

  @Override
  public Signal signal() {
    return new SimulatedSignal();
  }

  private final class SimulatedSignal implements Signal {
    private final List<Waiting> waiting = new ArrayList<>(1);
    private boolean given;

    @Override
    public void give() {
      given = true;
      waiting.forEach(one -> world.wake(one.task, one.ticket));
      waiting.clear();
    }

    @Override
    public boolean given() {
      return given;
    }

    @Override
    public boolean awaitNanos(long atMost) {
      world.await();
      if (given) {
        return true;
      }
      long ticket = world.ticket();
      waiting.add(new Waiting(world.current(), ticket));
      return world.park(ticket, atMost) || given;
    }
  }

  private record Waiting(Task task, long ticket) {}
}
