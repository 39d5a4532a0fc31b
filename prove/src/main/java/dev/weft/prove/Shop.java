package dev.weft.prove;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** A whole system of its own: free ports, new data, every process real; gone when it is closed. */
final class Shop implements AutoCloseable {
  static final String EDGE = "edge-gateway";
  static final String USER = "user-svc";
  static final String ORDER = "order-svc";
  static final String PAYMENT = "payment-svc";
  static final String INVENTORY = "inventory-svc";
  static final String CARD_NETWORK = "card-network";
  static final String POSTGRES = "postgres";
  static final String REGISTRY = "registry";

  private static final Duration PAUSE = Duration.ofMillis(25);

  private final StateFolder folder;
  private final Path run;
  private final String broker;
  private final Thread hook = new Thread(this::end, "down");

  private Shop(Path folder, Path run, String broker) {
    this.folder = new StateFolder(folder);
    this.run = run;
    this.broker = broker;
  }

  /** Stops and removes what an earlier run left. */
  static void clear(Path folder, Path run) {
    new Shop(folder, run, "").end();
    new StateFolder(folder).delete();
  }

  /**
   * Starts one.
   *
   * @param folder for its data; what is in it is kept
   * @param run the staged build it runs from
   * @param broker the address of the RabbitMQ by which its events go; empty for none
   * @param lines by which its processes reach each other; none if they do so directly
   */
  static Shop open(Path folder, Path run, String broker, Optional<Lines> lines) {
    Shop shop = new Shop(folder, run, broker);
    // Who interrupts a proof wants nothing left of it either.
    Runtime.getRuntime().addShutdownHook(shop.hook);
    try {
      Files.createDirectories(shop.failPoints());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    List<String> up =
        new ArrayList<>(
            List.of(
                "up", "--isolated", "--detach", "--registry", "dev", "--state", folder.toString()));
    lines.ifPresent(
        own -> {
          own.leadTo(shop);
          up.addAll(List.of("--detours", own.write(folder.resolve("detours")).toString()));
        });
    int exit = shop.weft(up.toArray(String[]::new));
    if (exit != 0) {
      // What did start would go on running.
      shop.close();
      throw new ProofException(
          "the system did not start, exit code " + exit + "; its logs: " + folder.resolve("logs"));
    }
    return shop;
  }

  /** What it says of itself. */
  StateFolder folder() {
    return folder;
  }

  Path failPoints() {
    return folder.path().resolve("fail-points");
  }

  /** Sends a signal such as KILL, STOP or CONT; says whether there was a process to get it. */
  boolean signal(String process, String signal) {
    return signal(folder.pid(process), signal);
  }

  static boolean signal(long pid, String signal) {
    return pid > 0 && execute(List.of("kill", "-s", signal, Long.toString(pid))) == 0;
  }

  /** Waits until every process is ready; says whether that came true in time. */
  boolean awaitReady(Duration limit) {
    return await(limit, () -> folder.processes().stream().allMatch(folder::ready));
  }

  static boolean await(Duration limit, BooleanSupplier condition) {
    long end = System.nanoTime() + limit.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        return false;
      }
      pause(PAUSE);
    }
    return true;
  }

  static void pause(Duration duration) {
    try {
      TimeUnit.NANOSECONDS.sleep(duration.toNanos());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      return; // it is at work
    }
    end();
  }

  private void end() {
    weft("down", "--state", folder.path().toString());
    DiskFaults.clear(folder.path());
  }

  private int weft(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp", classpath()));
    command.add("dev.weft.cli.Weft");
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("WEFT_RUN", run.toString());
    builder.environment().put("WEFT_FAIL_POINTS", failPoints().toString());
    builder.environment().put("WEFT_EVENTS_URL", broker);
    // As it is when nobody says otherwise: what is proved calls with certificates.
    builder.environment().remove("WEFT_TLS");
    builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
    builder.redirectError(
        arguments[0].equals("up")
            ? ProcessBuilder.Redirect.INHERIT
            : ProcessBuilder.Redirect.DISCARD);
    return execute(builder);
  }

  private String classpath() {
    try {
      return String.join(
          ":",
          Files.readAllLines(run.resolve("cli.classpath")).stream()
              .map(jar -> run.resolve("lib").resolve(jar).toString())
              .toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int execute(List<String> command) {
    return execute(
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD));
  }

  private static int execute(ProcessBuilder builder) {
    try {
      return builder.start().waitFor();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }
}
