package dev.weft.edge;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What tells people and programs how to call what is served: {@code /openapi.json}, and {@code
 * /docs}, a page that shows it and calls it (Swagger UI, out of a jar). Both are made when they are
 * first asked for, away from event loops; the document once for each table of routes.
 *
 * <p>Thread-safe.
 */
final class ApiPages implements Middleware {
  private static final String DOCUMENT = "/openapi.json";
  private static final String PAGE = "/docs";

  /** What is the edge's own wherever these pages are shown. */
  static final List<String> PATHS = List.of(DOCUMENT, PAGE);

  /** Some 30,000 operations. */
  static final int DOCUMENT_BYTES_MAX = 64 * 1024 * 1024;

  private static final int FILE_BYTES_MAX = 16 * 1024 * 1024;

  /**
   * Scripts and styles are files of this edge, and calls go to this edge. Swagger UI draws with
   * pictures inside of its style sheet.
   */
  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
          + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private static final Map<String, String> TYPES =
      Map.of(
          "html", "text/html; charset=utf-8",
          "js", "text/javascript; charset=utf-8",
          "css", "text/css; charset=utf-8");

  /** Ours, beside this class. */
  private static final List<String> OWN = List.of("page.html", "page.js", "page.css");

  private static final List<String> SWAGGER = List.of("swagger-ui-bundle.js", "swagger-ui.css");

  private final Services services;
  private final String version;
  private final Optional<Path> comments;
  private final LongWork work;
  private final int bytesMax;
  private final Map<String, Packed> files = new ConcurrentHashMap<>();
  private volatile @Nullable Described described;

  /**
   * The document of a table.
   *
   * @param document empty if it is too long
   */
  private record Described(RouteTable of, Optional<Packed> document) {}

  /**
   * @param version of what is described
   * @param comments where descriptor sets with comments are
   * @param threads for what takes long
   * @param bytesMax of the document
   */
  ApiPages(
      Services services, String version, Optional<Path> comments, Executor threads, int bytesMax) {
    this.services = services;
    this.version = version;
    this.comments = comments;
    this.work = new LongWork(threads);
    this.bytesMax = bytesMax;
  }

  @Override
  public void serve(Exchange exchange, Consumer<Exchange> next) {
    String uri = exchange.request().uri();
    if (!uri.startsWith(PAGE) && !uri.startsWith(DOCUMENT)) {
      next.accept(exchange);
      return;
    }
    int mark = uri.indexOf('?');
    String path = mark < 0 ? uri : uri.substring(0, mark);
    String file = path.startsWith(PAGE + "/") ? path.substring(PAGE.length() + 1) : "";
    if (path.equals(DOCUMENT)) {
      onlyRead(exchange);
      document(exchange);
    } else if (path.equals(PAGE)) {
      onlyRead(exchange);
      file(exchange, "page.html");
    } else if (OWN.contains(file) || SWAGGER.contains(file)) {
      onlyRead(exchange);
      file(exchange, file);
    } else {
      next.accept(exchange);
    }
  }

  private static void onlyRead(Exchange exchange) {
    if (!exchange.method().equals("GET") && !exchange.isHead()) {
      exchange.alsoAnswer("Allow", "GET, HEAD");
      throw new Refused(Problems.wrongMethod());
    }
  }

  private void document(Exchange exchange) {
    Described known = described;
    if (known != null && known.of == services.routes()) {
      answer(exchange, known);
    } else {
      work.run(exchange, this::describe, now -> answer(exchange, now));
    }
  }

  private void answer(Exchange exchange, Described known) {
    known
        .document
        .orElseThrow(() -> new Refused(Problems.documentTooLong(bytesMax)))
        .answer(exchange, work, Map.of("Cache-Control", "no-cache"));
  }

  /** One at a time, so that all who ask for a new one wait for the same. */
  private synchronized Described describe() {
    RouteTable now = services.routes();
    Described known = described;
    if (known != null && known.of == now) {
      return known;
    }
    ApiComments said = comments.map(ApiComments::read).orElse(ApiComments.NONE);
    Described made =
        new Described(
            now,
            Packed.of("application/json", bytesMax, out -> OpenApi.write(now, said, version, out)));
    described = made;
    return made;
  }

  private void file(Exchange exchange, String name) {
    Packed known = files.get(name);
    if (known != null) {
      answer(exchange, known);
    } else {
      work.run(
          exchange,
          () -> files.computeIfAbsent(name, ApiPages::load),
          loaded -> answer(exchange, loaded));
    }
  }

  private void answer(Exchange exchange, Packed file) {
    file.answer(
        exchange,
        work,
        Map.of(
            "Cache-Control",
            "public, max-age=300",
            "Content-Security-Policy",
            POLICY,
            "Referrer-Policy",
            "no-referrer"));
  }

  private static Packed load(String name) {
    String type = TYPES.getOrDefault(name.substring(name.lastIndexOf('.') + 1), "");
    String resource = OWN.contains(name) ? "docs/" + name : swagger() + name;
    try (InputStream in = open(resource)) {
      return Packed.of(type, FILE_BYTES_MAX, in::transferTo).orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where the jar of Swagger UI has its files: in a folder of its version. */
  private static String swagger() {
    Properties jar = new Properties();
    try (InputStream in = open("/META-INF/maven/org.webjars/swagger-ui/pom.properties")) {
      jar.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return "/META-INF/resources/webjars/swagger-ui/" + jar.getProperty("version") + "/";
  }

  private static InputStream open(String resource) throws IOException {
    InputStream in = ApiPages.class.getResourceAsStream(resource);
    if (in == null) {
      throw new IOException(resource + " is not there");
    }
    return in;
  }
}
