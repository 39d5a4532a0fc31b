package dev.weft.bench;

import dev.weft.consul.agent.DevAgent;
import dev.weft.durable.LocalPorts;
import dev.weft.mesh.Following;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What it costs a process to follow many services: the heap and the memory it takes beyond what it
 * had with one small service to follow, its processor time while one instance a second turns
 * critical or well again, and while one a second goes or comes back, and its connections to the
 * agent.
 *
 * <p>{@code ManyWatches [services] [instances of each] [seconds]}: 100, 100 and 60. Three processes
 * on this machine: the agent, whose own costs are not counted; the one that is measured ({@link
 * Following}), with the first compiler, the serial collector and 128 MiB of heap at most; and this
 * one, which changes the checks. An instance is registered with what a service of the mesh says of
 * itself and one check. Processor time is also taken for as long without changes before. Needs
 * Linux, for connections and memory.
 */
public final class ManyWatches {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration SETTLING = Duration.ofSeconds(5);
  private static final double KIB_PER_MIB = 1_024;
  private static final double BYTES_PER_MIB = 1 << 20;

  /** Of /proc/net/tcp: a connection that is established. */
  private static final String ESTABLISHED = "01";

  /** Of /proc/PID/fd; behind it the number, and a bracket. */
  private static final String SOCKET = "socket:[";

  private final HttpClient http = HttpClient.newHttpClient();
  private final URI registry;
  private final int port;

  private ManyWatches(int port) {
    this.port = port;
    this.registry = URI.create("http://127.0.0.1:" + port);
  }

  /** What happens in a second. */
  @FunctionalInterface
  private interface Change {
    void make(int second) throws IOException, InterruptedException;
  }

  /** The process that is measured, and the lines to and from it. */
  private record Measured(Process process, PrintWriter to, BufferedReader from) {
    static Measured start(URI registry) throws IOException {
      Process process =
          java(Following.class, "128m", registry.toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      return new Measured(
          process,
          new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true),
          process.inputReader(StandardCharsets.UTF_8));
    }

    long ask(String line) throws IOException {
      to.println(line);
      String answer = from.readLine();
      if (answer == null) {
        throw new IOException("the process that is measured has ended");
      }
      return Long.parseLong(answer);
    }

    Duration processor() {
      return process.info().totalCpuDuration().orElseThrow();
    }
  }

