package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import dev.weft.edge.library.LibraryProto;
import dev.weft.edge.notes.NotesProto;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What the document says of contracts. */
class OpenApiTest {
  private static final RouteTable TABLE =
      Contracts.table(
          Contracts.library(), Contracts.weather(new Access.Public()), Contracts.notes());
  private static final Described DOCUMENT = Described.of(TABLE);

  @Test
  void hasEachRouteOnceOrSaysWhyNot() {
    List<String> told = new ArrayList<>();
    DOCUMENT.operations().forEach(operation -> told.add(operation.path("x-weft-rpc").asText()));
    DOCUMENT.json().path("x-weft-left-out").forEach(out -> told.add(out.path("rpc").asText()));

    assertThat(told)
        .containsExactlyInAnyOrderElementsOf(
            TABLE.routes().stream().map(route -> route.rpc().name()).toList());
    assertThat(DOCUMENT.json().path("x-weft-left-out").findValuesAsText("method"))
        .containsExactly("LOCK");
    assertThat(DOCUMENT.operations())
        .extracting(operation -> operation.path("operationId").asText())
        .doesNotHaveDuplicates()
        .contains("library.v1.Library.GetBook", "library.v1.Library.GetBook_2");
    assertThat(DOCUMENT.json().path("openapi").asText()).isEqualTo("3.1.0");
  }

  @Test
  void isTheSameForTheSameRoutesHoweverTheyCame() {
    RouteTable otherWay =
        Contracts.table(
            Contracts.notes(), Contracts.weather(new Access.Public()), Contracts.library());

    assertThat(Described.text(otherWay, ApiComments.NONE))
        .isEqualTo(Described.text(TABLE, ApiComments.NONE));
  }

  @Test
  void groupsByServiceAndSaysWhoMayCall() {
    JsonNode open = DOCUMENT.operation("get", "/library/books/{book_id}");
    JsonNode roles = DOCUMENT.operation("post", "/notes");

    assertThat(DOCUMENT.json().path("tags").findValuesAsText("name"))
        .containsExactly("library", "notes", "weather");
    assertThat(open.path("tags")).hasSize(1).first().hasToString("\"library\"");
    assertThat(open.path("security")).isEmpty();
    assertThat(open.path("summary").asText()).isEqualTo("Get book");
    assertThat(roles.path("security")).hasToString("[{\"bearer\":[]}]");
    assertThat(roles.path("description").asText()).contains("one of the roles admin, writer.");
    assertThat(
            DOCUMENT.operation("get", "/library/shelves/{shelf_id}").path("deprecated").asBoolean())
        .isTrue();
  }

  /** Whom the page of the API sends passwords to. */
  @Test
  void saysWhichServiceIssuesTokensAndThatNoOtherDoes() {
    RouteTable table =
        RouteTable.of(List.of(Contracts.library(), Contracts.notes()), RouteOwners.of("notes"));

    JsonNode tags = Described.of(table).json().path("tags");

    assertThat(tags.findValuesAsText("name")).containsExactly("library", "notes");
    assertThat(tags.path(0).has("x-weft-issuer")).isFalse();
    assertThat(tags.path(1).path("x-weft-issuer").asBoolean()).isTrue();
  }

  @Test
  void namesPartsOfThePathAsTheRouteThatReads() {
    assertThat(DOCUMENT.json().at("/paths/~1library~1books~1{book_id}").fieldNames())
        .toIterable()
        .contains("get", "patch", "delete");
    JsonNode patch = DOCUMENT.operation("patch", "/library/books/{book_id}");
    assertThat(DOCUMENT.parameter(patch, "book_id").path("in").asText()).isEqualTo("path");
    assertThat(DOCUMENT.parameter(patch, "book_id").path("required").asBoolean()).isTrue();
    JsonNode parts =
        DOCUMENT.operation("get", "/shelves/{parent_1}/boxes/{parent_2}/notes/{note_id}");
    assertThat(DOCUMENT.parameters(parts)).contains("parent_1", "parent_2", "note_id");
    JsonNode any = DOCUMENT.operation("get", "/library/files/{path}/raw");
    assertThat(DOCUMENT.parameter(any, "path").path("description").asText()).contains("slashes");
    assertThat(any.path("description").asText()).contains("Takes any method.");
  }

