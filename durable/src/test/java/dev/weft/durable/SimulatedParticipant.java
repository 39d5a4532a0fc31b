package dev.weft.durable;

import dev.weft.durable.Fault.Point;
import dev.weft.durable.World.Task;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A service that steps call: it keeps the production fence in a table of its own, may die before
 * and after its commit, and is reached by messages that may be lost, late or doubled.
 */
final class SimulatedParticipant {
  private final World world;
  private final String name;
  private final FenceTable fence;
  private long awayUntil;
  private int underWay;

  SimulatedParticipant(World world, String name, Mutation mutation) {
    this.world = world;
    this.name = name;
    fence = new SimulatedFence(world, mutation);
  }

  FenceTable fence() {
    return fence;
  }

  /** Whether messages to it are still under way. */
  boolean expectsMessages() {
    return underWay > 0;
  }

  /** Calls it from a runner's thread: the handler runs there as often as the request arrives. */
  StepOutcome call(StepContext context, Supplier<StepOutcome> handler) throws InterruptedException {
    world.await();
    Task caller = world.current();
    Call call = new Call(context, handler, caller, world.ticket());
    send(call);
    if (!world.park(call.ticket, caller.deadline - world.now())) {
      throw new InterruptedException();
    }
    world.await();
    // A connection that was refused.
    return call.reply == null
        ? new StepOutcome.Unknown("UNAVAILABLE", Duration.ZERO, true)
        : call.reply;
  }

  private void send(Call call) {
    long soon = world.between(200_000, 3 * World.MILLI);
    Optional<Fault> fault = world.fault(Point.REQUEST);
    if (fault.isEmpty()) {
      deliverIn(soon, call);
      return;
    }
    switch (fault.get()) {
      case REQUEST_LOST -> call.tell(() -> "is lost on its way");
      case REQUEST_LATE -> deliverIn(late(call, "is late"), call);
      case REQUEST_TWICE -> {
        deliverIn(soon, call);
        world.saw(Sight.DUPLICATE_DELIVERED);
        deliverIn(late(call, "comes twice"), call);
      }
      default -> throw new IllegalStateException("not here: " + fault);
    }
  }

  private long late(Call call, String how) {
    long late = world.between(World.MILLI, 40 * World.SECOND);
    call.tell(() -> "%s, in %.1f s".formatted(how, late / 1e9));
    return late;
  }

  private void deliverIn(long nanos, Call call) {
    underWay++;
    world.in(
        nanos,
        null,
        () -> {
          underWay--;
          handle(call);
        });
  }

  private void handle(Call call) {
    if (world.now() < awayUntil) {
      call.tell(() -> "finds " + name + " away");
      // A connection that is refused, or one that nobody ever answers.
      if (world.dice.nextBoolean()) {
        reply(call, null);
      }
      return;
    }
    Optional<Fault> fault = world.fault(Point.HANDLING);
    if (fault.isPresent() && fault.get() != Fault.PARTICIPANT_DIES_AFTER_COMMIT) {
      boolean long_ = fault.get() == Fault.PARTICIPANT_AWAY && world.dice.nextInt(4) == 0;
      goAway(long_ ? 160 * World.SECOND : 8 * World.SECOND);
      call.tell(() -> "makes " + name + " die before its commit");
      return;
    }
    StepOutcome outcome = call.handler.get();
    call.tell(() -> "makes " + name + " answer " + outcome);
    if (outcome instanceof StepOutcome.Refused) {
      world.saw(Sight.REFUSED_BY_PARTICIPANT);
    }
    if (fault.isPresent()) {
      goAway(8 * World.SECOND);
      call.tell(() -> "makes " + name + " die after its commit");
      return;
    }
    reply(call, outcome);
  }

  private void goAway(long atMost) {
    awayUntil = world.now() + world.between(50 * World.MILLI, atMost);
  }

  private void reply(Call call, @Nullable StepOutcome outcome) {
    Optional<Fault> fault = world.fault(Point.REPLY);
    if (fault.isPresent() && fault.get() == Fault.REPLY_LOST) {
      call.tell(() -> "has its reply lost");
      return;
    }
    long delay =
        fault.isPresent()
            ? late(call, "has its reply late")
            : world.between(200_000, 3 * World.MILLI);
    world.in(
        delay,
        call.caller.process,
        () -> {
          call.reply = outcome;
          world.wake(call.caller, call.ticket);
        });
  }

  /** One request, however often it arrives. */
  private final class Call {
    final StepContext context;
    final Supplier<StepOutcome> handler;
    final Task caller;
    final long ticket;
    @Nullable StepOutcome reply;

    Call(StepContext context, Supplier<StepOutcome> handler, Task caller, long ticket) {
      this.context = context;
      this.handler = handler;
      this.caller = caller;
      this.ticket = ticket;
    }

    void tell(Supplier<String> what) {
      if (world.tells()) {
        String command = context.commandId().substring(context.commandId().indexOf(':') + 1);
        world.tell(context.subject(), command + " " + what.get());
      }
    }
  }

  /** The table of fences in memory; the participant handles one command at a time. */
  private static final class SimulatedFence implements FenceTable {
    private final World world;
    private final Mutation mutation;
    private final Map<CommandId, FenceMemory> rows = new HashMap<>();

    SimulatedFence(World world, Mutation mutation) {
      this.world = world;
      this.mutation = mutation;
    }

    @Override
    public boolean insert(CommandId step, FenceMemory memory) {
      if (memory.state() == FenceMemory.State.CANCELLED) {
        if (rows.containsKey(step)) {
          return false;
        }
        if (mutation != Mutation.NO_TOMBSTONE) {
          rows.put(step, memory);
        }
        world.saw(Sight.TOMBSTONE_LEFT);
        return true;
      }
      if (mutation == Mutation.NO_COMMAND_ID) {
        rows.put(step, memory);
        return true;
      }
      return rows.putIfAbsent(step, memory) == null;
    }

    @Override
    public Optional<FenceMemory> lock(CommandId step) {
      return Optional.ofNullable(rows.get(step));
    }

    @Override
    public void update(CommandId step, FenceMemory memory) {
      rows.put(step, memory);
    }
  }
}