  /** Runs it. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    int[] numbers = {100, 100, 60};
    for (int i = 0; i < Math.min(arguments.length, numbers.length); i++) {
      numbers[i] = Integer.parseInt(arguments[i]);
    }
    System.out.println(RunningShop.machine());
    ManyWatches bench = new ManyWatches(LocalPorts.free());
    Process agent = bench.agent(numbers[0] * numbers[1] + 1);
    try {
      bench.awaitAgent();
      bench.register("small", 0);
      for (int i = 0; i < numbers[0] * numbers[1]; i++) {
        bench.register("many-" + i / numbers[1], i % numbers[1]);
      }
      Measured measured = Measured.start(bench.registry);
      try {
        bench.run(measured, numbers[0], numbers[1], Duration.ofSeconds(numbers[2]));
      } finally {
        end(measured.process);
      }
    } finally {
      end(agent);
    }
    System.out.println(RunningShop.machine());
  }

  private static void end(Process process) throws InterruptedException {
    process.destroy();
    process.waitFor();
  }

  private static ProcessBuilder java(Class<?> main, String heap, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heap,
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> environment = builder.environment();
    environment.keySet().removeIf(name -> name.startsWith("WEFT_"));
    // Nothing but answers on the output of the one that is measured.
    environment.put("LOG_LEVEL", "OFF");
    return builder;
  }

  private Process agent(int instances) throws IOException {
    ProcessBuilder builder = java(DevAgent.class, "512m").inheritIO();
    Map<String, String> environment = builder.environment();
    environment.put("LOG_LEVEL", "warn");
    environment.put("PORT", Integer.toString(port));
    environment.put("WEFT_INSTANCES_MAX", Integer.toString(instances));
    return builder.start();
  }

  private void awaitAgent() throws IOException, InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try {
        http.send(
            HttpRequest.newBuilder(registry.resolve("/v1/status/leader")).build(),
            BodyHandlers.discarding());
        return;
      } catch (ConnectException e) {
        if (System.nanoTime() > end) {
          throw e;
        }
        Thread.sleep(Duration.ofMillis(50));
      }
    }
  }

  private void register(String service, int instance) throws IOException, InterruptedException {
    String id = service + "-" + instance;
    put(
        "/v1/agent/service/register",
        """
        {"ID":"%s","Name":"%s","Address":"127.0.0.1","Port":%d,"Tags":["grpc","weft"],
         "Meta":{"protocol":"grpc","lang":"java","version":"1.0.0","management_port":"%d",
          "schema":"0123456789abcdef0123456789abcdef"},
         "Check":{"CheckID":"%s","Name":"gRPC health","TTL":"24h","Status":"passing"}}"""
            .formatted(id, service, 10_000 + instance, 20_000 + instance, id));
  }

  private void put(String path, String body) throws IOException, InterruptedException {
    HttpResponse<String> answer =
        http.send(
            HttpRequest.newBuilder(registry.resolve(path))
                .PUT(BodyPublishers.ofString(body))
                .build(),
            BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException(path + " is refused: " + answer.statusCode() + " " + answer.body());
    }
  }

  private void run(Measured measured, int services, int instances, Duration length)
      throws IOException, InterruptedException {
    long pid = measured.process.pid();
    var _ = measured.ask("follow small");
    Thread.sleep(SETTLING);
    long heapBefore = measured.ask("heap");
    long residentBefore = RunningShop.residentKib(pid);
    String names =
        IntStream.range(0, services).mapToObj(i -> "many-" + i).collect(Collectors.joining(" "));
    long began = System.nanoTime();
    long known = measured.ask("follow " + names);
    System.out.printf(
        Locale.ROOT,
        "%d services followed, %d instances known after %.1f s%n",
        services + 1,
        known,
        (System.nanoTime() - began) / 1e9);
    Thread.sleep(SETTLING);
    spend("no change", measured, length, _ -> {});
    spend(
        "one turns critical or well a second",
        measured,
        length,
        second -> flip(second, services, instances));
    spend(
        "one goes or comes back a second",
        measured,
        length,
        second -> move(second, services, instances));
    // First what it has with whatever it has not collected yet.
    long resident = RunningShop.residentKib(pid);
    long heap = measured.ask("heap");
    System.out.printf(
        Locale.ROOT,
        "heap %.1f MiB more than the %.1f with one service; resident %.1f MiB more than %.1f (bound"
            + " 60 MB); load %s%n",
        (heap - heapBefore) / BYTES_PER_MIB,
        heapBefore / BYTES_PER_MIB,
        (resident - residentBefore) / KIB_PER_MIB,
        residentBefore / KIB_PER_MIB,
        RunningShop.load());
  }

  /** Says what the process takes of one processor, second by second, and its connections. */
  private void spend(String what, Measured measured, Duration length, Change change)
      throws IOException, InterruptedException {
    List<Double> percents = new ArrayList<>();
    List<Double> connections = new ArrayList<>();
    Duration first = measured.processor();
    Duration before = first;
    long began = System.nanoTime();
    long at = began;
    for (int second = 0; second < length.toSeconds(); second++) {
      change.make(second);
      long next = began + Duration.ofSeconds(second + 1L).toNanos();
      Thread.sleep(Duration.ofNanos(Math.max(0, next - System.nanoTime())));
      Duration now = measured.processor();
      long then = System.nanoTime();
      percents.add(100.0 * now.minus(before).toNanos() / (then - at));
      connections.add((double) connections(measured.process.pid()));
      before = now;
      at = then;
    }
    System.out.printf(
        Locale.ROOT,
        "%s, %d s: %.2f %% of a processor (bound 2 with changes), by the second %s; connections to"
            + " the agent %s%n",
        what,
        length.toSeconds(),
        100.0 * before.minus(first).toNanos() / (at - began),
        Spread.of(percents),
        Spread.of(connections));
  }

  /** One instance turns critical, or the one of the second before is well again. */
  private void flip(int second, int services, int instances)
      throws IOException, InterruptedException {
    int changed = second / 2;
    String id = "many-" + changed % services + "-" + changed % instances;
    put("/v1/agent/check/" + (second % 2 == 0 ? "fail/" : "pass/") + id, "");
  }

  /** One instance is deregistered, or the one of the second before is registered again. */
  private void move(int second, int services, int instances)
      throws IOException, InterruptedException {
    int changed = second / 2;
    String service = "many-" + changed % services;
    int instance = changed % instances;
    if (second % 2 == 0) {
      put("/v1/agent/service/deregister/" + service + "-" + instance, "");
    } else {
      register(service, instance);
    }
  }

  /** What a descriptor is of; empty for one that has been closed meanwhile. */
  private static String target(Path descriptor) throws IOException {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (NoSuchFileException e) {
      return "";
    }
  }

  /** Of a process to the agent, by the kernel's account. */
  private long connections(long pid) throws IOException {
    Set<String> sockets = new HashSet<>();
    try (Stream<Path> files = Files.list(Path.of("/proc", Long.toString(pid), "fd"))) {
      for (Path file : files.toList()) {
        String target = target(file);
        if (target.startsWith(SOCKET)) {
          sockets.add(target.substring(SOCKET.length(), target.length() - 1));
        }
      }
    }
    String remotePort = String.format(Locale.ROOT, ":%04X", port);
    long count = 0;
    for (String table : List.of("tcp", "tcp6")) {
      List<String> lines = Files.readAllLines(Path.of("/proc", Long.toString(pid), "net", table));
      // Below the line of titles: number, local, remote, state, and at the tenth place the socket.
      for (String line : lines.subList(1, lines.size())) {
        String[] fields = line.strip().split("\\s+", -1);
        if (fields[2].endsWith(remotePort)
            && fields[3].equals(ESTABLISHED)
            && sockets.contains(fields[9])) {
          count++;
        }
      }
    }
    return count;
  }
}
