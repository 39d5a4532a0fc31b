package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.weft.consul.Consul;
import dev.weft.consul.Registration;
import dev.weft.consul.ServiceRegistration;
import dev.weft.consul.Weights;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * One instance of a service of somebody's that speaks HTTP, byte for byte as a test wants it, and
 * says so in the registry.
 */
final class HttpBackend implements AutoCloseable {
  private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final Queue<String> heads = new ConcurrentLinkedQueue<>();
  private final Answering answering;
  private final Registration registration;
  private final Thread accepting;

  /** What is done with one connection after the head of its request was read. */
  interface Answering {
    void answer(String head, InputStream in, OutputStream out) throws Exception;
  }

  private HttpBackend(Consul consul, String service, Answering answering) throws IOException {
    this.answering = answering;
    int port = listener.getLocalPort();
    this.registration =
        consul.register(
            new ServiceRegistration(
                service + "-" + port,
                service,
                "127.0.0.1",
                port,
                List.of(),
                Map.of(ServiceRegistration.META_PROTOCOL, "http"),
                Weights.EQUAL,
                List.of(),
                false));
    accepting = Thread.ofVirtual().start(this::accept);
  }

  static HttpBackend start(Consul consul, String service, Answering answering) throws IOException {
    return new HttpBackend(consul, service, answering);
  }

  /** One that says the same to everybody. */
  static HttpBackend saying(Consul consul, String service, String answer) throws IOException {
    return start(consul, service, (_, _, out) -> out.write(answer.getBytes(ISO_8859_1)));
  }

  /** A whole answer with this body. */
  static String ok(String body) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s"
        .formatted(body.length(), body);
  }

  private void accept() {
    try {
      while (true) {
        Socket socket = listener.accept();
        open.add(socket);
        Thread.ofVirtual().start(() -> serve(socket));
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      InputStream in = socket.getInputStream();
      String head = head(in);
      heads.add(head);
      answering.answer(head, in, socket.getOutputStream());
    } catch (Exception e) {
      // The edge left.
    } finally {
      open.remove(socket);
    }
  }

  private static String head(InputStream in) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n", Math.max(0, head.length() - 4)) < 0) {
      int next = in.read();
      if (next < 0) {
        throw new IOException("no request");
      }
      head.append((char) next);
    }
    return head.toString();
  }

  /** The heads of all requests so far. */
  List<String> heads() {
    return List.copyOf(heads);
  }

  /** Connections that are open now. */
  int connections() {
    return open.size();
  }

  /** Takes no more connections and stays in the registry, like a process that was killed. */
  void die() throws IOException, InterruptedException {
    listener.close();
    // It may take one more while it is being closed.
    accepting.join();
  }

  @Override
  public void close() throws IOException {
    registration.close();
    listener.close();
    for (Socket socket : open) {
      socket.close();
    }
  }
}
