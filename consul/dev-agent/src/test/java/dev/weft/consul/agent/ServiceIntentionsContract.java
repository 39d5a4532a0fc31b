package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import org.junit.jupiter.api.Test;

/**
 * Intentions as config entries, as Consul has them from 1.9 on; an older one skips this and says
 * so. Each statement and its test:
 *
 * <ul>
 *   <li>an entry is shown by the older API, without ids: {@link #showsAnEntryAsIntentions}.
 *   <li>permissions of requests are kept and shown: {@link #keepsPermissions}.
 *   <li>what is wrong: {@link #saysWhatIsWrongWithAnEntryOfIntentions}.
 *   <li>what the older API wrote becomes part of an entry, and loses its id once that is written:
 *       {@link #takesOverWhatTheOlderApiWrote}.
 *   <li>the older API may not change an entry: {@link #keepsTheOlderApiFromAnEntry}.
 *   <li>intentions by source and destination: {@link #writesOneBySourceAndDestination}.
 *   <li>matches have an index: {@link QuietContract#wakesAMatchForAnEntryOfIntentions}.
 * </ul>
 */
interface ServiceIntentionsContract extends Contract {
  /** Skips the test on an agent that has no such entries. */
  static void assumeServiceIntentions(Api api) {
    Api.Answer answer = api.put("/v1/config", "{\"Kind\":\"service-intentions\",\"Name\":\"x\"}");
    if (answer.body().contains("invalid config entry kind")) {
      RealConsul.say("SKIPPED: this Consul has no service-intentions (they came with 1.9)");
      abort("service-intentions came with Consul 1.9");
    }
  }

  /** The entry of a service with these sources. */
  static String entry(String name, String sources) {
    return "{\"Kind\":\"service-intentions\",\"Name\":\"%s\",\"Sources\":[%s]}"
        .formatted(name, sources);
  }

  private static String path(String name) {
    return "/v1/config/service-intentions/" + name;
  }

  private Api.Answer match(String name) {
    return api().get("/v1/connect/intentions/match?by=destination&name=" + name).isOk();
  }

  @Test
  default void showsAnEntryAsIntentions() {
    assumeServiceIntentions(api());
    String name = unique("entered");
    String sources = "{\"Name\":\"*\",\"Action\":\"deny\"},{\"name\":\"web\",\"action\":\"allow\"}";
    assertThat(api().put("/v1/config", entry(name, sources)).isOk().json()).isEqualTo(true);
    Api.Answer shown = api().get(path(name)).isOk();
    assertThat(shown.at("Sources", 0, "Name")).isEqualTo("web");
    assertThat(shown.at("Sources", 0, "Precedence")).isEqualTo(9L);
    assertThat(shown.at("Sources", 0, "Type")).isEqualTo("consul");
    assertThat(shown.at("Sources", 1, "Precedence")).isEqualTo(8L);
    Api.Answer matches = match(name);
    assertThat(matches.at(name, 0, "SourceName")).isEqualTo("web");
    assertThat(matches.at(name, 0, "Action")).isEqualTo("allow");
    assertThat(matches.names(name, 0)).doesNotContain("ID", "Permissions");
    assertThat(matches.at(name, 1, "Action")).isEqualTo("deny");
    api().delete(path(name)).isOk();
    assertThat(api().get(path(name)).status()).isEqualTo(404);
  }

  @Test
  default void keepsPermissions() {
    assumeServiceIntentions(api());
    String name = unique("permitted");
    api()
        .put(
            "/v1/config",
            "{\"Kind\":\"service-defaults\",\"Name\":\"%s\",\"Protocol\":\"grpc\"}".formatted(name))
        .isOk();
    String source =
        """
        {"Name":"web","Permissions":[
          {"Action":"deny","HTTP":{"PathExact":"/shop.Shop/Drop","Methods":["post"]}},
          {"Action":"allow","HTTP":{"path_prefix":"/shop.Shop/",
           "Header":[{"Name":"x-tenant","Exact":"a","Invert":true},{"Name":"x","Present":true}]}}]}
        """;
    api().put("/v1/config", entry(name, source)).isOk();
    Api.Answer matches = match(name);
    assertThat(matches.names(name, 0)).doesNotContain("Action");
    assertThat(matches.at(name, 0, "Permissions", 0, "Action")).isEqualTo("deny");
    assertThat(matches.at(name, 0, "Permissions", 0, "HTTP", "PathExact"))
        .isEqualTo("/shop.Shop/Drop");
    assertThat(matches.texts(name, 0, "Permissions", 0, "HTTP", "Methods")).containsExactly("POST");
    assertThat(matches.at(name, 0, "Permissions", 1, "HTTP", "PathPrefix"))
        .isEqualTo("/shop.Shop/");
    assertThat(matches.at(name, 0, "Permissions", 1, "HTTP", "Header", 0, "Invert"))
        .isEqualTo(true);
    assertThat(
            api()
                .get("/v1/connect/intentions/check?source=web&destination=" + name)
                .isOk()
                .at("Allowed"))
        .isEqualTo(false);
  }

