package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The page at {@code /ui}. */
final class UiPageTest {
  private volatile Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private DevAgent agent;
  private Api api;

  @BeforeEach
  void start() throws IOException {
    agent = DevAgent.start(DevAgentConfig.inMemory().withClock(() -> now));
    api = new Api(agent.url());
  }

  @AfterEach
  void stop() {
    api.close();
    agent.close();
  }

  private String page() {
    return api.get("/ui/").isOk().body();
  }

  /** What a reader sees: the page without its tags. */
  private String text() {
    return page()
        .replaceAll("(?s)<style>.*</style>", "")
        .replaceAll("<[^>]*>", " ")
        .replaceAll("\\s+", " ");
  }

  @Test
  void showsServicesInstancesChecksAndTheirOutput() {
    api.register(
            """
            {"ID":"order-1","Name":"order-svc","Address":"127.0.0.1","Port":9102,"Tags":["v1"],
             "Meta":{"version":"1.2.3"},"Check":{"CheckID":"c","Name":"gRPC health","TTL":"60s"}}\
            """)
        .isOk();
    api.put("/v1/agent/check/fail/c?note=connection%20refused").isOk();
    api.registerTtl("order-svc", "order-2", "passing");
    api.put("/v1/kv/weft/limits", "12345").isOk();
    now = now.plus(Duration.ofSeconds(75));
    assertThat(text())
        .contains("Services 1 1 critical 1 passing Look at order-svc")
        .contains("order-svc 1 of 2 instances passing")
        .contains("critical order-1 127.0.0.1:9102 v1 version = 1.2.3")
        .contains("gRPC health ttl critical 1 min 15 s connection refused")
        .contains("passing order-2 127.0.0.1:1")
        .contains("Keys 1 Key Bytes Index weft/limits 5");
  }

  @Test
  void showsMaintenanceAndWhy() {
    api.registerTtl("pay", "pay-1", "passing");
    api.put("/v1/agent/service/maintenance/pay-1?enable=true&reason=deploy").isOk();
    assertThat(text())
        .contains("maintenance pay-1")
        .contains("Service Maintenance Mode maintenance critical 0 s deploy");
  }

  @Test
  void saysWhatToDoWhenNothingIsRegistered() {
    assertThat(text())
        .contains("No service is registered.")
        .contains("PUT /v1/agent/service/register")
        .contains("The key-value store is empty.");
  }

  @Test
  void escapesEverythingThatComesFromOutside() {
    String evil = "<script>alert(1)</script>'\\\"&";
    api.register(
            """
            {"ID":"%1$s1","Name":"%1$s2","Address":"%1$s3","Tags":["%1$s4"],
             "Checks":[{"CheckID":"%1$s5","Name":"%1$s6","Notes":"%1$s7","TTL":"60s"},
                       {"CheckID":"plain","TTL":"60s"}]}\
            """
                .formatted(evil))
        .isOk();
    api.put("/v1/agent/check/pass/plain?note=" + Api.encode("<img src=x onerror=alert(8)>")).isOk();
    api.put("/v1/agent/check/register", "{\"Name\":\"<u>node</u>\",\"TTL\":\"1m\"}").isOk();
    api.put("/v1/kv/" + Api.encode("<b>key</b>"), "x").isOk();
    String page = page();
    assertThat(page)
        .contains("&lt;script&gt;alert(1)&lt;/script&gt;&#39;&quot;&amp;2")
        .contains("&lt;img src=x onerror=alert(8)&gt;")
        .contains("&lt;u&gt;node&lt;/u&gt;")
        .contains("&lt;b&gt;key&lt;/b&gt;");
    assertThat(Pattern.compile("<(\\w+)").matcher(page).results().map(tag -> tag.group(1)))
        .isSubsetOf(
            "html", "head", "meta", "title", "style", "body", "header", "main", "section", "div",
            "h1", "h2", "h3", "h4", "p", "span", "a", "code", "pre", "table", "thead", "tbody",
            "tr", "th", "td");
    assertThat(Pattern.compile("<[^>]*\\son\\w+=").matcher(page).find()).isFalse();
  }

  @Test
  void needsNoScriptAndAllowsNone() {
    Api.Answer answer = api.get("/ui/").isOk();
    assertThat(answer.header("Content-Security-Policy"))
        .startsWith("default-src 'none'; style-src 'sha256-")
        .contains("frame-ancestors 'none'");
    assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
    assertThat(answer.header("Content-Type")).isEqualTo("text/html; charset=utf-8");
    assertThat(answer.body()).doesNotContain("<script").doesNotContain(" style=");
  }

  @Test
  void renewsItselfUnlessAskedNotTo() {
    assertThat(page())
        .contains("<meta http-equiv=\"refresh\" content=\"5\">")
        .contains("<a href=\"/ui/?refresh=off\">stop renewing</a>");
    assertThat(api.get("/ui/?refresh=off").isOk().body())
        .doesNotContain("http-equiv")
        .contains("<a href=\"/ui/\">renew every 5 s</a>");
  }

  @Test
  void isReachedFromTheRoot() {
    for (String path : new String[] {"/", "/ui"}) {
      assertThat(api.get(path).status()).isEqualTo(301);
      assertThat(api.get(path).header("Location")).isEqualTo("/ui/");
    }
    assertThat(api.put("/ui/").status()).isEqualTo(405);
  }

  @Test
  void showsAtMostFiveHundredInstances() {
    for (int i = 0; i < 505; i++) {
      api.register("{\"ID\":\"i-%03d\",\"Name\":\"many\"}".formatted(i)).isOk();
    }
    api.register("{\"Name\":\"more\"}").isOk();
    assertThat(page())
        .contains("i-499")
        .doesNotContain("i-500")
        .contains("More services are registered than this page shows.");
  }
}
