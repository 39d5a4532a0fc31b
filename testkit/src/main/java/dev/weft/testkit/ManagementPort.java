package dev.weft.testkit;

import dev.weft.mesh.Management;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.stream.Stream;

/**
 * What those who run the shop see of a process, without the process.
 *
 * <p>Thread-safe. Whoever makes it closes it.
 */
public final class ManagementPort implements AutoCloseable {
  private final Telemetry telemetry;
  private final Management management;
  private final HttpClient http = HttpClient.newHttpClient();

  public ManagementPort(String service) {
    telemetry = Telemetry.open(TelemetryConfig.local(service, "0"));
    management = Management.open(service, "0", "127.0.0.1", 0, telemetry);
  }

  /** What is measured by this is seen at {@code /metrics}. */
  public Telemetry telemetry() {
    return telemetry;
  }

  public Management management() {
    return management;
  }

  /** The body at a path. */
  public String get(String path) {
    URI uri = URI.create("http://127.0.0.1:" + management.port() + path);
    try {
      return http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString()).body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** The sum of all at {@code /metrics} of a name that have these labels; 0 if there is none. */
  public long metric(String name, String... labels) {
    return get("/metrics")
        .lines()
        .filter(line -> line.startsWith(name + "{") || line.startsWith(name + " "))
        .filter(line -> Stream.of(labels).allMatch(line::contains))
        .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  @Override
  public void close() {
    http.close();
    management.close();
    telemetry.close();
  }
}