  @Test
  void describesTheQueryAsItIsRead() {
    JsonNode list = DOCUMENT.operation("get", "/library/books");
    JsonNode note = DOCUMENT.operation("get", "/notes/{note_id}");

    assertThat(DOCUMENT.parameters(list))
        .contains(
            "pageSize",
            "pageToken",
            "genres",
            "labels",
            "author.givenName",
            "since",
            "within",
            "readMask",
            "query",
            "lent",
            "cookie",
            "$fields")
        .doesNotContain("author");
    assertThat(DOCUMENT.parameter(list, "genres").at("/schema/type").asText()).isEqualTo("array");
    assertThat(DOCUMENT.parameter(list, "labels").path("style").asText()).isEqualTo("deepObject");
    assertThat(DOCUMENT.parameter(list, "query").at("/content/application~1json/schema/type"))
        .hasToString("\"object\"");
    assertThat(DOCUMENT.parameter(note, "filter.since").path("description").asText())
        .isEqualTo("At least 7.");
    // Messages that hold themselves come to an end.
    assertThat(DOCUMENT.parameters(note))
        .contains("like.text")
        .doesNotContain("filter.inner.since", "hint")
        .hasSizeLessThanOrEqualTo(RequestTarget.PARAMETERS_MAX + 10);
  }

  @Test
  void saysInHeadersWhatHeadersSay() {
    JsonNode create = DOCUMENT.operation("post", "/library/books");
    JsonNode delete = DOCUMENT.operation("delete", "/library/books/{book_id}");
    JsonNode patch = DOCUMENT.operation("patch", "/library/books/{book_id}");
    JsonNode list = DOCUMENT.operation("get", "/library/books");
    JsonNode get = DOCUMENT.operation("get", "/library/books/{book_id}");

    assertThat(DOCUMENT.parameter(create, "Idempotency-Key").path("required").asBoolean()).isTrue();
    assertThat(create.at("/responses/201/headers").fieldNames())
        .toIterable()
        .containsExactly("Location", "ETag");
    assertThat(DOCUMENT.parameter(delete, "If-Match").path("required").asBoolean()).isTrue();
    assertThat(DOCUMENT.parameters(delete)).doesNotContain("etag");
    assertThat(delete.at("/responses/204").has("content")).isFalse();
    assertThat(delete.at("/responses/428/$ref").asText())
        .isEqualTo("#/components/responses/PreconditionRequired");
    assertThat(DOCUMENT.parameter(patch, "If-Match").path("required").asBoolean()).isFalse();
    assertThat(list.at("/responses/200/headers").fieldNames())
        .toIterable()
        .containsExactly("ETag", "Link", "Cache-Control");
    assertThat(get.at("/responses").has("304")).isTrue();
    assertThat(DOCUMENT.parameters(get)).contains("If-None-Match");
  }

  @Test
  void describesBodiesWithoutWhatThePathSays() {
    JsonNode patch = body(DOCUMENT.operation("patch", "/library/books/{book_id}"));
    JsonNode add = body(DOCUMENT.operation("post", "/notes"));
    JsonNode create = body(DOCUMENT.operation("post", "/library/books"));

    assertThat(patch.path("properties").has("bookId")).isFalse();
    assertThat(patch.path("properties").has("title")).isTrue();
    assertThat(patch.has("required")).isFalse();
    assertThat(add.path("properties").fieldNames()).toIterable().containsExactly("note");
    assertThat(add.path("required")).hasToString("[\"note\"]");
    assertThat(create.path("$ref").asText()).isEqualTo("#/components/schemas/library.v1.Book");
    assertThat(DOCUMENT.operation("post", "/library/books").at("/requestBody/required").asBoolean())
        .isTrue();
  }

