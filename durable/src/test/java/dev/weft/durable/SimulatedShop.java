package dev.weft.durable;

import dev.weft.durable.Fence.Answer;
import dev.weft.durable.Fence.Attempt;
import dev.weft.durable.Fence.Undoing;
import dev.weft.durable.Saga.Direction;
import dev.weft.durable.Saga.State;
import dev.weft.durable.Saga.StepState;
import dev.weft.durable.SagaRun.StepRecord;
import dev.weft.durable.SimulatedDatabase.Order;
import dev.weft.durable.SimulatedDatabase.SagaEntry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jdbi.v3.core.Handle;

/**
 * A shop in one schedule: some orders of one product, each brought to its end by a saga like that
 * of the real shop, with several runners and three participants; and the judge of what came of it.
 */
final class SimulatedShop {
  private static final byte[] NOTHING = {};
  private static final long QUIET = 20 * 60 * World.SECOND;

  private final World world;
  private final SimulatedDatabase database;
  private final List<SimulatedRunner> runners = new ArrayList<>();
  private final SimulatedParticipant users;
  private final SimulatedParticipant inventory;
  private final SimulatedParticipant payment;
  private final SagaDefinition definition;
  private final Map<String, Purchase> purchases = new TreeMap<>();
  private final int stock;
  private int available;
  private int reserved;
  private int sold;
  private long held;
  private long captured;

  /** What an order is about, what was done for it, and how it ended. */
  private static final class Purchase {
    final int quantity;
    final boolean userBlocked;
    final boolean cardDeclines;
    final boolean captureDeclines;
    final Map<String, Integer> effects = new TreeMap<>();
    final List<String> undone = new ArrayList<>();

    Purchase(World world) {
      quantity = (int) world.between(1, 3);
      userBlocked = world.dice.nextInt(20) == 0;
      cardDeclines = world.dice.nextInt(8) == 0;
      captureDeclines = world.dice.nextInt(6) == 0;
    }

    int count(String effect) {
      return effects.getOrDefault(effect, 0);
    }

    boolean inForce(String step) {
      return count(step) > count("undo " + step);
    }
  }

  SimulatedShop(World world, Mutation mutation, int orders) {
    this.world = world;
    database = new SimulatedDatabase(world);
    users = new SimulatedParticipant(world, "users", mutation);
    inventory = new SimulatedParticipant(world, "inventory", mutation);
    payment = new SimulatedParticipant(world, "payment", mutation);
    stock = (int) world.between(2, 6);
    available = stock;
    definition = definition(Duration.ofSeconds(List.of(3, 12, 300).get(world.dice.nextInt(3))));
    // Room for one saga, or for all.
    int room = (int) world.between(1, 4);
    for (long i = world.between(2, 3); i > 0; i--) {
      runners.add(new SimulatedRunner(world, database, "runner-" + i, room, mutation));
    }
    for (int i = 1; i <= orders; i++) {
      String order = "order-" + i;
      purchases.put(order, new Purchase(world));
      world.in(world.between(0, 3 * World.SECOND), null, () -> place(order));
      if (world.dice.nextInt(4) == 0) {
        world.in(world.between(0, 8 * World.SECOND), null, () -> callOff(order));
      }
    }
  }

  /** Runs the schedule to its end and judges it. */
  void run() {
    boolean ended = world.run(this::quiet, QUIET);
    if (world.violation().isPresent()) {
      return;
    }
    if (!ended) {
      world.violated(firstUnended(), "has not ended long after everything was well again");
      return;
    }
    purchases.forEach(this::judge);
    judgeBooks();
  }

  /** Asks one of the runners, and again until it is known that the order is there. */
  private void place(String order) {
    if (database.order(order) == null) {
      runners.get(world.dice.nextInt(runners.size())).begin(definition, order);
      world.in(world.between(300 * World.MILLI, 2 * World.SECOND), null, () -> place(order));
    }
  }

  private void callOff(String order) {
    Order now = database.order(order);
    if (now != null && now.state().equals("PENDING")) {
      world.tell(order, "is called off by its customer");
      database.put(order, new Order("PENDING", true));
      database.commit();
    }
  }

  private boolean quiet() {
    if (inventory.expectsMessages() || payment.expectsMessages() || users.expectsMessages()) {
      return false;
    }
    for (SimulatedRunner runner : runners) {
      if (runner.busy()) {
        return false;
      }
    }
    int ended = 0;
    for (SagaEntry saga : database.sagas()) {
      ended += saga.state().ended() ? 1 : 0;
    }
    return ended == purchases.size();
  }

  private String firstUnended() {
    for (SagaEntry saga : database.sagas()) {
      if (!saga.state().ended()) {
        return saga.subject();
      }
    }
    return "";
  }

  // The saga.

