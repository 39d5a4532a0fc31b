package dev.weft.transcoder;

import com.google.protobuf.Descriptors.Descriptor;
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

  private ReplyPlan(Schema schema, MessagePlan type, @Nullable FieldPlan body) {
    this.schema = schema;
    this.type = type;
    this.body = body;
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
    return body == null
        ? WireToJson.json(schema, type, reply, Defaults.PRINTED)
        : WireToJson.json(schema, type, body, reply);
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

  /** The field with this name of the reply itself, which the client may not see, if it is a text. */
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