  private static JsonNode body(JsonNode operation) {
    return operation.at("/requestBody/content/application~1json/schema");
  }

  @Test
  void describesStreamsAndBytesByTheirMediaTypes() {
    JsonNode watch = DOCUMENT.operation("get", "/library/books/{book_id}:watch");
    JsonNode add = DOCUMENT.operation("post", "/library/books:add");
    JsonNode talk = DOCUMENT.operation("get", "/library/talk/{topic}");
    JsonNode cover = DOCUMENT.operation("put", "/library/books/{book_id}/cover");

    assertThat(watch.at("/responses/200/content").fieldNames())
        .toIterable()
        .containsExactly("application/x-ndjson", "application/json", "text/event-stream");
    assertThat(watch.at("/responses/200/content/application~1json/schema/items/anyOf/0/$ref"))
        .hasToString("\"#/components/schemas/library.v1.Book\"");
    assertThat(add.at("/requestBody/content").fieldNames())
        .toIterable()
        .containsExactly("application/x-ndjson", "application/json");
    assertThat(talk.path("description").asText()).contains("WebSocket");
    assertThat(talk.path("responses").has("426")).isTrue();
    assertThat(cover.at("/requestBody/content").has("*/*")).isTrue();
    assertThat(
            DOCUMENT
                .operation("get", "/library/books/{book_id}/cover")
                .at("/responses/200/content")
                .has("*/*"))
        .isTrue();
  }

  @Test
  void saysWhatMayGoWrongAndByComments() {
    JsonNode get = DOCUMENT.operation("get", "/library/books/{book_id}").path("responses");
    JsonNode silent = DOCUMENT.operation("post", "/notes").path("responses");
    JsonNode said = Described.of(TABLE, comments()).operation("post", "/notes").path("responses");

    assertThat(get.fieldNames())
        .toIterable()
        .containsExactlyInAnyOrder(
            "200", "304", "400", "404", "406", "412", "429", "500", "503", "504");
    assertThat(silent.has("409")).isTrue();
    assertThat(said.has("409")).isFalse();
    assertThat(said.at("/404/description").asText()).isEqualTo("Not Found: SHELF_NOT_FOUND");
    assertThat(said.at("/412/description").asText()).isEqualTo("Precondition Failed: NOTE_BEHIND");
    assertThat(said.at("/429/description").asText())
        .isEqualTo("Too Many Requests: TOO_MANY_NOTES, TOO_LONG_NOTES");
    assertThat(said.at("/422/$ref").asText())
        .isEqualTo("#/components/responses/UnprocessableContent");
  }

  @Test
  void tellsWhatTheAuthorsOfTheContractWrote() {
    Described document = Described.of(TABLE, comments());
    JsonNode add = document.operation("post", "/notes");

    assertThat(add.path("summary").asText()).isEqualTo("Keeps a note");
    assertThat(add.path("description").asText())
        .startsWith("Keeps a note. It is not looked at.\nErrors: NOT_FOUND");
    assertThat(document.json().path("tags").findValuesAsText("description"))
        .containsExactly("library.v1.Library", "Keeps notes.", "weather.v1.Weather");
    assertThat(document.schema("notes.v1.Note").path("description").asText())
        .isEqualTo("One note.");
    assertThat(document.schema("notes.v1.Note").at("/properties/text/description").asText())
        .isEqualTo("What it says.");
    assertThat(document.schema("notes.v1.Note.Mood").path("description").asText())
        .isEqualTo("How it is meant.\n\n- `MOOD_GOOD`: In good cheer.");
  }

