package dev.weft.edge;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/**
 * What tells people and programs how to call what is served: {@code /openapi.json}, and {@code
 * /docs}, a page that shows it and calls it (Swagger UI, out of a jar). Both are made when they are
 * first asked for, away from event loops; the document once for each table of routes ({@link
 * LiveDocument}). They are long, so they are counted against the address that asks, and go to it no
 * faster than it reads.
 *
 * <p>Thread-safe.
 */
final class ApiPages implements Middleware {
  private static final String DOCUMENT = "/openapi.json";
  private static final String PAGE = "/docs";

  /** What is the edge's own wherever these pages are shown. */
  static final List<String> PATHS = List.of(DOCUMENT, PAGE);

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

  private final LiveDocument document;
  private final RateLimits rates;
  private final LongWork work;
  private final Map<String, Packed> files = new ConcurrentHashMap<>();

  /**
   * @param rates by which callers are counted
   * @param threads for what takes long
   */
  ApiPages(LiveDocument document, RateLimits rates, Executor threads) {
    this.document = document;
    this.rates = rates;
    this.work = new LongWork(threads);
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
      read(exchange, () -> document(exchange));
    } else if (path.equals(PAGE)) {
      read(exchange, () -> file(exchange, "page.html"));
    } else if (OWN.contains(file) || SWAGGER.contains(file)) {
      read(exchange, () -> file(exchange, file));
    } else {
      next.accept(exchange);
    }
  }

  private void read(Exchange exchange, Runnable answer) {
    if (!exchange.method().equals("GET") && !exchange.isHead()) {
      exchange.alsoAnswer("Allow", "GET, HEAD");
      throw new Refused(Problems.wrongMethod());
    }
    rates.arrive(exchange).admit(answer);
  }

  private void document(Exchange exchange) {
    document
        .made()
        .ifPresentOrElse(
            known -> answerDocument(exchange, known),
            () -> work.run(exchange, document::get, made -> answerDocument(exchange, made)));
  }

  private void answerDocument(Exchange exchange, Packed made) {
    made.answer(exchange, work, Map.of("Cache-Control", "no-cache"));
  }

  private void file(Exchange exchange, String name) {
    Packed known = files.get(name);
    if (known != null) {
      answerFile(exchange, known);
    } else {
      work.run(
          exchange,
          () -> files.computeIfAbsent(name, ApiPages::load),
          loaded -> answerFile(exchange, loaded));
    }
  }

  private void answerFile(Exchange exchange, Packed file) {
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
