package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/**
 * {@code /v1/config}. Each statement and its test:
 *
 * <ul>
 *   <li>an entry is written, shown, listed and deleted: {@link #keepsAnEntry}.
 *   <li>names of fields in any spelling: {@link #takesNamesInBothSpellings}.
 *   <li>404 has an index: {@link #indexesEntriesThatAreNotThere}.
 *   <li>a query wakes for its entry: {@link QuietContract#wakesForAnEntryThatIsWrittenOrDeleted}.
 *   <li>cas: {@link #writesAnEntryWithCasOnlyIfItWasNotWrittenSince}.
 *   <li>what is wrong: {@link #saysWhatIsWrongWithAnEntry}.
 * </ul>
 */
interface ConfigContract extends Contract {
  String LIST = "/v1/config/service-defaults";

  /** The entry of a service that speaks this. */
  static String defaults(String name, String protocol) {
    return """
    {"Kind":"service-defaults","Name":"%s","Protocol":"%s","Meta":{"weft-tls":"required"}}\
    """
        .formatted(name, protocol);
  }

  /** Where that entry is. */
  static String path(String name) {
    return LIST + "/" + name;
  }

  @Test
  default void keepsAnEntry() {
    String name = unique("kept");
    assertThat(api().put("/v1/config", defaults(name, "GRPC")).isOk().json()).isEqualTo(true);
    Api.Answer entry = api().get(path(name)).isOk();
    assertThat(entry.names())
        .containsExactly(
            "Kind",
            "Name",
            "Protocol",
            "MeshGateway",
            "Expose",
            "Meta",
            "CreateIndex",
            "ModifyIndex");
    assertThat(entry.at("Kind")).isEqualTo("service-defaults");
    assertThat(entry.at("Protocol")).isEqualTo("grpc");
    assertThat(entry.at("Meta", "weft-tls")).isEqualTo("required");
    assertThat(entry.at("ModifyIndex")).isEqualTo(entry.at("CreateIndex"));
    assertThat(api().get(LIST).isOk().list().stream()).anyMatch(row -> row.equals(entry.json()));
    assertThat(api().get("/v1/config/proxy-defaults").isOk().list()).isEmpty();
    api().put("/v1/config", defaults(name, "http")).isOk();
    Api.Answer again = api().get(path(name)).isOk();
    assertThat(again.at("CreateIndex")).isEqualTo(entry.at("CreateIndex"));
    assertThat(again.at("ModifyIndex")).isNotEqualTo(entry.at("ModifyIndex"));
    assertThat(api().delete(path(name)).isOk().body().strip()).isEqualTo("{}");
    assertThat(api().delete(path(name)).isOk().body().strip()).isEqualTo("{}");
    assertThat(api().get(path(name)).status()).isEqualTo(404);
  }

  @Test
  default void takesNamesInBothSpellings() {
    String name = unique("spelled");
    api()
        .put(
            "/v1/config",
            "{\"kind\":\"service-defaults\",\"name\":\"%s\",\"external_sni\":\"x\"}"
                .formatted(name))
        .isOk();
    assertThat(api().get(path(name)).isOk().at("ExternalSNI")).isEqualTo("x");
  }

  @Test
  default void indexesEntriesThatAreNotThere() {
    String name = unique("absent");
    Api.Answer answer = api().get(path(name));
    assertThat(answer.status()).isEqualTo(404);
    assertThat(answer.body())
        .isEqualTo("Config entry not found for \"service-defaults\" / \"" + name + "\"");
    assertThat(answer.index()).isPositive();
  }

  @Test
  default void writesAnEntryWithCasOnlyIfItWasNotWrittenSince() {
    String name = unique("cas");
    String body = defaults(name, "grpc");
    assertThat(api().put("/v1/config?cas=0", body).isOk().json()).isEqualTo(true);
    assertThat(api().put("/v1/config?cas=0", body).isOk().json()).isEqualTo(false);
    Object index = api().get(path(name)).at("ModifyIndex");
    assertThat(api().put("/v1/config?cas=1", body).isOk().json()).isEqualTo(false);
    assertThat(api().put("/v1/config?cas=" + index, defaults(name, "http")).isOk().json())
        .isEqualTo(true);
    assertThat(api().get(path(name)).at("Protocol")).isEqualTo("http");
  }

  @Test
  default void saysWhatIsWrongWithAnEntry() {
    refused("{\"Name\":\"x\"}", 400, "Payload does not contain a kind/Kind key at the top level");
    refused("{\"Kind\":\"foo\",\"Name\":\"x\"}", 400, "invalid config entry kind: foo");
    refused(
        "{\"Kind\":\"service-defaults\",\"Name\":\"x\",\"Foo\":1}",
        400,
        "1 error occurred:\n\t* invalid config key \"Foo\"\n\n");
    refused("x", 400, "invalid character 'x' looking for beginning of value");
    assertThat(api().put("/v1/config", "{\"Kind\":\"service-defaults\"}").status()).isEqualTo(500);
    assertThat(api().get("/v1/config/foo").body()).isEqualTo("invalid config entry kind: foo");
    assertThat(api().get("/v1/config/foo/bar").status()).isEqualTo(500);
    assertThat(api().delete("/v1/config/foo/bar").status()).isEqualTo(400);
    assertThat(api().delete("/v1/config/service-defaults").body())
        .isEqualTo("Must provide both a kind and name to delete");
  }

  private void refused(String body, int status, String complaint) {
    Api.Answer answer = api().put("/v1/config", body);
    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.body()).isEqualTo("Bad request: Request decoding failed: " + complaint);
  }
}
