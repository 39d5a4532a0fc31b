package dev.weft.edge;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One message of a client of the Model Context Protocol: a request, or a notification, which has no
 * id. Read strictly: no name twice, nothing too deep, nothing behind it, UTF-8 alone. What nobody
 * here asks for is read over, since later revisions and extensions add to messages.
 */
final class McpMessage {
  private static final int DEPTH_MAX = 128;
  private static final int ID_CHARACTERS_MAX = 256;
  private static final String META_VERSION = "io.modelcontextprotocol/protocolVersion";
  private static final String META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(DEPTH_MAX).build())
          .build();

  private final String text;
  private String version = "";
  private @Nullable String id;
  private @Nullable String method;
  private boolean badId;
  private boolean answers;
  private boolean badParams;
  private @Nullable String arguments;
  private @Nullable String metaVersion;
  private boolean metaCapabilities;

  /** Members of {@code params} that are texts. */
  private final Map<String, String> texts = new HashMap<>();

  private McpMessage(String text) {
    this.text = text;
  }

  /** Throws {@link McpError} if it is no JSON. Whether it is a message, {@link #check} says. */
  static McpMessage read(byte[] body) {
    McpMessage message = new McpMessage(utf8(body));
    try (JsonParser in = JSON.createParser(message.text.toCharArray())) {
      message.read(in);
    } catch (JsonParseException e) {
      throw McpError.unreadable("the body is not JSON: " + e.getOriginalMessage());
    } catch (IOException e) {
      throw McpError.unreadable("the body is not JSON that is read here");
    }
    return message;
  }

  private static String utf8(byte[] body) {
    try {
      CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body));
      return text.toString();
    } catch (CharacterCodingException e) {
      throw McpError.unreadable("the body is not UTF-8");
    }
  }

  private void read(JsonParser in) throws IOException {
    JsonToken first = in.nextToken();
    if (first == null) {
      throw McpError.unreadable("the body is empty");
    }
    if (first == JsonToken.START_ARRAY) {
      throw McpError.invalid("there are no batches: one message each time");
    }
    if (first != JsonToken.START_OBJECT) {
      throw McpError.invalid("a message is an object");
    }
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String name = in.currentName();
      JsonToken value = in.nextToken();
      switch (name) {
        case "jsonrpc" -> version = value == JsonToken.VALUE_STRING ? in.getText() : "";
        case "method" -> method = value == JsonToken.VALUE_STRING ? in.getText() : null;
        case "id" -> id(in, value);
        case "result", "error" -> answers = true;
        case "params" -> params(in, value);
        default -> {
          // Read over.
        }
      }
      in.skipChildren();
    }
    if (in.nextToken() != null) {
      throw McpError.unreadable("something stands behind the message");
    }
  }

  private void id(JsonParser in, JsonToken value) throws IOException {
    if (value != JsonToken.VALUE_STRING && value != JsonToken.VALUE_NUMBER_INT) {
      badId = true;
      return;
    }
    String as = raw(in);
    badId = as.length() > ID_CHARACTERS_MAX;
    id = badId ? null : as;
  }

  private void params(JsonParser in, JsonToken value) throws IOException {
    if (value != JsonToken.START_OBJECT) {
      badParams = true;
      return;
    }
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String name = in.currentName();
      JsonToken member = in.nextToken();
      switch (name) {
        case "name", "cursor", "protocolVersion" -> {
          if (member == JsonToken.VALUE_STRING) {
            texts.put(name, in.getText());
          } else {
            badParams = true;
          }
        }
        case "arguments" -> {
          if (member == JsonToken.START_OBJECT) {
            arguments = raw(in);
          } else {
            badParams = true;
          }
        }
        case "_meta" -> {
          if (member == JsonToken.START_OBJECT) {
            meta(in);
          } else {
            badParams = true;
          }
        }
        default -> {
          // Read over.
        }
      }
      in.skipChildren();
    }
  }

  private void meta(JsonParser in) throws IOException {
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String name = in.currentName();
      JsonToken member = in.nextToken();
      if (name.equals(META_VERSION)) {
        metaVersion = member == JsonToken.VALUE_STRING ? in.getText() : "";
      } else if (name.equals(META_CAPABILITIES)) {
        metaCapabilities = member == JsonToken.START_OBJECT;
      }
      in.skipChildren();
    }
  }

  /** The current value as it was written; it is behind that then. */
  private String raw(JsonParser in) throws IOException {
    int start = (int) in.currentTokenLocation().getCharOffset();
    in.skipChildren();
    // Has a text or number read to its end.
    in.finishToken();
    return text.substring(start, (int) in.currentLocation().getCharOffset()).strip();
  }

  /** The id as JSON, for the answer; {@code null} for who did not say a good one. */
  String idJson() {
    return id == null ? "null" : id;
  }

  /** Whether nobody waits for an answer. */
  boolean isNotification() {
    return id == null;
  }

  /** Throws {@link McpError} if this is neither a request nor a notification. */
  void check() {
    if (!version.equals("2.0")) {
      throw McpError.invalid("jsonrpc must be \"2.0\"");
    }
    if (badId) {
      throw McpError.invalid("an id is a text or a whole number of a few digits");
    }
    if (method == null) {
      throw McpError.invalid(
          answers ? "nobody was asked for this response" : "a message has a method");
    }
    if (badParams) {
      throw McpError.invalidParams("params are not as this method has them");
    }
  }

  String method() {
    return method == null ? "" : method;
  }

  /** A member of {@code params} that is a text: name, cursor or protocolVersion. */
  Optional<String> param(String name) {
    return Optional.ofNullable(texts.get(name));
  }

  /** What a tool is called with, as it was written; nothing is as an empty object. */
  String arguments() {
    return arguments == null ? "{}" : arguments;
  }

  /** The revision that the message says of itself; only newer ones do. */
  Optional<String> metaVersion() {
    return Optional.ofNullable(metaVersion);
  }

  /** Whether the message says what its client can do. */
  boolean metaCapabilities() {
    return metaCapabilities;
  }
}
