package dev.weft.consul.agent;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@code /ui}: one page that shows services, instances, checks and keys. It is rendered here and
 * needs no script; it renews itself every {@value #RENEWAL_SECONDS} s unless {@code ?refresh=off}.
 * Everything that came from outside is escaped.
 */
final class UiPage {
  private static final int RENEWAL_SECONDS = 5;
  private static final int INSTANCES_MAX = 500;
  private static final int KEYS_MAX = 500;

  private static final String STYLE =
      """
      :root{color-scheme:light dark;--line:light-dark(#d8dee6,#2c333d);--soft:light-dark(#566070,#9aa7b7);
      --card:light-dark(#fff,#171c23);--good:light-dark(#12703a,#5fd38d);--warn:light-dark(#855600,#f0b74e);
      --bad:light-dark(#b3261e,#ff8a80);--link:light-dark(#0b57d0,#8ab4f8)}
      *{box-sizing:border-box}
      body{margin:0 auto;max-width:72rem;padding:1.5rem;font:15px/1.5 system-ui,sans-serif;
      background:light-dark(#f4f6f9,#0f1318);color:light-dark(#1b2430,#e4e9ef)}
      a{color:var(--link)}
      a:focus-visible,pre:focus-visible{outline:2px solid var(--link);outline-offset:2px}
      header,.line{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;align-items:baseline}
      h1{font-size:1.3rem;margin:0}h2{font-size:1.05rem;margin:1.5rem 0 .5rem}h3,h4{font-size:1rem;margin:0}
      p{margin:.5rem 0}
      .soft{color:var(--soft);font-weight:400}
      section,.none{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.75rem 1rem;
      margin:.6rem 0}
      section:target{border-color:var(--link)}
      .instance{border-top:1px solid var(--line);margin-top:.6rem;padding-top:.6rem}
      .tag{border:1px solid var(--line);border-radius:1rem;padding:0 .5rem;font-size:.85em}
      .state{font-weight:600}
      .state::before{margin-right:.35em}
      .passing{color:var(--good)}.passing::before{content:"\\2713"}
      .warning{color:var(--warn)}.warning::before{content:"!"}
      .critical{color:var(--bad)}.critical::before{content:"\\2717"}
      .maintenance{color:var(--warn)}.maintenance::before{content:"\\2016"}
      table{border-collapse:collapse;width:100%;table-layout:fixed}
      td,th{padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}
      th{color:var(--soft);font-weight:500}
      .checks th:nth-child(1){width:24%}.checks th:nth-child(2){width:8.5rem}.checks th:nth-child(3){width:6.5rem}
      .keys th:nth-child(2),.keys th:nth-child(3){width:8rem}
      pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.45 ui-monospace,monospace;max-height:12rem;
      overflow:auto}
      code{font:13px/1.45 ui-monospace,monospace}
      @media(max-width:40rem){body{padding:.75rem}.checks thead{display:none}
      .checks tr{display:flex;flex-wrap:wrap;gap:0 .75rem;padding:.2rem 0}.checks td{padding:0}
      .checks td:last-child{flex-basis:100%}}
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
    http.serve("GET", "/ui/", request -> page(!request.query("refresh").equals("off")));
  }

  private Reply page(boolean renewed) {
    String html = ledger.read(() -> html(renewed));
    return Reply.bytes(200, "text/html; charset=utf-8", html.getBytes(StandardCharsets.UTF_8))
        .with("Content-Security-Policy", POLICY)
        .with("X-Content-Type-Options", "nosniff")
        .with("Referrer-Policy", "no-referrer")
        .with("Cache-Control", "no-store");
  }

  private String html(boolean renewed) {
    StringBuilder html = new StringBuilder(16_384);
    Map<String, List<Catalog.Instance>> services = new LinkedHashMap<>();
    catalog.tagsByName().keySet().forEach(name -> services.put(name, catalog.instances(name)));
    html.append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        .append("<meta name=\"viewport\" content=\"width=device-width\">");
    if (renewed) {
      html.append("<meta http-equiv=\"refresh\" content=\"" + RENEWAL_SECONDS + "\">");
    }
    html.append("<title>Registry</title><style>").append(STYLE).append("</style></head><body>");
    header(html, renewed);
    html.append("<main>");
    summary(html, services);
    int left = INSTANCES_MAX;
    for (Map.Entry<String, List<Catalog.Instance>> service : services.entrySet()) {
      if (left <= 0) {
        html.append("<p class=\"none\">More services are registered than this page shows.</p>");
        break;
      }
      List<Catalog.Instance> instances = service.getValue();
      service(html, service.getKey(), instances, Math.min(left, instances.size()));
      left -= instances.size();
    }
    nodeChecks(html);
    keys(html);
    return html.append("</main></body></html>").toString();
  }

  private void header(StringBuilder html, boolean renewed) {
    html.append("<header><h1>Registry</h1><span class=\"soft\">development agent · ")
        .append(escape(node.datacenter()))
        .append(" · node ")
        .append(escape(node.name()))
        .append(" · index ")
        .append(ledger.index())
        .append("</span><span class=\"soft\">")
        .append(
            renewed
                ? "renewed every "
                    + RENEWAL_SECONDS
                    + " s · <a href=\"/ui/?refresh=off\">stop renewing</a>"
                : "<a href=\"/ui/?refresh=off\">renew now</a> · <a href=\"/ui/\">renew every "
                    + RENEWAL_SECONDS
                    + " s</a>")
        .append("</span></header>");
  }

  /** How many are well, and the way to those who are not. */
  private static void summary(StringBuilder html, Map<String, List<Catalog.Instance>> services) {
    html.append("<h2>Services <span class=\"soft\">")
        .append(services.size())
        .append("</span></h2>");
    if (services.isEmpty()) {
      html.append(
              "<p class=\"none\">No service is registered. A service appears here when it sends ")
          .append("<code>PUT /v1/agent/service/register</code>.</p>");
      return;
    }
    Map<String, Integer> counts = new TreeMap<>(); // critical first
    services
        .values()
        .forEach(
            instances ->
                instances.forEach(instance -> counts.merge(state(instance), 1, Integer::sum)));
    html.append("<p class=\"line\">");
    counts.forEach((state, count) -> state(html, state, count + " " + state));
    html.append("</p>");
    List<String> ill = new ArrayList<>();
    services.forEach(
        (name, instances) -> {
          if (passing(instances) < instances.size()) {
            ill.add("<a href=\"#" + anchor(name) + "\">" + escape(name) + "</a>");
          }
        });
    if (!ill.isEmpty()) {
      html.append("<p class=\"line\"><span class=\"soft\">Look at</span>")
          .append(String.join("", ill))
          .append("</p>");
    }
  }

  private static String anchor(String name) {
    return "service-" + escape(URLEncoder.encode(name, StandardCharsets.UTF_8));
  }

  private static long passing(List<Catalog.Instance> instances) {
    return instances.stream().filter(instance -> instance.status() == Status.PASSING).count();
  }

  private static String state(Catalog.Instance instance) {
    return instance.inMaintenance() ? "maintenance" : instance.status().text();
  }

  private static void state(StringBuilder html, String state, String text) {
    html.append("<span class=\"state ").append(state).append("\">").append(text).append("</span>");
  }

  private void service(
      StringBuilder html, String name, List<Catalog.Instance> instances, int shown) {
    html.append("<section id=\"")
        .append(anchor(name))
        .append("\"><h3 class=\"line\">")
        .append(escape(name))
        .append("<span class=\"soft\">")
        .append(passing(instances))
        .append(" of ")
        .append(instances.size())
        .append(instances.size() == 1 ? " instance passing" : " instances passing")
        .append("</span></h3>");
    instances.subList(0, shown).forEach(instance -> instance(html, instance));
    html.append("</section>");
  }

  private void instance(StringBuilder html, Catalog.Instance instance) {
    Service service = instance.service();
    html.append("<div class=\"instance\"><div class=\"line\">");
    state(html, state(instance), state(instance));
    html.append("<h4>")
        .append(escape(service.id()))
        .append("</h4><code class=\"soft\">")
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
    html.append("</div>");
    checks(html, instance.checks().stream().filter(check -> !check.serviceId().isEmpty()).toList());
    html.append("</div>");
  }

  private void checks(StringBuilder html, List<Check> checks) {
    if (checks.isEmpty()) {
      html.append(
          "<p class=\"soft\">No checks: it counts as passing for as long as it is registered.</p>");
      return;
    }
    html.append("<table class=\"checks\"><thead><tr><th scope=\"col\">Check</th>")
        .append("<th scope=\"col\">Status</th><th scope=\"col\">For</th>")
        .append("<th scope=\"col\">Output</th></tr></thead><tbody>");
    for (Check check : checks) {
      String says = check.output().isEmpty() ? check.spec().notes() : check.output();
      html.append("<tr><td>")
          .append(escape(check.spec().name()))
          .append(" <span class=\"soft\">")
          .append(check.spec().target().type())
          .append("</span></td><td>");
      state(html, check.status().text(), check.status().text());
      html.append("</td><td>")
          .append(age(Duration.between(check.since(), clock.instant())))
          .append("</td><td>");
      if (!says.isEmpty()) {
        html.append("<pre tabindex=\"0\">").append(escape(says)).append("</pre>");
      }
      html.append("</td></tr>");
    }
    html.append("</tbody></table>");
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
    html.append("<section><table class=\"keys\"><thead><tr><th scope=\"col\">Key</th>")
        .append("<th scope=\"col\">Bytes</th><th scope=\"col\">Index</th></tr></thead><tbody>");
    for (KeyValues.Entry entry : entries.subList(0, Math.min(KEYS_MAX, entries.size()))) {
      html.append("<tr><td><code>")
          .append(escape(entry.key()))
          .append("</code></td><td>")
          .append(entry.value().length)
          .append("</td><td>")
          .append(entry.modifyIndex())
          .append("</td></tr>");
    }
    html.append("</tbody></table>");
    if (entries.size() > KEYS_MAX) {
      html.append("<p class=\"soft\">The first " + KEYS_MAX + " keys are shown.</p>");
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
