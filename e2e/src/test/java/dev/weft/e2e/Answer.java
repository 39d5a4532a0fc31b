package dev.weft.e2e;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.http.HttpHeaders;

/** What the edge answered. */
record Answer(int status, HttpHeaders headers, String body) {
  private static final ObjectMapper JSON = new ObjectMapper();

  JsonNode json() {
    return json(body);
  }

  static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new AssertionError("not JSON: " + text, e);
    }
  }

  /** A field that must be there, by name. */
  String text(String field) {
    JsonNode value = json().path(field);
    if (!value.isTextual()) {
      throw new AssertionError("no " + field + " in " + this);
    }
    return value.textValue();
  }

  @Override
  public String toString() {
    return status + " " + body;
  }
}
