package dev.weft.cli;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Which registry a system uses: one that runs elsewhere, a real Consul started here, or the
 * dev-agent.
 *
 * @param external address of one that runs already
 * @param consul program of a real Consul to start
 */
record RegistryChoice(@Nullable String external, @Nullable Path consul) {

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
    return external != null ? external : "http://127.0.0.1:" + ports.of(Supervisor.REGISTRY);
  }

  ProcessSpec process(StateDir dir, Ports ports, StagedBuild build) {
    Path program = consul;
    if (program == null) {
      return new ProcessSpec(
          Supervisor.REGISTRY,
          build.java("consul-dev-agent", "dev.weft.consul.agent.DevAgent", 64),
          Map.of(
              "PORT",
              "" + ports.of(Supervisor.REGISTRY),
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
         "ports": {"http": %d, "server": %d, "serf_lan": %d, "serf_wan": %d, "dns": -1, "grpc": -1},
         "disable_update_check": true, "leave_on_terminate": false}
        """
            .formatted(
                ports.of(Supervisor.REGISTRY),
                ports.of("consul-server"),
                ports.of("consul-serf-lan"),
                ports.of("consul-serf-wan")));
    return new ProcessSpec(
        Supervisor.REGISTRY,
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
