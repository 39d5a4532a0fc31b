package dev.weft.consul.agent;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/**
 * {@code /ui}: one page that shows services, instances, checks and keys. It is rendered here, needs
 * no script, renews itself, and everything that came from outside is escaped.
 */
final class UiPage {
  private static final int INSTANCES_MAX = 500;
  private static final int KEYS_MAX = 500;

  private static final String STYLE =
      """
      :root{color-scheme:light dark;--line:light-dark(#d8dee6,#2c333d);--soft:light-dark(#5b6675,#93a0b0);
      --card:light-dark(#fff,#171c23);--good:light-dark(#12703a,#5fd38d);--warn:light-dark(#8a5a00,#f0b74e);
      --bad:light-dark(#b3261e,#ff8a80)}
      *{box-sizing:border-box}
      body{margin:0 auto;max-width:72rem;padding:1.5rem;font:15px/1.5 system-ui,sans-serif;
      background:light-dark(#f4f6f9,#0f1318);color:light-dark(#1b2430,#e4e9ef)}
      header{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;align-items:baseline;margin-bottom:1rem}
      h1{font-size:1.3rem;margin:0}h2{font-size:1.05rem;margin:1.5rem 0 .5rem}
      h3{font-size:1rem;margin:0;display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:baseline}
      .soft{color:var(--soft);font-weight:400}
      section,.none{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.75rem 1rem;
      margin:.6rem 0}
      .instance{border-top:1px solid var(--line);margin-top:.6rem;padding-top:.6rem}
      .tag{border:1px solid var(--line);border-radius:1rem;padding:0 .5rem;font-size:.85em}
      .passing::before,.warning::before,.critical::before,.maintenance::before{margin-right:.35em}
      .passing{color:var(--good)}.passing::before{content:"\\2713"}
      .warning{color:var(--warn)}.warning::before{content:"!"}
      .critical{color:var(--bad)}.critical::before{content:"\\2717"}
      .maintenance{color:var(--warn)}.maintenance::before{content:"\\2016"}
      table{border-collapse:collapse;width:100%}
      td,th{padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top}
      th{color:var(--soft);font-weight:500}
      td{overflow-wrap:anywhere}
      pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.45 ui-monospace,monospace;max-height:12rem;
      overflow:auto}
      code{font:13px/1.45 ui-monospace,monospace}
      """;

  private static final String POLICY =
      "default-src 'none'; style-src 'sha256-"
          + sha256(STYLE)
          + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private final Ledger ledger;
  private final Catalog catalog;
  private final KeyValues keys;
  private final Node node;
  private final InstantSource clock;

  UiPage(State state, InstantSource clock) {
    ledger = state.ledger();
    catalog = state.catalog();
    keys = state.keys();
    node = state.node();
    this.clock = clock;
  }

  void addTo(HttpFace http) {
    http.serve("GET", "/", _ -> new Reply(301, Map.of("Location", "/ui/"), null));
    http.serve("GET", "/ui", _ -> new Reply(301, Map.of("Location", "/ui/"), null));
    http.serve("GET", "/ui/", _ -> page());
  }

  private Reply page() {
    String html = ledger.read(this::html);
    return Reply.bytes(200, "text/html; charset=utf-8", html.getBytes(StandardCharsets.UTF_8))
        .with("Content-Security-Policy", POLICY)
        .with("X-Content-Type-Options", "nosniff")
        .with("Referrer-Policy", "no-referrer")
        .with("Cache-Control", "no-store");
  }

  private String html() {
    StringBuilder html = new StringBuilder(16_384);
    Map<String, ?> names = catalog.tagsByName();
    html.append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        .append("<meta name=\"viewport\" content=\"width=device-width\">")
        .append("<meta http-equiv=\"refresh\" content=\"5\">")
        .append("<title>Registry</title><style>")
        .append(STYLE)
        .append(
            "</style></head><body><header><h1>Registry</h1><span class=\"soft\">development agent · ")
        .append(escape(node.datacenter()))
        .append(" · node ")
        .append(escape(node.name()))
        .append(" · index ")
        .append(ledger.index())
        .append(" · renewed every 5 s</span></header><main>");
    html.append("<h2>Services <span class=\"soft\">").append(names.size()).append("</span></h2>");
    if (names.isEmpty()) {
      html.append(
              "<p class=\"none\">No service is registered. A service appears here when it sends ")
          .append("<code>PUT /v1/agent/service/register</code>.</p>");
    }
    int left = INSTANCES_MAX;
    for (String name : names.keySet()) {
      List<Catalog.Instance> instances = catalog.instances(name);
      if (left <= 0) {
        html.append("<p class=\"none\">More services are registered than this page shows.</p>");
        break;
      }
      service(html, name, instances.subList(0, Math.min(left, instances.size())));
      left -= instances.size();
    }
    nodeChecks(html);
    keys(html);
    return html.append("</main></body></html>").toString();
  }