  private SagaDefinition definition(Duration softLimit) {
    return new SagaDefinition(
        "order",
        1,
        List.of(
            SagaStep.check("check-user", context -> call(users, context, this::checkUser))
                .calling("users"),
            SagaStep.compensable(
                    "reserve",
                    context -> call(inventory, context, this::reserve),
                    context -> call(inventory, context, this::release))
                .calling("inventory")
                .within(Duration.ofSeconds(3)),
            SagaStep.compensable(
                    "authorize",
                    context -> call(payment, context, this::authorize),
                    context -> call(payment, context, this::voidPayment))
                .calling("payment")
                .within(Duration.ofSeconds(9)),
            SagaStep.pivot("capture", context -> call(payment, context, this::capture))
                .guardedBy(this::calledOff)
                .calling("payment")
                .within(Duration.ofSeconds(9)),
            SagaStep.retriable("confirm", context -> call(inventory, context, this::confirm))
                .calling("inventory")
                .within(Duration.ofSeconds(3))),
        softLimit,
        new Ending());
  }

  private interface Handler {
    StepOutcome handle(StepContext context, Purchase purchase);
  }

  private StepOutcome call(SimulatedParticipant who, StepContext context, Handler handler)
      throws InterruptedException {
    Purchase purchase = purchase(context.subject());
    return who.call(context, () -> handler.handle(context, purchase));
  }

  private Optional<String> calledOff(Handle tx, StepContext context) {
    Order order = order(context);
    if (order.calledOff()) {
      world.saw(Sight.REFUSED_BY_GUARD);
      return Optional.of("REQUESTED");
    }
    database.put(context.subject(), new Order("CAPTURING", false));
    return Optional.empty();
  }

  private final class Ending implements SagaDefinition.Ending {
    @Override
    public void completed(Handle tx, StepContext last) {
      end(last, "CONFIRMED", Sight.COMPLETED);
    }

    @Override
    public void compensated(Handle tx, StepContext last, String reason) {
      if (reason.equals(SagaDefinition.TIMED_OUT)) {
        world.saw(Sight.TURNED_BACK_AT_THE_SOFT_LIMIT);
      }
      end(last, "CANCELLED", Sight.COMPENSATED);
    }

    private void end(StepContext last, String state, Sight sight) {
      String before = order(last).state();
      if (before.equals("CONFIRMED") || before.equals("CANCELLED")) {
        world.violated(last.subject(), "is " + before + " and then " + state + " (O1)");
      }
      world.saw(sight);
      database.put(last.subject(), new Order(state, order(last).calledOff()));
    }
  }

  // What the participants do, each in one transaction.

  private StepOutcome checkUser(StepContext context, Purchase purchase) {
    return purchase.userBlocked ? new StepOutcome.Refused("USER_BLOCKED") : StepOutcome.done();
  }

  private StepOutcome reserve(StepContext context, Purchase purchase) {
    return attempt(
        inventory,
        context,
        purchase,
        () -> {
          if (available < purchase.quantity) {
            return false;
          }
          available -= purchase.quantity;
          reserved += purchase.quantity;
          return true;
        });
  }

  private StepOutcome release(StepContext context, Purchase purchase) {
    return undo(
        inventory,
        context,
        purchase,
        () -> {
          reserved -= purchase.quantity;
          available += purchase.quantity;
        });
  }

  private StepOutcome authorize(StepContext context, Purchase purchase) {
    return attempt(
        payment,
        context,
        purchase,
        () -> {
          if (purchase.cardDeclines) {
            return false;
          }
          held += purchase.quantity;
          return true;
        });
  }

  private StepOutcome voidPayment(StepContext context, Purchase purchase) {
    return undo(payment, context, purchase, () -> held -= purchase.quantity);
  }

  private StepOutcome capture(StepContext context, Purchase purchase) {
    return attempt(
        payment,
        context,
        purchase,
        () -> {
          if (purchase.captureDeclines) {
            world.saw(Sight.REFUSED_PIVOT);
            return false;
          }
          held -= purchase.quantity;
          captured += purchase.quantity;
          return true;
        });
  }

  private StepOutcome confirm(StepContext context, Purchase purchase) {
    return attempt(
        inventory,
        context,
        purchase,
        () -> {
          reserved -= purchase.quantity;
          sold += purchase.quantity;
          return true;
        });
  }

  private StepOutcome attempt(
      SimulatedParticipant who, StepContext context, Purchase purchase, Supplier<Boolean> effect) {
    CommandId command = CommandId.parse(context.commandId());
    Attempt attempt =
        Fence.attempt(
            who.fence(),
            command,
            NOTHING,
            () -> {
              if (!effect.get()) {
                return new Answer.Refused(NOTHING);
              }
              if (purchase.effects.merge(command.step(), 1, Integer::sum) > 1) {
                world.violated(context.subject(), command.step() + " took effect twice (O9)");
              }
              checkBooks(context.subject());
              return new Answer.Done(NOTHING);
            });
    return switch (attempt) {
      case Attempt.Answered(Answer answer, boolean repeated) -> {
        if (repeated) {
          world.saw(Sight.ANSWER_REPEATED);
        }
        yield answer instanceof Answer.Done
            ? StepOutcome.done()
            : new StepOutcome.Refused(command.step());
      }
      case Attempt.Cancelled() -> {
        world.saw(Sight.LATE_ATTEMPT_REFUSED);
        yield new StepOutcome.Refused("CANCELLED");
      }
      case Attempt.Reused() -> throw new IllegalStateException("one content per command");
    };
  }

