package dev.weft.transcoder;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The tokens of one JSON document: valid UTF-8, at most {@value #DEPTH_MAX} levels, nothing that
 * RFC 8259 does not allow. Knows where it is, so that whatever is wrong there can be pointed at.
 */
final class JsonInput implements AutoCloseable {
  static final int DEPTH_MAX = 100;

  private static final int TOKENS_MAX = 500_000;
  private static final int LENGTH_MAX = 1_000;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(DEPTH_MAX)
                  .maxNumberLength(LENGTH_MAX)
                  .maxNameLength(LENGTH_MAX)
                  .maxTokenCount(TOKENS_MAX)
                  .build())
          // Names come from strangers. Jackson's own table of them is bounded; the JVM's is not.
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .build();

  private final byte[] json;
  private final boolean lenient;
  private final MessagePlan root;
  private final @Nullable FieldPlan rootField;

  private JsonParser in;

  /** Where the parser's document begins, within this one. */
  private int base;

  /** The pointer to it, in the names as they were sent, and how deep it is. */
  private String prefix = "";

  private int depth;

  /**
   * @param lenient whether there may be members that nobody looks at: two of them with one name are
   *     still too many
   * @param rootField the field of the root that the document is the value of; null when it is the
   *     root itself
   */
  JsonInput(byte[] json, boolean lenient, MessagePlan root, @Nullable FieldPlan rootField)
      throws IOException {
    this.json = json;
    this.lenient = lenient;
    this.root = root;
    this.rootField = rootField;
    if (!Utf8.isValid(json)) {
      throw BadInput.at("MALFORMED_JSON", "", "the body is not valid UTF-8");
    }
    if (!beginsAsJson(json)) {
      throw BadInput.at("MALFORMED_JSON", "", "not valid JSON at line 1, column 1");
    }
    in = open(0);
  }

  /** The parser would take a byte order mark, UTF-16 and UTF-32. */
  private static boolean beginsAsJson(byte[] json) {
    for (int i = 0; i < Math.min(4, json.length); i++) {
      if (json[i] == 0) {
        return false;
      }
    }
    return json.length < 1 || json[0] != (byte) 0xef;
  }

  private JsonParser open(int at) throws IOException {
    JsonParser parser = FACTORY.createParser(json, at, json.length - at);
    if (lenient) {
      parser.enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
    }
    return parser;
  }

  /** Of the value at the current token. */
  JsonParser parser() {
    return in;
  }

  JsonToken token() {
    return in.currentToken();
  }

  boolean is(JsonToken token) {
    return in.currentToken() == token;
  }

  void expect(JsonToken token, String what) {
    if (in.currentToken() != token) {
      throw refused("expected " + what);
    }
  }

  /** Moves to the first token. */
  void begin() throws IOException {
    if (in.nextToken() == null) {
      throw BadInput.at("MALFORMED_JSON", "", "the body holds no JSON");
    }
  }

  /** There must be nothing left. */
  void end() throws IOException {
    if (in.nextToken() != null) {
      throw BadInput.at("MALFORMED_JSON", "", "more follows after the JSON document");
    }
  }

  /** What {@link #reread} wants to know of the object that begins at the current token. */
  int position() {
    return base + (int) in.currentTokenLocation().getByteOffset();
  }

  /**
   * Does a part of the work on the value that begins there, and comes back to the current token.
   */
  void reread(int position, String pointer, int depthThere, Reading reading) throws IOException {
    JsonParser outer = in;
    int outerBase = base;
    String outerPrefix = prefix;
    int outerDepth = depth;
    try (JsonParser again = open(position)) {
      in = again;
      base = position;
      prefix = pointer;
      depth = depthThere;
      in.nextToken();
      reading.run();
    } finally {
      in = outer;
      base = outerBase;
      prefix = outerPrefix;
      depth = outerDepth;
    }
  }

  interface Reading {
    void run() throws IOException;
  }

  /** How many objects and arrays there are around the current token, itself included. */
  int depth() {
    return depth + in.getParsingContext().getNestingDepth();
  }

  /** The parser counts from where it began; this counts from the beginning of the document. */
  void checkDepth() {
    if (depth > 0 && depth() > DEPTH_MAX) {
      throw tooDeep();
    }
  }

  BadInput refused(String detail) {
    return BadInput.at("INVALID_FIELD", pointer(), detail);
  }

  /** The value around the current one is wrong. */
  BadInput refusedAround(String detail) {
    String here = pointer();
    return BadInput.at(
        "INVALID_FIELD", here.substring(0, Math.max(0, here.lastIndexOf('/'))), detail);
  }

  /** The parser's own text may quote the input or name classes; the place is all that helps. */
  BadInput malformed(JsonProcessingException e) {
    String text = String.valueOf(e.getOriginalMessage());
    if (text.startsWith("Duplicate")) {
      return refused("the same name appears twice");
    }
    if (text.contains("nesting depth")) {
      return tooDeep();
    }
    JsonLocation at = e.getLocation() == null ? in.currentLocation() : e.getLocation();
    return BadInput.at(
        "MALFORMED_JSON",
        pointer(),
        "not valid JSON at line " + at.getLineNr() + ", column " + at.getColumnNr());
  }

  private static BadInput tooDeep() {
    return BadInput.at(
        "MALFORMED_JSON", "", "the JSON is nested deeper than " + DEPTH_MAX + " levels");
  }

  /** To the current token, in the names as they were sent. */
  String sent() {
    return prefix + in.getParsingContext().pathAsPointer();
  }

  private String pointer() {
    return Pointers.named(sent(), root, rootField);
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
