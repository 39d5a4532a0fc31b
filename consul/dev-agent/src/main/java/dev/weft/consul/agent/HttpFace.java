package dev.weft.consul.agent;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * The agent's HTTP server: guards the door, finds the endpoint, writes its answer.
 *
 * <p>One virtual thread per request, so that a blocking query costs a parked thread and no more.
 */
final class HttpFace implements AutoCloseable {
  /** What one method of one path does. */
  interface Endpoint {
    Reply answer(Request request) throws InterruptedException;
  }

  private static final Logger LOG = System.getLogger(HttpFace.class.getName());

  static {
    // Read by the JDK's server when its first class loads. Without the first, an answer of several
    // packets waits 40 ms for an acknowledgement; without the second, a client that keeps its
    // connections for the usual 30 s loses a race against the server's 30 s.
    setDefault("sun.net.httpserver.nodelay", "true");
    setDefault("sun.net.httpserver.idleInterval", "120");
    setDefault("sun.net.httpserver.maxReqTime", "30");
    setDefault("sun.net.httpserver.maxRspTime", "700"); // a query may wait for 638 s
    setDefault("jdk.httpserver.maxConnections", "2048");
  }

  private static void setDefault(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  private final HttpServer server;
  private final ExecutorService threads;
  private final Map<String, Map<String, Endpoint>> endpoints = new HashMap<>();
  private final Set<String> ownNames;

  /** Binds; requests wait until {@link #start()}. */
  HttpFace(InetAddress bind, int port) throws IOException {
    server = HttpServer.create(new InetSocketAddress(bind, port), 256);
    threads = Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("http-", 0).factory());
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    String literal = bind.getHostAddress();
    ownNames = new HashSet<>(Set.of("localhost", "127.0.0.1", "[::1]"));
    ownNames.add(literal.indexOf(':') < 0 ? literal : "[" + literal + "]");
  }

  /** The address that was bound. */
  InetSocketAddress address() {
    return server.getAddress();
  }

  /** Host and port, as a URL has them. */
  String authority() {
    String host = address().getAddress().getHostAddress();
    return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + address().getPort();
  }

  /** Serves {@code path}; a path that ends in a slash takes whatever follows as its tail. */
  void serve(String method, String path, Endpoint endpoint) {
    endpoints.computeIfAbsent(path, _ -> new LinkedHashMap<>()).put(method, endpoint);
  }

  void start() {
    server.start();
  }

  private void handle(HttpExchange exchange) {
    try (exchange) {
      write(exchange, answer(exchange));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the agent closes
    } catch (IOException e) {
      LOG.log(Level.DEBUG, () -> "a client left before its answer: " + e.getMessage());
    }
  }

  private Reply answer(HttpExchange exchange) throws InterruptedException {
    try {
      guard(exchange);
      return route(exchange);
    } catch (ApiError e) {
      Reply refusal = Reply.text(e.status(), e.text());
      return e.status() == 413 ? refusal.with("Connection", "close") : refusal;
    } catch (RuntimeException e) {
      LOG.log(Level.ERROR, "a bug in " + exchange.getRequestURI().getPath(), e);
      return Reply.text(500, "internal error");
    }
  }

  /**
   * Lets no web page in. A page whose name was rebound to the loopback address shows by the name of
   * its Host, any other by its Origin or by what the browser says of the fetch. The port of the
   * Host is the caller's affair: a tunnel or a proxy has its own.
   */
  private void guard(HttpExchange exchange) {
    Headers headers = exchange.getRequestHeaders();
    String host = headers.getFirst("Host");
    if (host == null || !ownNames.contains(name(host))) {
      throw new ApiError(403, "this agent answers only to its loopback address");
    }
    String origin = headers.getFirst("Origin");
    if (origin != null && !(origin.startsWith("http://") && own(origin.substring(7)))) {
      throw new ApiError(403, "this agent answers no page of another origin");
    }
    String site = headers.getFirst("Sec-Fetch-Site");
    boolean foreign = site != null && !site.equals("same-origin") && !site.equals("none");
    if (foreign && !"navigate".equals(headers.getFirst("Sec-Fetch-Mode"))) {
      throw new ApiError(403, "this agent answers no page of another origin");
    }
  }

  private boolean own(String hostAndPort) {
    String name = name(hostAndPort);
    String port = hostAndPort.substring(name.length());
    return ownNames.contains(name) && (port.isEmpty() || port.equals(":" + address().getPort()));
  }

  /** Without the port. */
  private static String name(String hostAndPort) {
    String name = hostAndPort.toLowerCase(Locale.ROOT);
    int colon = name.lastIndexOf(':');
    return colon > name.lastIndexOf(']') ? name.substring(0, colon) : name;
  }

  private Reply route(HttpExchange exchange) throws InterruptedException {
    String path = exchange.getRequestURI().getPath();
    Map<String, Endpoint> methods = endpoints.get(path);
    String tail = "";
    for (int slash = path.length();
        methods == null && (slash = path.lastIndexOf('/', slash - 1)) > 0; ) {
      methods = endpoints.get(path.substring(0, slash + 1));
      tail = path.substring(slash + 1);
    }
    if (methods == null) {
      return new Reply(404, Map.of(), null);
    }
    String allowed = "OPTIONS," + String.join(",", methods.keySet());
    Endpoint endpoint = methods.get(exchange.getRequestMethod());
    if (endpoint != null) {
      Request request = new Request(exchange, tail);
      Reply reply = endpoint.answer(request);
      return request.has("pretty") ? reply.prettyPrinted() : reply;
    }
    if (exchange.getRequestMethod().equals("OPTIONS")) {
      return Reply.empty().with("Allow", allowed);
    }
    return Reply.text(405, "method " + exchange.getRequestMethod() + " not allowed")
        .with("Allow", allowed);
  }

  private static void write(HttpExchange exchange, Reply reply) throws IOException {
    reply.headers().forEach((name, value) -> exchange.getResponseHeaders().set(name, value));
    exchange.getResponseHeaders().set("Vary", "Accept-Encoding");
    byte @Nullable [] body = reply.bytes();
    if (body == null || body.length == 0) {
      exchange.sendResponseHeaders(reply.status(), -1);
      return;
    }
    exchange.sendResponseHeaders(reply.status(), body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  /** Lets the answers to those who were woken out, which takes a second at most. */
  @Override
  public void close() {
    server.stop(1);
    threads.shutdownNow();
  }
}