  private StepOutcome undo(
      SimulatedParticipant who, StepContext context, Purchase purchase, Runnable undoing) {
    CommandId command = CommandId.parse(context.commandId());
    Undoing what =
        Fence.undo(
            who.fence(),
            command,
            _ -> {
              undoing.run();
              undone(context, purchase, command);
              checkBooks(context.subject());
            });
    return new StepOutcome.Done(what.name());
  }

  private void undone(StepContext context, Purchase purchase, CommandId command) {
    String step = command.step();
    if (purchase.effects.merge("undo " + step, 1, Integer::sum) > 1) {
      world.violated(context.subject(), step + " was undone twice (O9)");
    }
    if (purchase.count("capture") > 0) {
      world.violated(context.subject(), step + " was undone after the capture (R1)");
    }
    purchase.undone.add(step);
    if (context.result(step).isEmpty()) {
      world.saw(Sight.UNDONE_AFTER_UNKNOWN_OUTCOME);
    } else if (step.equals("authorize")) {
      world.saw(Sight.UNDONE_AFTER_AUTHORIZATION);
    }
  }

  // The judge.

  private void checkBooks(String subject) {
    if (available + reserved + sold != stock || available < 0 || reserved < 0) {
      world.violated(
          subject,
          "leaves %d available, %d reserved and %d sold of %d (K1, K2)"
              .formatted(available, reserved, sold, stock));
    }
    if (held < 0) {
      world.violated(subject, "leaves " + held + " of the customers' money held (M6)");
    }
  }

  private void judge(String id, Purchase purchase) {
    SagaEntry saga = sagaOf(id);
    boolean completed = saga.state() == State.COMPLETED;
    String state = Objects.requireNonNull(database.order(id)).state();
    if (!state.equals(completed ? "CONFIRMED" : "CANCELLED")) {
      world.violated(id, "is " + state + " and its saga " + saga.state() + " (O6)");
    }
    for (String step : List.of("reserve", "authorize", "capture", "confirm")) {
      if (purchase.inForce(step) != completed) {
        world.violated(
            id,
            "is %s, and %s took effect %d times and was undone %d times (O9, M1, K4)"
                .formatted(state, step, purchase.count(step), purchase.count("undo " + step)));
      }
    }
    if (completed && Objects.requireNonNull(database.order(id)).calledOff()) {
      world.violated(id, "is CONFIRMED although it was called off in time (O7)");
    }
    judgeRecords(id, purchase, saga, completed);
  }

  /** O8, and that what operators see is what was. */
  private void judgeRecords(String id, Purchase purchase, SagaEntry saga, boolean completed) {
    List<StepRecord> records = database.steps(saga.id());
    int last = Integer.MAX_VALUE;
    int done = 0;
    boolean stalled = database.hasStalled(saga.id());
    for (StepRecord record : records) {
      if (record.direction() == Direction.FORWARD) {
        done += record.state() == StepState.DONE ? 1 : 0;
        if (record.name().equals("capture")
            && record.state() == StepState.DONE
            && record.attempts() > 1) {
          world.saw(Sight.PIVOT_UNKNOWN_THEN_DONE);
        }
        continue;
      }
      if (record.position() > last && !stalled) {
        world.violated(id, "was not undone in reverse: " + records + " (O8)");
      }
      if (record.attempts() > SagaRun.STALLED_AFTER) {
        world.saw(Sight.STALLED);
      }
      if (record.position() > saga.reached()) {
        world.violated(id, "had a step undone that never began: " + record + " (O8)");
      }
      last = record.position();
    }
    if (!stalled && purchase.undone.equals(List.of("reserve", "authorize"))) {
      world.violated(id, "was not undone in reverse: " + purchase.undone + " (O8)");
    }
    if (completed && done < definition.steps().size()) {
      world.violated(id, "is complete with " + done + " steps done: " + records);
    }
  }

  private void judgeBooks() {
    int wanted = 0;
    for (Map.Entry<String, Purchase> one : purchases.entrySet()) {
      if (sagaOf(one.getKey()).state() == State.COMPLETED) {
        wanted += one.getValue().quantity;
      }
    }
    if (reserved != 0 || sold != wanted) {
      world.violated(
          "", "%d left reserved, %d sold of %d (K3, K4)".formatted(reserved, sold, wanted));
    }
    if (held != 0 || captured != wanted) {
      world.violated(
          "", "%d left held, %d captured of %d (M2, M8)".formatted(held, captured, wanted));
    }
  }

  private SagaEntry sagaOf(String order) {
    for (SagaEntry saga : database.sagas()) {
      if (saga.subject().equals(order)) {
        return saga;
      }
    }
    throw new IllegalStateException(order + " has no saga");
  }

  private Order order(StepContext context) {
    return Objects.requireNonNull(database.order(context.subject()));
  }

  private Purchase purchase(String order) {
    return Objects.requireNonNull(purchases.get(order));
  }
}