  @Test
  default void saysWhatIsWrongWithAnEntryOfIntentions() {
    assumeServiceIntentions(api());
    String web = "\"Name\":\"web\"";
    invalid("", "At least one source is required");
    invalid("{\"Action\":\"deny\"}", "Sources[0].Name is required");
    invalid("{" + web + "}", "Sources[0].Action must be set to 'allow' or 'deny'");
    invalid(
        "{\"Name\":\"w*\",\"Action\":\"deny\"}",
        "Sources[0].Name: wildcard character '*' cannot be used with partial values");
    invalid(
        "{" + web + ",\"Action\":\"deny\",\"Type\":\"x\"}",
        "Sources[0].Type must be set to 'consul'");
    invalid(
        "{" + web + ",\"Action\":\"deny\",\"LegacyMeta\":{\"a\":\"b\"}}",
        "Sources[0].LegacyMeta must be omitted");
    invalid(
        "{" + web + ",\"Action\":\"deny\"},{" + web + ",\"Action\":\"allow\"}",
        "Sources[1] defines \"web\" more than once");
    permission(
        "{\"Action\":\"x\",\"HTTP\":{\"PathExact\":\"/\"}}",
        ".Action must be set to 'allow' or 'deny'");
    permission("{\"Action\":\"deny\"}", ".HTTP is required");
    http("", " should not be empty");
    http("\"PathExact\":\"x\"", ".PathExact doesn't start with '/': \"x\"");
    http("\"PathPrefix\":\"x\"", ".PathPrefix doesn't start with '/': \"x\"");
    http(
        "\"PathExact\":\"/\",\"PathRegex\":\"x\"",
        " should only contain at most one of PathExact, PathPrefix, or PathRegex");
    http("\"Header\":[{\"Exact\":\"x\"}]", ".Header[0] missing required Name field");
    http(
        "\"Header\":[{\"Name\":\"x\",\"Exact\":\"1\",\"Regex\":\"2\"}]",
        ".Header[0] should only contain one of Present, Exact, Prefix, Suffix, or Regex");
    http("\"Methods\":[\"FETCH\"]", ".Methods contains an invalid method \"FETCH\"");
    http("\"Methods\":[\"GET\",\"get\"]", ".Methods contains \"GET\" more than once");
    Api.Answer both =
        api()
            .put(
                "/v1/config",
                entry(
                    "x",
                    "{\"Name\":\"web\",\"Action\":\"deny\",\"Permissions\":"
                        + "[{\"Action\":\"deny\",\"HTTP\":{\"PathExact\":\"/\"}}]}"));
    assertThat(both.body())
        .isEqualTo("Sources[0].Action must be omitted if Permissions are specified");
    Api.Answer wild =
        api()
            .put(
                "/v1/config",
                entry(
                    "*",
                    "{\"Name\":\"web\",\"Permissions\":"
                        + "[{\"Action\":\"deny\",\"HTTP\":{\"PathExact\":\"/\"}}]}"));
    assertThat(wild.body())
        .isEqualTo(
            "Sources[0].Permissions cannot be specified on intentions with wildcarded"
                + " destinations");
    Api.Answer unknown =
        api().put("/v1/config", entry("x", "{\"Name\":\"web\",\"Action\":\"deny\",\"Foo\":1}"));
    assertThat(unknown.status()).isEqualTo(400);
    assertThat(unknown.body()).contains("invalid config key", "Foo");
  }

  private void http(String http, String complaint) {
    permission("{\"Action\":\"deny\",\"HTTP\":{" + http + "}}", ".HTTP" + complaint);
  }

  private void permission(String permission, String complaint) {
    invalid(
        "{\"Name\":\"web\",\"Permissions\":[" + permission + "]}",
        "Sources[0].Permissions[0]" + complaint);
  }

  private void invalid(String sources, String complaint) {
    Api.Answer answer = api().put("/v1/config", entry(unique("invalid"), sources));
    assertThat(answer.body()).as(sources).isEqualTo(complaint);
    assertThat(answer.status()).isEqualTo(500);
  }

  @Test
  default void takesOverWhatTheOlderApiWrote() {
    assumeServiceIntentions(api());
    String name = unique("older");
    String body =
        "{\"SourceName\":\"web\",\"DestinationName\":\"%s\",\"Action\":\"deny\"}".formatted(name);
    Object id = api().post("/v1/connect/intentions", body).isOk().at("ID");
    assertThat(api().get(path(name)).isOk().at("Sources", 0, "LegacyID")).isEqualTo(id);
    api().put("/v1/config", entry(name, "{\"Name\":\"web\",\"Action\":\"allow\"}")).isOk();
    assertThat(match(name).at(name, 0, "Action")).isEqualTo("allow");
    assertThat(match(name).names(name, 0)).doesNotContain("ID");
    assertThat(api().get("/v1/connect/intentions/" + id).status()).isEqualTo(404);
  }

  @Test
  default void keepsTheOlderApiFromAnEntry() {
    assumeServiceIntentions(api());
    String name = unique("newer");
    api().put("/v1/config", entry(name, "{\"Name\":\"web\",\"Action\":\"allow\"}")).isOk();
    Api.Answer answer =
        api()
            .post(
                "/v1/connect/intentions",
                "{\"SourceName\":\"a\",\"DestinationName\":\"%s\",\"Action\":\"deny\"}"
                    .formatted(name));
    assertThat(answer.status()).isEqualTo(500);
    assertThat(answer.body()).contains("after editing them via a service-intentions config entry");
  }

  @Test
  default void writesOneBySourceAndDestination() {
    assumeServiceIntentions(api());
    String name = unique("exact");
    String exact = "/v1/connect/intentions/exact?source=web&destination=" + name;
    assertThat(api().put(exact, "{\"Action\":\"allow\"}").isOk().json()).isEqualTo(true);
    assertThat(api().get(exact).isOk().at("Action")).isEqualTo("allow");
    api().put(exact, "{\"Action\":\"deny\"}").isOk();
    assertThat(api().get(path(name)).isOk().at("Sources", 0, "Action")).isEqualTo("deny");
    assertThat(api().delete(exact).isOk().json()).isEqualTo(true);
    Api.Answer gone = api().get(exact);
    assertThat(gone.status()).isEqualTo(404);
    assertThat(gone.body()).contains("Intention not found");
  }
}
