package dev.weft.prove;

import static java.util.Objects.requireNonNull;

import dev.weft.durable.RabbitNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The entry point behind {@code ./weft prove}. */
@Command(
    name = "./weft prove",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description =
        "Starts a system of its own, shops in it, breaks it, heals it, and judges every promise.",
    footer = {
      "",
      "Exit codes: 0 every promise held, 1 one did not, 2 usage, 3 the run did not show enough"
          + " to say so, 4 the proof could not be carried out."
    })
final class Prove implements Callable<Integer> {
  private static final int SHOPPERS = 6;
  private static final Duration QUIET = Duration.ofSeconds(60);
  private static final String ALL = ".*";
  private static final String TOMBSTONE = "a step came after it was undone (tombstone)";

  private static final String TWICE = "an event came again and had no second effect (inbox)";

  /** By the state that a circuit came to. */
  private static final Map<String, String> CIRCUITS =
      Map.of(
          "open", "a circuit opened",
          "half_open", "a circuit let probes through",
          "closed", "a circuit closed again");

  @Option(names = "--grid", description = "Every crash point of every step, one after the other.")
  private boolean grid;

  @Option(names = "--faults", description = "Everything else that breaks, under load.")
  private boolean faults;

  @Option(
      names = "--soak",
      paramLabel = "DURATION",
      converter = Durations.class,
      description = "Random faults under load for so long, such as 90s, 10m or 1h.")
  private @Nullable Duration soak;

  @Option(
      names = "--cells",
      paramLabel = "REGEX",
      defaultValue = ALL,
      description = "Only crash points with such a name, as STEP/POINT.")
  private String cells = ALL;

  @Option(
      names = "--only",
      paramLabel = "REGEX",
      defaultValue = ALL,
      description = "Only faults with such a name.")
  private String only = ALL;

