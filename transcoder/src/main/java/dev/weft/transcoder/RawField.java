package dev.weft.transcoder;

import com.google.protobuf.Descriptors.FieldDescriptor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Where a {@code google.api.HttpBody} stands in a message: it is all of it, or one field. */
final class RawField {
  private static final String TYPE = "google.api.HttpBody";
  private static final byte[] NOTHING = {};

  /** The field that it is; null when it is the message. */
  private final @Nullable FieldPlan field;

  private final FieldPlan contentType;
  private final FieldPlan data;

  private RawField(@Nullable FieldPlan field, FieldPlan contentType, FieldPlan data) {
    this.field = field;
    this.contentType = contentType;
    this.data = data;
  }

  /**
   * If it is one.
   *
   * @param field of the message; null for all of it
   */
  static Optional<RawField> of(MessagePlan message, @Nullable FieldPlan field) {
    if (field != null && (!field.isObject() || field.isGroup())) {
      return Optional.empty();
    }
    MessagePlan type = field == null ? message : field.message();
    FieldPlan data = type.field("data");
    return type.fullName.equals(TYPE) && data != null && data.type == FieldDescriptor.Type.BYTES
        ? Lookup.textField(type, "content_type").map(said -> new RawField(field, said, data))
        : Optional.empty();
  }

  RawBody read(byte[] message) {
    String said =
        Lookup.text(new WireInput(message, 0, message.length), path(contentType)).orElse("");
    WireInput in = new WireInput(message, 0, message.length);
    if (!Lookup.toLast(in, path(data))) {
      return new RawBody(said, NOTHING);
    }
    int length = in.length();
    return new RawBody(said, Arrays.copyOfRange(in.bytes, in.at, in.at + length));
  }

  private List<FieldPlan> path(FieldPlan leaf) {
    List<FieldPlan> path = new ArrayList<>(2);
    if (field != null) {
      path.add(field);
    }
    path.add(leaf);
    return path;
  }

  void write(RawBody body, WireBytes out) {
    if (field == null) {
      fields(body, out);
    } else {
      out.varint(field.tag);
      int start = out.open();
      fields(body, out);
      out.close(start);
    }
  }

  private void fields(RawBody body, WireBytes out) {
    if (!body.contentType().isEmpty()) {
      out.varint(contentType.tag);
      out.text(body.contentType());
    }
    byte[] bytes = body.data();
    if (bytes.length > 0) {
      out.varint(data.tag);
      out.varint(bytes.length);
      out.raw(bytes, 0, bytes.length);
    }
  }
}
