package dev.weft.transcoder;

import com.google.protobuf.Descriptors.Descriptor;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How the parts of an HTTP request become a request message: what one HTTP rule of a method says of
 * that, looked up in the plan of the message.
 *
 * <p>Immutable, thread-safe. Each request has a {@link RequestBytes} of its own.
 */
public final class RequestPlan {
  static final String WHOLE = "*";

  /** Two tags and two lengths. */
  private static final int PART_FRAME = 20;

  final Schema schema;
  final MessagePlan type;
  final Rule rule;

  /** The fields of each variable, each but the first inside the one before. */
  final List<List<FieldPlan>> variables = new ArrayList<>();

  /** The paths of the variables. */
  final Set<String> bound = new HashSet<>();

  final @Nullable FieldPlan bodyField;

  /** Where the body goes if it is not JSON. */
  final Optional<RawField> raw;

  final @Nullable FieldPlan maskField;

  /**
   * What is changed, and what the paths of a mask begin in (AIP-134). Null where it is not clear.
   */
  final @Nullable FieldPlan resource;

  final @Nullable FieldPlan requestIdField;

  /** Where the version stands that a change is meant for; empty when there is no place for it. */
  final List<FieldPlan> version;

  /**
   * What of an HTTP rule concerns the request message.
   *
   * @param variables the field paths of the variables in the path template
   * @param body {@code *}, the name of a field, or empty
   * @param fillsMask whether an absent {@code update_mask} is filled with what the body holds of
   *     the resource: of its field, or where it is {@code *}, of the one field that is an object;
   *     if there are several, none is chosen
   * @param lenient whether fields and parameters are ignored that the message does not have
   * @param needsRequestId whether {@code request_id} must be given, in the body or beside it
   */
  public record Rule(
      List<List<String>> variables,
      String body,
      boolean fillsMask,
      boolean lenient,
      boolean needsRequestId) {
    public Rule {
      variables = List.copyOf(variables);
    }
  }

  private RequestPlan(Schema schema, Descriptor input, Rule rule) {
    this.schema = schema;
    this.type = schema.plan(input);
    this.rule = rule;
    bodyField = rule.body.isEmpty() || rule.body.equals(WHOLE) ? null : bodyField();
    raw = rule.body.isEmpty() ? Optional.empty() : RawField.of(type, bodyField);
    for (List<String> path : rule.variables) {
      variables.add(variable(path));
      bound.add(String.join(".", path));
    }
    resource = bodyField != null ? bodyField : onlyObject();
    FieldPlan mask = rule.fillsMask && resource != null ? type.field("update_mask") : null;
    maskField =
        mask != null && !mask.isRepeated() && mask.isMessage() && isMask(mask) ? mask : null;
    requestIdField = Lookup.textField(type, "request_id").orElse(null);
    version = version();
  }

  /** The {@code etag} of the request (AIP-154), or of the resource that is its body. */
  private List<FieldPlan> version() {
    Optional<FieldPlan> own = Lookup.textField(type, "etag");
    if (own.isPresent()) {
      return List.of(own.get());
    }
    return bodyField == null || !bodyField.isObject() || bodyField.isGroup()
        ? List.of()
        : Lookup.textField(bodyField.message(), "etag")
            .map(etag -> List.of(bodyField, etag))
            .orElse(List.of());
  }

  /** Throws {@link IllegalArgumentException} if the rule does not fit the message. */
  public static RequestPlan of(Schema schema, Descriptor input, Rule rule) {
    return new RequestPlan(schema, input, rule);
  }

  /** Whether the rule reads the body of the request. */
  public boolean takesBody() {
    return !rule.body.isEmpty();
  }

  /**
   * Names of the fields that lead to the version a change is meant for, each but the first inside
   * the one before; empty when the request has no place for one.
   */
  public List<String> versionPath() {
    return version.stream().map(field -> field.name).toList();
  }

  /**
   * Begins a request with its body.
   *
   * @param json empty means every default
   * @throws BadInput if it is not exactly right
   */
  public RequestBytes body(byte[] json) {
    return new RequestBytes(this, json);
  }

  /** Whether the body is bytes of any kind, and no JSON: a google.api.HttpBody. */
  public boolean isRaw() {
    return raw.isPresent();
  }

  /** Begins a request with its body, or the first part of it, of a plan that {@link #isRaw()}. */
  public RequestBytes body(RawBody body) {
    return new RequestBytes(this, body);
  }

  /** A message that holds nothing but a further part of a body. */
  public byte[] part(byte[] data) {
    WireBytes out = new WireBytes(data.length + PART_FRAME);
    raw.orElseThrow().write(new RawBody("", data), out);
    return out.toByteArray();
  }

  /** Where in the request's JSON a field of the request message stands. */
  public String pointer(String fieldPath) {
    return Pointers.of(fieldPath, type, rule.body);
  }

  /** The one field with a message of its own kind; null if there are several, or none. */
  private @Nullable FieldPlan onlyObject() {
    FieldPlan only = null;
    for (FieldPlan field : type.fields) {
      if (field.isObject()) {
        if (only != null) {
          return null;
        }
        only = field;
      }
    }
    return only;
  }

  private FieldPlan bodyField() {
    FieldPlan field = type.field(rule.body);
    if (field == null) {
      throw new IllegalArgumentException(
          "body \"" + rule.body + "\": " + type.fullName + " has no such field");
    }
    return field;
  }

  private List<FieldPlan> variable(List<String> path) {
    List<FieldPlan> fields = new ArrayList<>();
    MessagePlan in = type;
    for (String name : path.subList(0, path.size() - 1)) {
      FieldPlan field = in.field(name);
      if (field == null || !field.isMessage() || field.isRepeated()) {
        throw wrong(path, name + " is no message field of " + in.fullName);
      }
      fields.add(field);
      in = field.message();
    }
    FieldPlan field = in.field(path.getLast());
    if (field == null) {
      throw wrong(path, in.fullName + " has no such field");
    }
    if (field.isRepeated()) {
      throw wrong(path, "a list or map cannot be a part of a path");
    }
    if (field.isMessage()
        && !field.message().form.isText()
        && field.message().form != Form.WRAPPER) {
      throw wrong(path, "a message cannot be a part of a path");
    }
    fields.add(field);
    return List.copyOf(fields);
  }

  private static IllegalArgumentException wrong(List<String> path, String what) {
    return new IllegalArgumentException("variable {" + String.join(".", path) + "}: " + what);
  }

  private static boolean isMask(FieldPlan field) {
    return field.message().form == Form.FIELD_MASK;
  }
}