  @Option(
      names = "--broker",
      description = "Events go by a RabbitMQ; with --faults or --soak it breaks, too.")
  private boolean withBroker;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      defaultValue = "3",
      description = "How often each crash point is tried, each time otherwise (default: 3).")
  private int seeds = 3;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Makes the same requests and faults again (default: random, and printed).")
  private @Nullable Long seed;

  @Spec private @Nullable CommandSpec spec;

  public static void main(String[] args) {
    System.exit(
        new CommandLine(new Prove())
            .setExecutionExceptionHandler(
                (e, command, parsed) -> {
                  command.getErr().println("weft prove: " + e.getMessage());
                  return 4;
                })
            .execute(args));
  }

  @Override
  public Integer call() {
    boolean breaks = faults || soak != null;
    boolean crashes = grid || !breaks;
    Optional<String> noBroker = noBroker();
    Cell.Grid all = Cell.grid(noBroker);
    List<Cell> chosen = crashes ? chosen(all) : List.of();
    Predicate<String> named = pattern("--only", only);
    long root = seed == null ? ThreadLocalRandom.current().nextInt(1_000_000) : seed;
    String run = System.getenv("WEFT_RUN");
    String home = System.getenv("WEFT_ROOT");
    if (run == null || home == null) {
      throw new ProofException("start this through ./weft");
    }
    Report report = new Report(System.out, all);
    report.say("seed " + root + " (the same again: --seed " + root + ")");
    Path folder = Path.of(home, ".weft", "proof");
    Shop.clear(folder, Path.of(run));
    DiskFaults disks = breaks ? DiskFaults.in(folder) : new DiskFaults();
    try (Lines lines = new Lines();
        @Nullable Broker broker =
            noBroker.isEmpty() ? Broker.in(folder.resolve("broker"), lines.callers()::of) : null;
        Shop shop =
            Shop.open(
                folder,
                Path.of(run),
                broker == null ? "" : broker.url(),
                breaks ? Optional.of(lines) : Optional.empty());
        History history = new History(folder.resolve("history.jsonl"));
        Meters meters = new Meters(shop)) {
      report.say("a system of its own is up; the history: " + folder.resolve("history.jsonl"));
      Shopper admin = Shopper.admin(shop);
      List<Goods> goods = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        goods.add(Goods.create(admin, "Proof " + i, 499 + 350L * i, 1_000_000));
      }
      goods.add(Goods.create(admin, "The scarce one", 9_900, 12));
      // Nobody else wants it, so that no order of it waits for another.
      Goods forSale = Goods.create(admin, "The one to ask with", 1_000, 1_000_000);
      List<Shopper> shoppers = new ArrayList<>();
      for (int i = 0; i < SHOPPERS; i++) {
        shoppers.add(Shopper.registered(shop));
      }
      List<Crash.Outcome> outcomes = List.of();
      List<Fault.Outcome> inflicted = List.of();
      Aftermath aftermath = new Aftermath(shop, history, shoppers, admin, root);
      List<Goods> judged = new ArrayList<>(goods);
      judged.add(forSale);
      List<Sighting> tapped;
      try (Tap tap = new Tap(shop);
          Witness _ = new Witness(shop, history, root);
          Browser _ = new Browser(history, root)) {
        if (crashes) {
          report.grid(chosen, seeds);
          Crash crash =
              new Crash(
                  shop, history, shoppers.getFirst(), admin, goods.subList(0, goods.size() - 1));
          outcomes = crashes(crash, chosen, root, report);
        }
        if (breaks) {
          disks.omitted().forEach(report::omitted);
          noBroker.ifPresent(why -> BrokerFaults.omitted(why).forEach(report::omitted));
          List<Fault> wanted = new ArrayList<>();
          wanted.addAll(new ProcessFaults(shop, history, meters).all());
          wanted.addAll(new NetworkFaults(lines, new Databases(shop)).all());
          wanted.addAll(new EventFaults(shop, history, lines, goods.getFirst(), root).all());
          wanted.addAll(disks.all(shop, history));
          if (broker != null) {
            wanted.addAll(
                new BrokerFaults(shop, history, meters, broker, admin, goods.getFirst(), root)
                    .all());
          }
          wanted.removeIf(fault -> !named.test(fault.name()));
          inflicted =
              new Nemesis(
                      shop,
                      history,
                      meters,
                      new Sale(history, Shopper.registered(shop), forSale),
                      new Workload(history, shoppers, admin, goods, root),
                      report)
                  .run(root, wanted, soak);
        }
        report.say("healed; waiting for quiet");
        shop.awaitReady(QUIET);
        awaitQuiet(admin, history);
        history.quietAfter(history.sinceChanged());
        report.say(
            "every order had ended %.1f s after the last fault did and the last one was placed"
                .formatted(history.quietAfter().toMillis() / 1e3));
        // What comes now takes some of these branches by itself.
        meters.look();
        count(history, meters);
        report.say(
            "more buyers than goods; late requests; keys, after those who know them died; customers"
                + " who leave");
        judged.add(aftermath.contest());
        aftermath.late(Books.read(shop, admin, judged));
        aftermath.keys();
        new Leavers(shop, history, admin, goods.getFirst()).leave();
        awaitQuiet(admin, history);
        tapped = tap.sightings();
      }
      Books books = Books.read(shop, admin, judged);
      EventBooks events = EventBooks.read(shop, admin, tapped, history.strays());
      Verdict verdict = Judge.of(history, books, judged).and(EventJudge.of(history, books, events));
      return report.end(
          history,
          outcomes,
          inflicted,
          disks.omitted().size() + noBroker.map(BrokerFaults::omitted).orElse(List.of()).size(),
          verdict,
          new Story(history, books),
          needed(disks, noBroker.isEmpty()));
    }
  }

  /** Why events go without a broker; empty if they go by one. */
  private Optional<String> noBroker() {
    if (!withBroker) {
      return Optional.of("events go by gRPC; a broker is there with --broker");
    }
    return RabbitNode.installed()
        ? Optional.empty()
        : Optional.of("no RabbitMQ: install the package rabbitmq-server");
  }

  /** Those that --cells names; none is a mistake. */
  private List<Cell> chosen(Cell.Grid all) {
    Predicate<String> wanted = pattern("--cells", cells);
    List<Cell> chosen = all.cells().stream().filter(cell -> wanted.test(cell.name())).toList();
    if (chosen.isEmpty()) {
      String why =
          all.omitted().stream()
              .filter(one -> wanted.test(one.name()))
              .findFirst()
              .map(one -> one.name() + " is none: " + one.reason())
              .orElse("no crash point has such a name, as capture/before-call");
      throw usage("--cells " + cells + ": " + why);
    }
    if (seeds < 1) {
      throw usage("--seeds " + seeds + ": expected 1 or more");
    }
    return chosen;
  }

  private Predicate<String> pattern(String option, String regex) {
    try {
      return Pattern.compile(regex).asMatchPredicate();
    } catch (PatternSyntaxException e) {
      throw usage(option + " " + regex + ": " + e.getDescription());
    }
  }

  private ParameterException usage(String what) {
    return new ParameterException(requireNonNull(spec).commandLine(), what);
  }

  private List<Crash.Outcome> crashes(Crash crash, List<Cell> chosen, long root, Report report) {
    List<Crash.Outcome> outcomes = new ArrayList<>();
    for (int round = 0; round < seeds; round++) {
      // Not twice in a row at the same process, which would be started again more slowly.
      List<Cell> order = new ArrayList<>(chosen);
      Collections.shuffle(order, new Random(root + round));
      for (Cell cell : order) {
        Crash.Outcome outcome = crash.run(cell, root + round);
        outcomes.add(outcome);
        report.cell(outcome);
      }
    }
    return outcomes;
  }

  /** Without these a run shows nothing of what it was made for. */
  private List<String> needed(DiskFaults disks, boolean broker) {
    List<String> needed = new ArrayList<>();
    if (faults || soak != null) {
      needed.add("stored reply replayed");
      needed.add("request in progress (409)");
      needed.add("undone after the authorization");
      needed.add("a step tried again");
      needed.add("called off after it was confirmed");
    }
    // A few faults alone need not show all of it.
    if (faults && only.equals(ALL)) {
      needed.add("a zombie owner was fenced");
      needed.add("a reservation expired");
      needed.add("undone though its outcome was unknown");
      needed.add("two order-svc shared the work");
      needed.add("a request was shed");
      needed.add(TOMBSTONE);
      needed.add(TWICE);
      needed.add(Poison.REDRIVEN);
      needed.addAll(CIRCUITS.values());
      if (broker) {
        needed.add(Unroutable.KEPT);
      }
      if (disks.omitted().isEmpty()) {
        needed.add("an order got 503 while the disk was full");
      }
    }
    return needed;
  }

  /** What processes counted themselves. */
  private static void count(History history, Meters meters) {
    history.count(TOMBSTONE, meters.total(Meters.TOMBSTONES, ""));
    history.count(TWICE, meters.total(Meters.EVENTS, "outcome=\"duplicate\""));
    history.count("an event waited for its turn", meters.total(Meters.EVENTS, "outcome=\"ahead\""));
    history.count("a handler of events failed", meters.total(Meters.FAILED, ""));
    CIRCUITS.forEach(
        (state, what) ->
            history.count(what, meters.total(Meters.CIRCUITS, "state=\"" + state + "\"")));
  }

  private static void awaitQuiet(Shopper admin, History history) {
    List<String> following = new ArrayList<>(history.givenBack());
    Shop.await(
        QUIET,
        () -> {
          following.removeIf(
              order -> admin.get("/v1/orders/" + order).text("state").equals("STATE_REFUNDED"));
          boolean shown = Books.listsShowWhatIs(admin);
          Answer returning = admin.get("/v1/orders?pageSize=1&state=STATE_REFUNDING");
          if (!following.isEmpty()
              || !shown
              || !returning.ok()
              || !returning.body().path("orders").isEmpty()) {
            return false;
          }
          for (String state : List.of("RUNNING", "COMPENSATING", "COMPENSATION_STALLED")) {
            Answer answer = admin.get("/v1/sagas?pageSize=1&state=STATE_" + state);
            if (!answer.ok() || !answer.body().path("sagas").isEmpty()) {
              return false;
            }
          }
          return true;
        });
  }

  /** Reads 90s, 10m or 1h. */
  static final class Durations implements CommandLine.ITypeConverter<Duration> {
    @Override
    public Duration convert(String text) {
      if (!text.matches("[1-9][0-9]{0,5}[smh]")) {
        throw new CommandLine.TypeConversionException(text + " (expected: such as 90s, 10m or 1h)");
      }
      long count = Long.parseLong(text.substring(0, text.length() - 1));
      return switch (text.charAt(text.length() - 1)) {
        case 's' -> Duration.ofSeconds(count);
        case 'm' -> Duration.ofMinutes(count);
        default -> Duration.ofHours(count);
      };
    }
  }
}
