package dev.weft.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Looks at processes that run and says of each whether it can be used. */
final class ReadinessWatch {
  private final Supplier<List<Child>> children;
  private final Predicate<String> answers;
  private final Predicate<String> stillAnswers;

  /**
   * @param answers whether one that starts is ready, by its name
   * @param stillAnswers the same of one that was ready before; quick, also about one that hangs
   */
  ReadinessWatch(
      Supplier<List<Child>> children, Predicate<String> answers, Predicate<String> stillAnswers) {
    this.children = children;
    this.answers = answers;
    this.stillAnswers = stillAnswers;
  }

  /** One look at those that start. */
  void lookAtStarting() throws InterruptedException {
    look(Child.State.STARTING);
  }

  /** One look at those that were ready, too. */
  void lookAtAll() throws InterruptedException {
    look(Child.State.STARTING, Child.State.READY, Child.State.UNREADY);
  }

  /** At all of them at once, because one that hangs takes time. */
  private void look(Child.State... states) throws InterruptedException {
    List<Thread> looks = new ArrayList<>();
    for (Child child : children.get()) {
      if (List.of(states).contains(child.state())) {
        looks.add(Thread.ofVirtual().name("look").start(() -> look(child)));
      }
    }
    for (Thread look : looks) {
      look.join();
    }
  }

  private void look(Child child) {
    boolean starting = child.state() == Child.State.STARTING;
    if ((starting ? answers : stillAnswers).test(child.name())) {
      child.ready();
    } else if (!starting) {
      child.missed();
    }
  }
}
