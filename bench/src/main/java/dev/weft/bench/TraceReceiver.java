package dev.weft.bench;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.concurrent.atomic.AtomicLong;

/** Receives OTLP over HTTP in this process, and counts the requests with traces. Thread-safe. */
final class TraceReceiver implements AutoCloseable {
  private final HttpServer server;
  private final AtomicLong received = new AtomicLong();

  private TraceReceiver(HttpServer server) {
    this.server = server;
  }

  static TraceReceiver start() throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    TraceReceiver receiver = new TraceReceiver(server);
    server.createContext("/", receiver::receive);
    server.start();
    return receiver;
  }

  /** For {@code OTEL_EXPORTER_OTLP_ENDPOINT}. */
  URI url() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** How many requests brought traces so far. */
  long received() {
    return received.get();
  }

  private void receive(HttpExchange exchange) throws IOException {
    try (exchange) {
      exchange.getRequestBody().transferTo(OutputStream.nullOutputStream());
      // An empty message says that all was taken.
      exchange.sendResponseHeaders(200, -1);
      if (exchange.getRequestURI().getPath().equals("/v1/traces")) {
        received.incrementAndGet();
      }
    }
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
