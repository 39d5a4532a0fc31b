package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.util.ArrayList;
import java.util.List;

/** A document of what an edge serves, as somebody else's program reads it. */
record Described(JsonNode json) {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonSchemaFactory SCHEMAS =
      JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012);

  static Described of(String text) {
    return new Described(node(text));
  }

  static Described of(RouteTable table) {
    return of(table, ApiComments.NONE);
  }

  static Described of(RouteTable table, ApiComments comments) {
    return of(text(table, comments));
  }

  static String text(RouteTable table, ApiComments comments) {
    return new String(
        Packed.of(
                "application/json",
                LiveDocument.BYTES_MAX,
                out -> OpenApi.write(table, comments, "1", out))
            .orElseThrow()
            .plain(),
        UTF_8);
  }

  static JsonNode node(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(text, e);
    }
  }

  JsonNode operation(String method, String path) {
    JsonNode found = json.path("paths").path(path).path(method);
    if (found.isMissingNode()) {
      throw new IllegalArgumentException(method + " " + path + " is not in " + json.path("paths"));
    }
    return found;
  }

  /** All operations. */
  List<JsonNode> operations() {
    List<JsonNode> all = new ArrayList<>();
    json.path("paths").forEach(path -> path.forEach(all::add));
    return all;
  }

  JsonNode schema(String name) {
    return json.at("/components/schemas").path(name);
  }

  /** The parameter of this name, wherever it is described. */
  JsonNode parameter(JsonNode operation, String name) {
    for (JsonNode one : operation.path("parameters")) {
      JsonNode parameter = resolved(one);
      if (parameter.path("name").asText().equals(name)) {
        return parameter;
      }
    }
    throw new IllegalArgumentException(name + " is not in " + operation.path("parameters"));
  }

  List<String> parameters(JsonNode operation) {
    List<String> names = new ArrayList<>();
    operation.path("parameters").forEach(one -> names.add(resolved(one).path("name").asText()));
    return names;
  }

  /** What a reference leads to. */
  JsonNode resolved(JsonNode node) {
    String reference = node.path("$ref").asText();
    return reference.isEmpty() ? node : json.at(reference.substring(1));
  }

  /** What of a value is not as a schema of this document has it. */
  List<String> wrong(JsonNode schema, JsonNode value) {
    // Its references are into the document.
    ObjectNode whole = JSON.createObjectNode();
    whole.set("components", json.path("components"));
    whole.setAll((ObjectNode) schema);
    return SCHEMAS.getSchema(whole).validate(value).stream()
        .map(ValidationMessage::getMessage)
        .sorted()
        .toList();
  }
}
