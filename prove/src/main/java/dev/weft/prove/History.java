package dev.weft.prove;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * All that clients did and learned: every operation as a line of JSON, what is known of each order,
 * and what was seen that must never be. Thread-safe.
 */
final class History implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final int HTTP_UNAVAILABLE = 503;

  /** Whose answers must be the same whenever the same is asked, and what is broken otherwise. */
  private static final Map<Op.Kind, String> SAME =
      Map.of(
          Op.Kind.CREATE, "I1",
          Op.Kind.REPEAT, "I1",
          Op.Kind.REPEAT_REORDERED, "I9",
          Op.Kind.REPEAT_AT_END, "I7",
          Op.Kind.RACE, "I3",
          Op.Kind.CANCEL, "I1",
          Op.Kind.REFUND, "I1");

  private final long began = System.nanoTime();
  private final Instant beganAt = Instant.now();
  private long changed = began;
  private Duration quietAfter = Duration.ZERO;
  private final BufferedWriter file;
  private final List<Op> ops = new ArrayList<>();
  private final Map<String, Placed> placed = new LinkedHashMap<>(); // by order id
  private final List<Violation> seen = new ArrayList<>();
  private final Map<String, Long> counts = new TreeMap<>();
  private final Map<String, Refund> refunds = new LinkedHashMap<>(); // by key
  private final Map<String, Answer> answers =
      new HashMap<>(); // the first good one, by what it is of
  private final Set<String> sentAgain = new LinkedHashSet<>();
  private final List<Contest> contests = new ArrayList<>();
  private final List<Leaving> leavings = new ArrayList<>();
  private final Set<String> planted = new LinkedHashSet<>();
  private final Set<String> strays = new LinkedHashSet<>();

  /** Money that an admin gave back, and was told so. */
  record Refund(String order, String key, long minor) {}

  /** So many wanted one each of a product of which there were so many. */
  record Contest(String product, int stock, int buyers) {}

  /**
   * Somebody deleted their account.
   *
   * @param kept orders that were CONFIRMED by then
   * @param pending orders whose money nobody could take before order-svc knew of it
   */
  record Leaving(String user, List<String> kept, List<String> pending) {}

  /**
   * An order that a client was given a number for.
   *
   * @param totalMinor what its lines cost by the prices the client knew
   * @param cell the crash that it was to live through; empty if none
   */
  record Placed(
      String order, Shopper owner, String key, String body, long totalMinor, String cell) {}

  History(Path path) {
    try {
      file = Files.newBufferedWriter(path);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  long micros() {
    return (System.nanoTime() - began) / 1_000;
  }

  /** When something happened, by the clock of this machine. */
  long micros(Instant then) {
    return ChronoUnit.MICROS.between(beganAt, then);
  }

  synchronized void add(
      String client,
      Op.Kind kind,
      String key,
      String order,
      long startMicros,
      Answer answer,
      String note) {
    Op.Result result =
        answer.ok() ? Op.Result.OK : answer.definite() ? Op.Result.FAIL : Op.Result.UNKNOWN;
    Op op =
        new Op(
            ops.size(),
            client,
            kind,
            key,
            order,
            startMicros,
            micros(),
            result,
            answer.status(),
            note);
    ops.add(op);
    String broken = SAME.get(kind);
    if (broken != null && answer.ok()) {
      // A key is its user's own: the order tells one from another.
      String of =
          kind == Op.Kind.CANCEL || kind == Op.Kind.REFUND ? kind + " " + order + key : order;
      Answer first = answers.putIfAbsent(of, answer);
      if (first != null && !first.equals(answer)) {
        violated(broken, "key " + key + " was answered " + first + ", then " + answer);
      }
    }
    if (answer.shed()) {
      count("a request was shed");
    }
    try {
      file.write(JSON.writeValueAsString(op));
      file.newLine();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  synchronized void placed(Placed order) {
    Placed before = placed.putIfAbsent(order.order(), order);
    if (before == null) {
      changed = System.nanoTime();
    }
    if (before != null && !before.key().equals(order.key())) {
      violated("I4", "two keys gave order " + order.order());
    }
  }

  synchronized List<Placed> placed() {
    return List.copyOf(placed.values());
  }

  /** Orders of those who still have their accounts. */
  synchronized List<Placed> standing() {
    Set<String> gone = leavings.stream().map(Leaving::user).collect(Collectors.toSet());
    return placed.values().stream().filter(one -> !gone.contains(one.owner().id())).toList();
  }

  synchronized Optional<Placed> placed(String order) {
    @Nullable Placed found = placed.get(order);
    return Optional.ofNullable(found);
  }

  /** A fault ended. */
  synchronized void healed() {
    changed = System.nanoTime();
  }

  /** How long ago the last fault ended, or the last order was placed if that was later. */
  synchronized Duration sinceChanged() {
    return Duration.ofNanos(System.nanoTime() - changed);
  }

  /** Every order had ended this long after the last fault did, and the last one was placed. */
  synchronized void quietAfter(Duration wait) {
    quietAfter = wait;
  }

  synchronized Duration quietAfter() {
    return quietAfter;
  }

  /** An admin was told that this was given back. */
  synchronized void refunded(Refund refund) {
    refunds.put(refund.key(), refund);
  }

  synchronized List<Refund> refunds() {
    return List.copyOf(refunds.values());
  }

  /** Orders whose money an admin gave back, all of it. */
  synchronized List<String> givenBack() {
    Map<String, Long> sums = new LinkedHashMap<>();
    refunds.values().forEach(refund -> sums.merge(refund.order(), refund.minor(), Long::sum));
    return placed.values().stream()
        .filter(order -> sums.getOrDefault(order.order(), 0L) == order.totalMinor())
        .map(Placed::order)
        .toList();
  }

  /** What was asked of a service for this order was asked once more when all was over. */
  synchronized void sentAgain(String order) {
    sentAgain.add(order);
  }

  synchronized Set<String> sentAgain() {
    return Set.copyOf(sentAgain);
  }

  synchronized void contest(Contest contest) {
    contests.add(contest);
  }

  synchronized List<Contest> contests() {
    return List.copyOf(contests);
  }

  /** Events were made up of something that there is not. */
  synchronized void planted(String aggregate) {
    planted.add(aggregate);
  }

  synchronized Set<String> planted() {
    return Set.copyOf(planted);
  }

  /** A consumer was brought what no service said, by this id. */
  synchronized void stray(String event) {
    strays.add(event);
  }

  synchronized Set<String> strays() {
    return Set.copyOf(strays);
  }

  synchronized void left(Leaving leaving) {
    leavings.add(leaving);
  }

  synchronized List<Leaving> leavings() {
    return List.copyOf(leavings);
  }

  /** All requests of these kinds with a key, together for each client and key, in order of time. */
  synchronized List<List<Op>> byKey(Set<Op.Kind> kinds) {
    Map<String, List<Op>> byKey = new LinkedHashMap<>();
    for (Op op : ops) {
      if (kinds.contains(op.kind())) {
        byKey.computeIfAbsent(op.client() + " " + op.key(), _ -> new ArrayList<>()).add(op);
      }
    }
    return List.copyOf(byKey.values());
  }

  /** Something that must never be seen was seen. */
  synchronized void violated(String invariant, String what) {
    seen.add(new Violation(invariant, what));
  }

  synchronized List<Violation> violations() {
    return List.copyOf(seen);
  }

  /** Something was seen that the proof is nothing worth without. */
  void count(String what) {
    count(what, 1);
  }

  synchronized void count(String what, long times) {
    if (times > 0) {
      counts.merge(what, times, Long::sum);
    }
  }

  /** How many requests for an order were told that the shop cannot take it now. */
  synchronized long unavailable() {
    return ops.stream()
        .filter(op -> op.kind() == Op.Kind.CREATE && op.status() == HTTP_UNAVAILABLE)
        .count();
  }

  synchronized Map<String, Long> counts() {
    return new TreeMap<>(counts);
  }

  /** The story of one order: what was asked about it, in order of time. */
  synchronized List<Op> about(String order) {
    return ops.stream().filter(op -> op.order().equals(order)).toList();
  }

  synchronized int size() {
    return ops.size();
  }

  /** How many operations of a kind had a definite answer. */
  synchronized long count(Op.Kind kind) {
    return ops.stream().filter(op -> op.kind() == kind && op.result() != Op.Result.UNKNOWN).count();
  }

  /** Counted by what was known of them. */
  synchronized Map<Op.Result, Long> results() {
    Map<Op.Result, Long> results = new TreeMap<>();
    ops.forEach(op -> results.merge(op.result(), 1L, Long::sum));
    return results;
  }

  @Override
  public synchronized void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
