package dev.weft.prove;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

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
      defaultValue = ".*",
      description = "Only crash points with such a name, as STEP/POINT.")
  private String cells = ".*";

  @Option(
      names = "--only",
      paramLabel = "REGEX",
      defaultValue = ".*",
      description = "Only faults with such a name.")
  private String only = ".*";

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
    long root = seed == null ? ThreadLocalRandom.current().nextInt(1_000_000) : seed;
    String run = System.getenv("WEFT_RUN");
    String home = System.getenv("WEFT_ROOT");
    if (run == null || home == null) {
      throw new ProofException("start this through ./weft");
    }
    Report report = new Report(System.out);
    report.say("seed " + root + " (the same again: --seed " + root + ")");
    Path folder = Path.of(home, ".weft", "proof");
    try (Shop shop = Shop.open(folder, Path.of(run));
        History history = new History(folder.resolve("history.jsonl"))) {
      report.say("a system of its own is up; the history: " + folder.resolve("history.jsonl"));
      Shopper admin = Shopper.admin(shop);
      List<Goods> goods = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        goods.add(Goods.create(admin, "Proof " + i, 499 + 350L * i, 1_000_000));
      }
      goods.add(Goods.create(admin, "The scarce one", 9_900, 12));
      List<Shopper> shoppers = new ArrayList<>();
      for (int i = 0; i < SHOPPERS; i++) {
        shoppers.add(Shopper.registered(shop));
      }
      List<Crash.Outcome> outcomes = List.of();
      List<Fault.Outcome> inflicted = List.of();
      try (Witness _ = new Witness(shop, history, root)) {
        if (grid || (!faults && soak == null)) {
          outcomes = crashes(shop, history, shoppers.getFirst(), goods, root, report);
        }
        if (faults || soak != null) {
          inflicted =
              new Nemesis(
                      shop, history, new Workload(history, shoppers, admin, goods, root), report)
                  .run(root, Pattern.compile(only), soak);
        }
        report.say("healed; waiting for quiet");
        shop.awaitReady(QUIET);
        awaitQuiet(admin);
      }
      Judge.Verdict verdict = Judge.of(history, Books.read(shop, admin, goods), goods);
      return report.end(history, outcomes, inflicted, verdict, needed());
    }
  }

  private List<Crash.Outcome> crashes(
      Shop shop, History history, Shopper shopper, List<Goods> goods, long root, Report report) {
    Cell.Grid all = Cell.grid();
    Pattern wanted = Pattern.compile(cells);
    List<Cell> chosen =
        all.cells().stream().filter(cell -> wanted.matcher(cell.name()).matches()).toList();
    report.grid(all, chosen, seeds);
    List<Crash.Outcome> outcomes = new ArrayList<>();
    Crash crash = new Crash(shop, history, shopper, goods.subList(0, goods.size() - 1));
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
  private List<String> needed() {
    List<String> needed = new ArrayList<>();
    if (faults || soak != null) {
      needed.add("stored reply replayed");
      needed.add("request in progress (409)");
      needed.add("undone after the authorization");
      needed.add("a step tried again");
    }
    if (faults) {
      needed.add("a zombie owner was fenced");
      needed.add("a reservation expired");
    }
    return needed;
  }

  private static void awaitQuiet(Shopper admin) {
    Shop.await(
        QUIET,
        () -> {
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
