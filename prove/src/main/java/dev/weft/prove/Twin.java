package dev.weft.prove;

import dev.weft.durable.LocalPorts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A second process of a service: the same command and variables, read from what runs, on ports of
 * its own. Linux only.
 */
final class Twin implements AutoCloseable {
  private static final Duration READY = Duration.ofSeconds(30);

  private final Process process;
  private final int managementPort;

  private Twin(Process process, int managementPort) {
    this.process = process;
    this.managementPort = managementPort;
  }

  /** Starts one and returns when it is ready. */
  static Twin of(Shop shop, String service) {
    long pid = shop.folder().pid(service);
    Map<String, String> environment = environment(pid);
    int management = freePort();
    environment.put("PORT", Integer.toString(freePort()));
    // It is reached where it listens, whatever stands before the first one.
    environment.remove("WEFT_ADVERTISE");
    // A folder of the first one alone.
    environment.remove("WEFT_SNAPSHOT_DIR");
    environment.put("WEFT_MANAGEMENT_PORT", Integer.toString(management));
    ProcessBuilder builder = new ProcessBuilder(split(pid, "cmdline"));
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true);
    builder.redirectOutput(shop.folder().log(service + "-twin").toFile());
    try {
      Twin twin = new Twin(builder.start(), management);
      Shop.await(READY, () -> Books.answers("http://127.0.0.1:" + management + "/readyz"));
      return twin;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The variables a process was started with. */
  static Map<String, String> environment(long pid) {
    Map<String, String> environment = new HashMap<>();
    for (String variable : split(pid, "environ")) {
      int equals = variable.indexOf('=');
      if (equals > 0) {
        environment.put(variable.substring(0, equals), variable.substring(equals + 1));
      }
    }
    return environment;
  }

  long pid() {
    return process.pid();
  }

  int managementPort() {
    return managementPort;
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(30, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }

  private static List<String> split(long pid, String file) {
    try {
      String all =
          Files.readString(Path.of("/proc", Long.toString(pid), file), StandardCharsets.ISO_8859_1);
      return Stream.of(all.split("\0", -1)).filter(part -> !part.isEmpty()).toList();
    } catch (IOException e) {
      throw new ProofException("process " + pid + " cannot be read", e);
    }
  }

  private static int freePort() {
    try {
      return LocalPorts.free();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
