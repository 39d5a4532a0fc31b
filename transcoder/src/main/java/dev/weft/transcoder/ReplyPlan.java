package dev.weft.transcoder;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import java.util.ArrayList;
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

  /**
   * The value of a field with this name in what the client sees as the resource, if it is text and
   * not empty.
   *
   * @throws BadMessage if the reply is no message
   */
  public Optional<String> text(byte[] reply, String name) {
    List<FieldPlan> path = new ArrayList<>(2);
    MessagePlan resource = type;
    if (body != null) {
      if (!body.isMessage() || body.isRepeated()) {
        return Optional.empty();
      }
      path.add(body);
      resource = body.message();
    }
    FieldPlan field = resource.field(name);
    if (field == null || field.isRepeated() || field.type != FieldDescriptor.Type.STRING) {
      return Optional.empty();
    }
    path.add(field);
    return Lookup.text(new WireInput(reply, 0, reply.length), path).filter(text -> !text.isEmpty());
  }
}