  private void service(StringBuilder html, String name, List<Catalog.Instance> instances) {
    long passing =
        instances.stream().filter(instance -> instance.status() == Status.PASSING).count();
    html.append("<section><h3>")
        .append(escape(name))
        .append(" <span class=\"soft\">")
        .append(passing)
        .append(" of ")
        .append(instances.size())
        .append(instances.size() == 1 ? " instance passing" : " instances passing")
        .append("</span></h3>");
    for (Catalog.Instance instance : instances) {
      instance(html, instance);
    }
    html.append("</section>");
  }

  private void instance(StringBuilder html, Catalog.Instance instance) {
    Service service = instance.service();
    String state = instance.inMaintenance() ? "maintenance" : instance.status().text();
    html.append("<div class=\"instance\"><h3><span class=\"")
        .append(state)
        .append("\">")
        .append(state)
        .append("</span><span>")
        .append(escape(service.id()))
        .append("</span><code class=\"soft\">")
        .append(escape(service.address().isEmpty() ? node.address() : service.address()))
        .append(':')
        .append(service.port())
        .append("</code>");
    for (String tag : service.tags()) {
      html.append("<span class=\"tag soft\">").append(escape(tag)).append("</span>");
    }
    service
        .meta()
        .forEach(
            (key, value) ->
                html.append("<span class=\"soft\">")
                    .append(escape(key))
                    .append(" = ")
                    .append(escape(value))
                    .append("</span>"));
    html.append("</h3>");
    checks(html, instance.checks().stream().filter(check -> !check.serviceId().isEmpty()).toList());
    html.append("</div>");
  }

  private void checks(StringBuilder html, List<Check> checks) {
    if (checks.isEmpty()) {
      html.append("<span class=\"soft\">no checks</span>");
      return;
    }
    html.append(
        "<table><tr><th>Check</th><th>Kind</th><th>Status</th><th>For</th><th>Output</th></tr>");
    for (Check check : checks) {
      String says = check.output().isEmpty() ? check.spec().notes() : check.output();
      html.append("<tr><td>")
          .append(escape(check.spec().name()))
          .append("</td><td>")
          .append(check.spec().target().type())
          .append("</td><td class=\"")
          .append(check.status().text())
          .append("\">")
          .append(check.status().text())
          .append("</td><td>")
          .append(age(Duration.between(check.since(), clock.instant())))
          .append("</td><td><pre>")
          .append(escape(says))
          .append("</pre></td></tr>");
    }
    html.append("</table>");
  }

  private void nodeChecks(StringBuilder html) {
    if (!catalog.nodeChecks().isEmpty()) {
      html.append("<h2>Checks of the node</h2><section>");
      checks(html, catalog.nodeChecks());
      html.append("</section>");
    }
  }

  private void keys(StringBuilder html) {
    List<KeyValues.Entry> entries = keys.list("");
    html.append("<h2>Keys <span class=\"soft\">").append(entries.size()).append("</span></h2>");
    if (entries.isEmpty()) {
      html.append("<p class=\"none\">The key-value store is empty.</p>");
      return;
    }
    html.append("<section><table><tr><th>Key</th><th>Bytes</th><th>Index</th></tr>");
    for (KeyValues.Entry entry : entries.subList(0, Math.min(KEYS_MAX, entries.size()))) {
      html.append("<tr><td><code>")
          .append(escape(entry.key()))
          .append("</code></td><td>")
          .append(entry.value().length)
          .append("</td><td>")
          .append(entry.modifyIndex())
          .append("</td></tr>");
    }
    html.append("</table>");
    if (entries.size() > KEYS_MAX) {
      html.append("<p class=\"soft\">The first ").append(KEYS_MAX).append(" keys are shown.</p>");
    }
    html.append("</section>");
  }

  private static String age(Duration duration) {
    if (duration.toHours() > 0) {
      return duration.toHours() + " h " + duration.toMinutesPart() + " min";
    }
    return duration.toMinutes() > 0
        ? duration.toMinutes() + " min " + duration.toSecondsPart() + " s"
        : Math.max(0, duration.toSeconds()) + " s";
  }

  /** Text that stays text, between tags and in quoted attributes. */
  static String escape(String text) {
    StringBuilder safe = new StringBuilder(text.length() + 16);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> safe.append("&amp;");
        case '<' -> safe.append("&lt;");
        case '>' -> safe.append("&gt;");
        case '"' -> safe.append("&quot;");
        case '\'' -> safe.append("&#39;");
        default -> safe.append(c < ' ' && c != '\n' && c != '\t' ? '\ufffd' : c);
      }
    }
    return safe.toString();
  }

  private static String sha256(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
