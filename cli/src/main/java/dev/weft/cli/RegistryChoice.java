package dev.weft.cli;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which registry a system uses: one that runs elsewhere, a real Consul started here, or the
 * dev-agent.
 *
 * @param external address of one that runs already
 * @param consul program of a real Consul to start
 */
record RegistryChoice(@Nullable String external, @Nullable Path consul) {
  private static final Pattern VERSION = Pattern.compile("Consul v(\\d{1,3})\\.(\\d{1,3})");

  /** What {@code --registry} can ask for. */
  enum Kind {
    /** {@code CONSUL_HTTP_ADDR} if it is set, else a consul on the PATH, else the dev-agent. */
    auto,
    consul,
    dev
  }

  static RegistryChoice of(Kind kind) {
    String address = System.getenv("CONSUL_HTTP_ADDR");
    if (kind == Kind.auto && address != null && !address.isBlank()) {
      return new RegistryChoice(address.contains("://") ? address : "http://" + address, null);
    }
    Optional<Path> program = kind == Kind.dev ? Optional.empty() : onPath();
    if (kind == Kind.consul && program.isEmpty()) {
      throw new Trouble("no consul on the PATH: install it, or use --registry dev");
    }
    return new RegistryChoice(null, program.orElse(null));
  }

  boolean isExternal() {
    return external != null;
  }

  boolean isLocalConsul() {
    return consul != null;
  }

  String url(Ports ports) {
    return external != null ? external : "http://127.0.0.1:" + ports.of(Programs.REGISTRY);
  }

  ProcessSpec process(StateDir dir, Ports ports, StagedBuild build) {
    Path program = consul;
    if (program == null) {
      return new ProcessSpec(
          Programs.REGISTRY,
          build.java("consul-dev-agent", "dev.weft.consul.agent.DevAgent", 64),
          Map.of(
              "PORT",
              "" + ports.of(Programs.REGISTRY),
              // It refuses any other; where the services listen is not its affair.
              "WEFT_BIND",
              "127.0.0.1",
              "WEFT_DATA_DIR",
              dir.folder("dev-agent").toString()),
          dir.folder("work"),
          "TERM");
    }
    // A server of one node that keeps its data: -dev would forget everything at each start.
    Path data = dir.folder("consul");
    Path config = data.resolve("weft.json");
    StateDir.write(
        config,
        """
        {"server": true, "bootstrap_expect": 1, "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
         "ui": true, "connect": {"enabled": true}, "performance": {"raft_multiplier": 1},
         "ports": {"http": %d, "server": %d, "serf_lan": %d, "serf_wan": %d, "dns": -1, "grpc": -1%s},
         "disable_update_check": true, "leave_on_terminate": false}
        """
            .formatted(
                ports.of(Programs.REGISTRY),
                ports.of("consul-server"),
                ports.of("consul-serf-lan"),
                ports.of("consul-serf-wan"),
                hasGrpcTls(program) ? ", \"grpc_tls\": -1" : ""));
    return new ProcessSpec(
        Programs.REGISTRY,
        List.of(
            program.toString(),
            "agent",
            "-config-file",
            config.toString(),
            "-data-dir",
            data.resolve("data").toString()),
        Map.of(),
        dir.folder("work"),
        "TERM");
  }

  // Opened by default from 1.14 on, where two agents of one machine would meet; refused before.
  private static boolean hasGrpcTls(Path program) {
    try {
      Process process =
          new ProcessBuilder(program.toString(), "version").redirectErrorStream(true).start();
      process.getOutputStream().close();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      Matcher version = VERSION.matcher(said);
      if (!version.find()) {
        throw new Trouble(
            program + " does not say which Consul it is: replace it, or use --registry dev");
      }
      int major = Integer.parseInt(version.group(1));
      return major > 1 || (major == 1 && Integer.parseInt(version.group(2)) >= 14);
    } catch (IOException e) {
      throw new Trouble(program + " cannot be run: " + e.getMessage());
    }
  }

  private static Optional<Path> onPath() {
    for (String folder : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
      Path program = Path.of(folder, "consul");
      if (Files.isExecutable(program)) {
        return Optional.of(program);
      }
    }
    return Optional.empty();
  }
}
