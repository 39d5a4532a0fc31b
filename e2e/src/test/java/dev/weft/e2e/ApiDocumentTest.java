package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What the edge says of the whole shop is what other people's programs take for OpenAPI 3.1. {@code
 * WEFT_OPENAPI_SCHEMA} and {@code WEFT_OPENAPI_LINT} name the programs, if the PATH does not have
 * them.
 */
@ExtendWith(SharedWeft.class)
final class ApiDocumentTest {
  private final Weft weft;

  ApiDocumentTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void describesTheShop() {
    JsonNode document = document().json();

    assertThat(document.path("tags").findValuesAsText("name")).containsAll(Weft.SERVICES);
    JsonNode create = document.at("/paths/~1v1~1orders/post");
    assertThat(create.path("security")).isNotEmpty();
    assertThat(create.at("/responses").has("201")).isTrue();
    assertThat(create.at("/requestBody/content/application~1json/schema/properties").fieldNames())
        .toIterable()
        .containsExactly("items", "shippingAddress", "paymentMethod");
    assertThat(document.at("/paths/~1v1~1auth:login/post/security")).isEmpty();
    assertThat(document.has("x-weft-left-out")).isFalse();
  }

  @Test
  void tellsWhatTheAuthorsOfTheContractsWrote() {
    JsonNode document = document().json();

    assertThat(document.at("/paths/~1v1~1orders/post/description").asText())
        .startsWith("Accepts an order and answers once it is durable");
    assertThat(document.at("/paths/~1v1~1products/get/summary").asText())
        .startsWith("Lists products, or searches them");
  }

  @Test
  void itsExamplesAreAnswered() {
    JsonNode login =
        document().json().at("/paths/~1v1~1auth:login/post/requestBody/content/application~1json");

    // Of the right form, though nobody has that password.
    assertThat(Visitor.anonymous(weft).post("/v1/auth:login", login.path("example")).status())
        .isEqualTo(401);
    assertThat(Visitor.fetch(weft.url("edge") + "/docs").body()).contains("swagger-ui-bundle.js");
  }

  @ParameterizedTest
  @CsvSource({
    "WEFT_OPENAPI_SCHEMA, validate-api, ''",
    "WEFT_OPENAPI_LINT, redocly, lint --config=.ci/redocly.yaml"
  })
  void othersTakeItForValid(String variable, String program, String arguments) throws IOException {
    String tool =
        Command.find(variable, program)
            .map(Path::toString)
            .orElseGet(
                () -> {
                  String why = "no " + program + ": put it on the PATH or name it in " + variable;
                  System.out.println("SKIPPED: " + why);
                  return abort(why);
                });
    Path file = Command.TARGET.resolve("openapi.json");
    Files.writeString(file, document().body());
    List<String> command = new ArrayList<>(List.of(tool));
    if (!arguments.isEmpty()) {
      command.addAll(List.of(arguments.split(" ", -1)));
    }
    command.add(file.toString());

    Command.Outcome outcome =
        Command.run(
            command, Map.of("REDOCLY_TELEMETRY", "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE", "true"));

    assertThat(outcome.exitCode()).as("%s", outcome.all()).isZero();
  }

  private Answer document() {
    Answer document = Visitor.fetch(weft.url("edge") + "/openapi.json");
    assertThat(document.status()).as("%s", document).isEqualTo(200);
    return document;
  }
}
