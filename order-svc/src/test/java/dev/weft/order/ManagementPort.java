package dev.weft.order;

import dev.weft.mesh.Management;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** What those who run the shop see of a process. */
final class ManagementPort implements AutoCloseable {
  final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("order-svc", "0"));
  final Management management = Management.open("order-svc", "0", "127.0.0.1", 0, telemetry);
  private final HttpClient http = HttpClient.newHttpClient();

  String get(String path) throws IOException, InterruptedException {
    return http.send(
            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + management.port() + path))
                .build(),
            BodyHandlers.ofString())
        .body();
  }

  @Override
  public void close() {
    http.close();
    management.close();
    telemetry.close();
  }
}
