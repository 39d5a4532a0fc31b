package dev.weft.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Calls at a rate, whether others have been answered or not, each on a virtual thread of its own. A
 * call counts from the moment it was due, so that one that had to wait for its turn counts as slow.
 */
final class SteadyCalls {
  private static final double NANOS_PER_MILLI = 1e6;

  private SteadyCalls() {}

  /**
   * What became of a call.
   *
   * @param dueNanos when it was due, by {@link System#nanoTime}
   * @param millis from then until it ended
   * @param failure why it was not answered; empty if it was
   */
  record Answer(long dueNanos, double millis, String failure) {
    boolean good() {
      return failure.isEmpty();
    }
  }

  /**
   * Makes so many calls a second for so long, and returns when all have ended, in the order in
   * which they were due.
   *
   * @param call throws if it fails; must end by itself
   */
  static List<Answer> make(Runnable call, int perSecond, Duration length)
      throws InterruptedException {
    int calls = Math.toIntExact(length.toMillis() * perSecond / 1_000);
    ConcurrentLinkedQueue<Answer> answers = new ConcurrentLinkedQueue<>();
    CountDownLatch over = new CountDownLatch(calls);
    long begin = System.nanoTime();
    for (int i = 0; i < calls; i++) {
      long due = begin + i * TimeUnit.SECONDS.toNanos(1) / perSecond;
      long early = due - System.nanoTime();
      if (early > 0) {
        Thread.sleep(Duration.ofNanos(early));
      }
      Thread.startVirtualThread(
          () -> {
            try {
              String failure = failure(call);
              answers.add(new Answer(due, (System.nanoTime() - due) / NANOS_PER_MILLI, failure));
            } finally {
              over.countDown();
            }
          });
    }
    over.await();
    List<Answer> all = new ArrayList<>(answers);
    all.sort(Comparator.comparingLong(Answer::dueNanos));
    return List.copyOf(all);
  }

  private static String failure(Runnable call) {
    try {
      call.run();
      return "";
    } catch (RuntimeException e) {
      // Whoever asked counts it.
      return String.valueOf(e.getMessage());
    }
  }

  /** Of those that were answered; not a number if none was. */
  static double percentile(List<Answer> answers, double percent) {
    double[] millis =
        answers.stream().filter(Answer::good).mapToDouble(Answer::millis).sorted().toArray();
    return millis.length == 0
        ? Double.NaN
        : millis[(int) Math.min(millis.length - 1, millis.length * percent / 100)];
  }

  /** How many were not answered. */
  static long failed(List<Answer> answers) {
    return answers.stream().filter(answer -> !answer.good()).count();
  }

  /** What the failures said, and how often each. */
  static String failures(List<Answer> answers) {
    Map<String, Long> said =
        answers.stream()
            .filter(answer -> !answer.good())
            .collect(Collectors.groupingBy(Answer::failure, TreeMap::new, Collectors.counting()));
    return said.isEmpty() ? "none" : said.toString();
  }
}
