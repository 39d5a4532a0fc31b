package dev.weft.transcoder;

import com.google.protobuf.Descriptors.Descriptor;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a reply becomes the body of an answer: the whole message, or the field that an HTTP rule
 * calls its {@code response_body}.
 *
 * <p>Immutable, thread-safe.
 */
public final class ReplyPlan {
  private final Schema schema;
  private final MessagePlan type;
  private final @Nullable FieldPlan body;
  private final Optional<RawField> raw;

  private ReplyPlan(Schema schema, MessagePlan type, @Nullable FieldPlan body) {
    this.schema = schema;
    this.type = type;
    this.body = body;
    this.raw = RawField.of(type, body);
  }

  /**
   * Throws {@link IllegalArgumentException} if the message has no such field.
   *
   * @param body the name of a field, or empty
   */
  public static ReplyPlan of(Schema schema, Descriptor output, String body) {
    MessagePlan type = schema.plan(output);
    FieldPlan field = body.isEmpty() ? null : type.field(body);
    if (field == null && !body.isEmpty()) {
      throw new IllegalArgumentException(
          "response_body \"" + body + "\": " + type.fullName + " has no such field");
    }
    return new ReplyPlan(schema, type, field);
  }

  /**
   * The JSON of a reply.
   *
   * @throws BadMessage if it is none, or holds what JSON cannot say
   */
  public byte[] json(byte[] reply) {
    return WireToJson.json(schema, type, body, reply, null);
  }

  /**
   * The JSON of what is selected of a reply.
   *
   * @throws BadMessage if it is none, or holds what JSON cannot say
   */
  public byte[] json(byte[] reply, Selection selection) {
    return WireToJson.json(schema, type, body, reply, selection);
  }

  /** Whether what the client sees is bytes of any kind, and no JSON: a google.api.HttpBody. */
  public boolean isRaw() {
    return raw.isPresent();
  }

  /**
   * The bytes that the client sees, of a plan that {@link #isRaw()}.
   *
   * @throws BadMessage if the reply is no message
   */
  public RawBody raw(byte[] reply) {
    return raw.orElseThrow().read(reply);
  }

  /**
   * What a client wants to see of what it takes for the resource: paths with commas between them,
   * as of a FieldMask, in the names of the contract or of JSON. A path may go into the elements of
   * a list and the values of a map, with {@code *} for them or without.
   *
   * @return empty when that is all of it
   * @throws BadInput if a path leads nowhere, with the nearest one that is known
   */
  public Optional<Selection> select(String fields) {
    List<String> paths =
        Arrays.stream(fields.split(",", -1))
            .map(String::strip)
            .filter(path -> !path.isEmpty())
            .toList();
    if (paths.isEmpty()) {
      return Optional.empty();
    }
    FieldPlan shown = body != null && body.map ? body.mapValue() : body;
    if (isRaw() || (shown != null && (!shown.isMessage() || shown.message().form != Form.OBJECT))) {
      throw BadInput.at("INVALID_PARAMETER", "/$fields", "the answer has no fields to choose from");
    }
    MessagePlan resource = shown == null ? type : shown.message();
    return Optional.ofNullable(Selection.of(resource, body != null && body.isRepeated(), paths));
  }

  /** What the client sees as the resource: the name of its type, if it is one message. */
  public Optional<String> resource() {
    return resourceType().map(MessagePlan::fullName);
  }

  /** The field with this name of what the client sees as the resource, if it is a text. */
  public Optional<ReplyText> text(String name) {
    return resourceType()
        .flatMap(resource -> Lookup.textField(resource, name))
        .map(field -> new ReplyText(body == null ? List.of(field) : List.of(body, field)));
  }

  /**
   * The field with this name of the reply itself, which the client may not see, if it is a text.
   */
  public Optional<ReplyText> outerText(String name) {
    return Lookup.textField(type, name).map(field -> new ReplyText(List.of(field)));
  }

  private Optional<MessagePlan> resourceType() {
    if (body == null) {
      return Optional.of(type);
    }
    return body.isMessage() && !body.isRepeated() ? Optional.of(body.message()) : Optional.empty();
  }
}