  private static ApiComments comments() {
    FileDescriptorProto.Builder file = NotesProto.getDescriptor().toProto().toBuilder();
    say(file, " Keeps notes.\n", 6, 0);
    say(
        file,
        " Keeps a note. It is not looked at.\n Errors: NOT_FOUND SHELF_NOT_FOUND; ABORTED"
            + " NOTE_BEHIND, 412, when it is late; RESOURCE_EXHAUSTED TOO_MANY_NOTES,\n"
            + " TOO_LONG_NOTES.\n",
        6,
        0,
        2,
        0);
    say(file, " One note.\n", 4, 0);
    say(file, " What it says.\n", 4, 0, 2, 1);
    say(file, " How it is meant.\n", 4, 0, 4, 0);
    say(file, " In good cheer.\n", 4, 0, 4, 0, 2, 1);
    return ApiComments.of(FileDescriptorSet.newBuilder().addFile(file).build());
  }

  private static void say(FileDescriptorProto.Builder file, String text, int... path) {
    var location = file.getSourceCodeInfoBuilder().addLocationBuilder().setLeadingComments(text);
    for (int step : path) {
      location.addPath(step);
    }
  }

  @Test
  void itsExamplesAreAsItsSchemasSayAndAsTheEdgeReadsThem() {
    int bodies = 0;
    for (JsonNode operation : DOCUMENT.operations()) {
      for (JsonNode media : operation.at("/requestBody/content")) {
        check(media);
      }
      for (JsonNode response : operation.path("responses")) {
        DOCUMENT.resolved(response).path("content").forEach(OpenApiTest::check);
      }
      JsonNode example = operation.at("/requestBody/content/application~1json/example");
      if (example.isObject()) {
        bodies++;
        read(operation.path("x-weft-rpc").asText(), example);
      }
    }
    assertThat(bodies).isGreaterThan(5);
  }

  private static void check(JsonNode media) {
    if (media.has("example")) {
      assertThat(DOCUMENT.wrong(media.path("schema"), media.path("example")))
          .as("%s", media)
          .isEmpty();
    }
  }

  private static void read(String rpc, JsonNode example) {
    Route route =
        TABLE.routes().stream()
            .filter(one -> one.rpc().name().equals(rpc) && one.transcoder().takesBody())
            .findFirst()
            .orElseThrow();
    List<String> path = route.template().variables().stream().map(_ -> "1").toList();
    Transcoder.Headers headers =
        new Transcoder.Headers(
            Optional.of("key"),
            route.transcoder().versionPath().isEmpty() ? Optional.empty() : Optional.of("\"1\""),
            "");

    assertThat(
            route
                .transcoder()
                .request(path, List.of(), example.toString().getBytes(UTF_8), headers))
        .as(rpc)
        .isNotEmpty();
  }

  @Test
  void callsByAnotherNameWhatAnotherServiceCallsTheSame() {
    FileDescriptorProto.Builder changed = LibraryProto.getDescriptor().toProto().toBuilder();
    changed.getMessageTypeBuilder(0).getFieldBuilder(1).setJsonName("heading");
    ServiceSchema other =
        ServiceSchema.of("copy", Contracts.changed(changed.build()), new Access.Public());
    RouteTable.Conflict first = Contracts.table(Contracts.library(), other).conflicts().getFirst();
    // Where its paths are its own, both are described.
    List<Route> moved =
        other.routes().stream()
            .map(
                route ->
                    new Route(
                        route.httpMethod(),
                        PathTemplate.parse("/copy" + route.template().text()),
                        route.rpc(),
                        route.transcoder(),
                        route.identifies()))
            .toList();
    ServiceSchema apart =
        new ServiceSchema(
            "copy", other.contracts(), moved, List.of(), List.of(), HttpRules.NONE, List.of());
    Described document = Described.of(Contracts.table(Contracts.library(), apart));

    assertThat(first.owner()).isEqualTo("library");
    Set<String> both = Set.of("library.v1.Book", "library.v1.Book_2");
    assertThat(document.json().at("/components/schemas").fieldNames())
        .toIterable()
        .containsAll(both);
    assertThat(both)
        .filteredOn(name -> document.schema(name).path("properties").has("heading"))
        .hasSize(1);
  }
}
