package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * {@code /v1/connect/intentions}, the older API. Each statement and its test:
 *
 * <ul>
 *   <li>an intention is created, shown, changed and deleted by its id: {@link
 *       #keepsAnIntentionByItsId}.
 *   <li>the list can be filtered: {@link #listsIntentions}.
 *   <li>matches are in order of precedence: {@link #matchesTheMoreExactFirst}.
 *   <li>no match is null: {@link #saysNullWhereNothingMatches}.
 *   <li>the check says what would happen: {@link #checksWhoMayCall}.
 *   <li>list and match block on the list's index: {@link
 *       QuietContract#wakesQueriesForIntentionsForEveryChange}.
 *   <li>what is wrong: {@link #saysWhatIsWrongWithAnIntention}, {@link #saysWhatAQueryLacks}.
 *   <li>an agent authorizes by intentions, whatever the trust domain: {@link
 *       #authorizesByIntentions}.
 * </ul>
 */
interface IntentionsContract extends Contract {
  String INTENTIONS = "/v1/connect/intentions";

  /** Creates one and returns its id. */
  default String intend(String source, String destination, String action) {
    String body =
        """
        {"SourceName":"%s","DestinationName":"%s","Action":"%s","Description":"d","Meta":{"a":"b"}}\
        """
            .formatted(source, destination, action);
    return String.valueOf(api().post(INTENTIONS, body).isOk().at("ID"));
  }

  /** What is intended about calls of a service. */
  static String matching(String destination) {
    return INTENTIONS + "/match?by=destination&name=" + destination;
  }

  private @Nullable Object allowed(String source, String destination) {
    return api()
        .get(INTENTIONS + "/check?source=" + source + "&destination=" + destination)
        .isOk()
        .at("Allowed");
  }

  @Test
  default void keepsAnIntentionByItsId() {
    String destination = unique("shop");
    String id = intend("web", destination, "allow");
    Api.Answer shown = api().get(INTENTIONS + "/" + id).isOk();
    assertThat(shown.names())
        .contains(
            "ID",
            "Description",
            "SourceNS",
            "SourceName",
            "DestinationNS",
            "DestinationName",
            "SourceType",
            "Action",
            "Meta",
            "Precedence",
            "CreatedAt",
            "UpdatedAt",
            "CreateIndex",
            "ModifyIndex");
    assertThat(shown.at("ID")).isEqualTo(id);
    assertThat(shown.at("SourceNS")).isEqualTo("default");
    assertThat(shown.at("SourceType")).isEqualTo("consul");
    assertThat(shown.at("Precedence")).isEqualTo(9L);
    assertThat(shown.at("Meta", "a")).isEqualTo("b");
    String changed =
        "{\"SourceName\":\"web\",\"DestinationName\":\"%s\",\"Action\":\"deny\"}"
            .formatted(destination);
    assertThat(api().put(INTENTIONS + "/" + id, changed).isOk().at("ID")).isEqualTo(id);
    Api.Answer after = api().get(INTENTIONS + "/" + id).isOk();
    assertThat(after.at("Action")).isEqualTo("deny");
    assertThat(after.at("CreatedAt")).isEqualTo(shown.at("CreatedAt"));
    assertThat(api().delete(INTENTIONS + "/" + id).isOk().json()).isEqualTo(true);
    Api.Answer gone = api().get(INTENTIONS + "/" + id);
    assertThat(gone.status()).isEqualTo(404);
    assertThat(gone.body()).isEqualTo("Intention not found");
    assertThat(api().delete(INTENTIONS + "/" + id).body())
        .isEqualTo("Cannot delete non-existent intention: '" + id + "'");
    assertThat(api().put(INTENTIONS + "/" + id, changed).body())
        .isEqualTo("Cannot modify non-existent intention: '" + id + "'");
  }

  @Test
  default void listsIntentions() {
    String destination = unique("listed");
    intend("web", destination, "allow");
    intend("api", destination, "deny");
    String filter = Api.encode("DestinationName == \"" + destination + "\" and Action == deny");
    Api.Answer denied = api().get(INTENTIONS + "?filter=" + filter).isOk();
    assertThat(denied.list()).hasSize(1);
    assertThat(denied.at(0, "SourceName")).isEqualTo("api");
    assertThat(denied.index()).isPositive();
    assertThat(api().get(INTENTIONS).isOk().list()).hasSizeGreaterThanOrEqualTo(2);
    String none = Api.encode("DestinationName == nobody");
    assertThat(api().get(INTENTIONS + "?filter=" + none).isOk().body().strip()).isEqualTo("[]");
    assertThat(api().get(INTENTIONS + "?filter=Nothing==x").status()).isEqualTo(500);
  }

  @Test
  default void matchesTheMoreExactFirst() {
    String destination = unique("matched");
    String source = unique("web");
    String wild = intend("*", destination, "deny");
    String exact = intend(source, destination, "allow");
    String any = intend(source, "*", "deny");
    try {
      Api.Answer answer = api().get(matching(destination)).isOk();
      assertThat(answer.at(destination, 0, "ID")).isEqualTo(exact);
      assertThat(answer.at(destination, 1, "ID")).isEqualTo(wild);
      assertThat(answer.at(destination, 2, "ID")).isEqualTo(any);
      assertThat(answer.at(destination, 0, "Precedence")).isEqualTo(9L);
      assertThat(answer.at(destination, 1, "Precedence")).isEqualTo(8L);
      assertThat(answer.at(destination, 2, "Precedence")).isEqualTo(6L);
      Api.Answer bySource = api().get(INTENTIONS + "/match?by=source&name=" + source).isOk();
      assertThat(bySource.at(source, 0, "ID")).isEqualTo(exact);
      assertThat(bySource.body()).contains(wild, any);
    } finally {
      api().delete(INTENTIONS + "/" + any).isOk();
    }
  }

  @Test
  default void saysNullWhereNothingMatches() {
    String none = unique("unmatched");
    String some = unique("matched");
    intend("web", some, "deny");
    // Another test has one about every destination for a moment.
    Api.Answer answer =
        await()
            .until(
                () -> api().get(matching(none) + "&name=" + some).isOk(),
                one -> one.at(none) == null);
    assertThat(answer.names()).containsExactlyInAnyOrder(none, some);
    assertThat(answer.rows(some)).hasSize(1);
    assertThat(answer.at(some, 0, "SourceName")).isEqualTo("web");
    assertThat(answer.at(some, 0, "DestinationName")).isEqualTo(some);
  }

  @Test
  default void checksWhoMayCall() {
    String destination = unique("checked");
    assertThat(allowed("web", destination)).as("the default without ACLs").isEqualTo(true);
    intend("*", destination, "deny");
    assertThat(allowed("web", destination)).isEqualTo(false);
    intend("web", destination, "allow");
    assertThat(allowed("web", destination)).isEqualTo(true);
    assertThat(allowed("default/other", "default/" + destination)).isEqualTo(false);
  }

  @Test
  default void saysWhatIsWrongWithAnIntention() {
    String destination = unique("wrong");
    String id = intend("web", destination, "allow");
    refused(
        "{\"SourceName\":\"web\",\"DestinationName\":\"" + destination + "\",\"Action\":\"deny\"}",
        "duplicate intention found");
    refused(
        "{\"SourceName\":\"web\",\"DestinationName\":\"x\",\"Action\":\"maybe\"}",
        "Action must be set to 'allow' or 'deny'");
    refused(
        "{\"SourceName\":\"we*\",\"DestinationName\":\"x\",\"Action\":\"deny\"}",
        "wildcard character '*' cannot be used with partial values");
    refused(
        "{\"SourceName\":\"a\",\"DestinationName\":\"x\",\"Action\":\"deny\",\"SourceType\":\"y\"}",
        "must be set to 'consul'");
    refused(
        "{\"ID\":\""
            + id
            + "\",\"SourceName\":\"a\",\"DestinationName\":\"x\",\"Action\":\"deny\"}",
        "ID must be empty when creating a new intention");
    refused("{\"Foo\":1}", "Failed to decode request body: ");
    refused("x", "Failed to decode request body: invalid character 'x'");
    Api.Answer noUuid = api().get(INTENTIONS + "/abc");
    assertThat(noUuid.status()).isEqualTo(400);
    assertThat(noUuid.body()).contains("UUID must be 36 characters");
  }

  private void refused(String body, String complaint) {
    Api.Answer answer = api().post(INTENTIONS, body);
    assertThat(answer.status()).as(body).isEqualTo(500);
    assertThat(answer.body()).contains(complaint);
  }

  @Test
  default void saysWhatAQueryLacks() {
    lacks("/match?name=x", "required query parameter 'by' not set");
    lacks("/match?by=source", "required query parameter 'name' not set");
    lacks("/match?by=x&name=x", "'by' parameter must be one of 'source' or 'destination'");
    lacks("/check?destination=x", "required query parameter 'source' not set");
    lacks("/check?source=x", "required query parameter 'destination' not set");
  }

  private void lacks(String query, String complaint) {
    Api.Answer answer = api().get(INTENTIONS + query);
    assertThat(answer.status()).isEqualTo(500);
    assertThat(answer.body()).isEqualTo(complaint);
  }

  @Test
  default void authorizesByIntentions() {
    String destination = unique("authorized");
    Api.Answer byDefault = authorize(destination, "spiffe://x.consul/ns/default/dc/dc1/svc/web");
    assertThat(byDefault.isOk().at("Authorized")).isEqualTo(true);
    assertThat(byDefault.at("Reason")).isEqualTo("ACLs disabled, access is allowed by default");
    String id = intend("web", destination, "deny");
    // The agent asks its cache, which hears of the change a moment later.
    Api.Answer denied =
        await()
            .until(
                () -> authorize(destination, "spiffe://y.consul/ns/default/dc/dc9/svc/web"),
                answer -> Boolean.FALSE.equals(answer.isOk().at("Authorized")));
    assertThat(String.valueOf(denied.at("Reason")))
        .contains("DENY default/web => default/" + destination, id, "Precedence: 9");
    assertThat(authorize(destination, "spiffe://x.consul/agent/client/dc/dc1/id/web").body())
        .contains("Bad request: ClientCertURI not a valid Service identifier");
    assertThat(authorize(destination, "http://x").body())
        .contains("Bad request: ClientCertURI not a valid Connect identifier");
    assertThat(authorize("", "http://x").body())
        .contains("Bad request: Target service must be specified");
  }

  private Api.Answer authorize(String target, String uri) {
    return api()
        .post(
            "/v1/agent/connect/authorize",
            "{\"Target\":\"%s\",\"ClientCertURI\":\"%s\",\"ClientCertSerial\":\"0d\"}"
                .formatted(target, uri));
  }
}
