package dev.weft.operator;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whoever asks a registry with ACLs without a token is shown an empty list, with status 200. */
class HiddenRegistryTest {
  private HttpServer registry;

  @BeforeEach
  void start() throws IOException {
    registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    registry.createContext(
        "/",
        exchange -> {
          try (exchange) {
            byte[] nothing = "{}".getBytes(UTF_8);
            exchange.sendResponseHeaders(200, nothing.length);
            exchange.getResponseBody().write(nothing);
          }
        });
    registry.start();
  }

  @AfterEach
  void stop() {
    registry.stop(0);
  }

  private Mesh mesh() {
    Map<String, String> environment =
        Map.of(
            "CONSUL_HTTP_ADDR",
            "http://127.0.0.1:" + registry.getAddress().getPort(),
            "WEFT_TLS",
            "off",
            "OTEL_SDK_DISABLED",
            "true");
    return Mesh.open(MeshConfig.from(Env.of(environment), Services.OPERATOR));
  }

  @Test
  void isNotTakenForOneWithoutServices() {
    try (Services services = Services.of(mesh())) {
      assertThatThrownBy(() -> services.chosen(List.of()))
          .isInstanceOf(Trouble.class)
          .hasMessageStartingWith("the registry shows nothing, not even itself: it needs a token");
    }
    try (Processes processes = Processes.of(mesh())) {
      assertThatThrownBy(() -> processes.askAll("", _ -> ""))
          .isInstanceOf(Trouble.class)
          .hasMessageContaining("WEFT_CONSUL_TOKENS_DIR");
    }
  }
}
