package dev.weft.edge;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.Descriptors.OneofDescriptor;
import com.google.protobuf.Message;
import java.nio.CharBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Puts text from the path and the query into the fields of one request message. Not thread-safe;
 * made for one request.
 */
final class QueryBinder {
  private static final int DEPTH_MAX = 32;

  private final Message.Builder request;
  private final Types types;
  private final boolean lenient;
  private final String body;

  /** Canonical paths that are set and are not lists: none may be set again. */
  private final Set<String> taken = new HashSet<>();

  /**
   * @param body the field that the body is, {@code *} when it is the whole request, or empty
   * @param lenient whether parameters the request does not know are ignored
   */
  QueryBinder(Message.Builder request, Types types, String body, boolean lenient) {
    this.request = request;
    this.types = types;
    this.body = body;
    this.lenient = lenient;
  }

  /** Sets what the path says. The fields were checked when the route was made. */
  void path(List<String> fieldPath, String text) {
    List<FieldDescriptor> steps = new ArrayList<>();
    Descriptor type = request.getDescriptorForType();
    for (String name : fieldPath.subList(0, fieldPath.size() - 1)) {
      steps.add(type.findFieldByName(name));
      type = steps.getLast().getMessageType();
    }
    FieldDescriptor field = type.findFieldByName(fieldPath.getLast());
    String pointer = pointer(fieldPath);
    inside(
        request,
        steps,
        into -> {
          Object before = into.hasField(field) ? into.getField(field) : null;
          if (before != null) {
            into.clearField(field);
          }
          set(field, into, text, pointer);
          if (before != null && !before.equals(into.getField(field))) {
            throw Refused.field("INVALID_FIELD", pointer, "differs from the value in the path");
          }
        });
    taken.add(String.join(".", fieldPath));
  }

  /** Binds a query parameter, ignores a system parameter, refuses anything else. */
  void query(String name, String text) {
    if (isSystem(name)) {
      return;
    }
    Optional<Target> target = body.equals("*") ? Optional.empty() : resolve(name);
    if (target.isEmpty()) {
      if (lenient) {
        return;
      }
      throw unknown(name);
    }
    Target found = target.get();
    if (!found.path.getFirst().equals(body)) {
      bind(name, found, text);
    } else if (!lenient) {
      throw refused(pointer(found), "this field belongs into the body");
    }
  }

  /**
   * Where a parameter goes.
   *
   * @param key of a map entry, when the last field is a map
   */
  private record Target(List<String> path, List<FieldDescriptor> fields, @Nullable String key) {
    FieldDescriptor field() {
      return fields.getLast();
    }
  }

  private void bind(String name, Target target, String text) {
    FieldDescriptor field = target.field();
    String pointer = pointer(target);
    String canonical = String.join(".", target.path) + (target.key == null ? "" : "[" + target.key);
    if ((!field.isRepeated() || target.key != null) && !taken.add(canonical)) {
      throw refused(pointer, "set more than once");
    }
    if (field.isMapField() && target.key == null) {
      throw refused(pointer, "a map: name its key, as in " + name + "[key]=value");
    }
    inside(
        request,
        target.fields.subList(0, target.fields.size() - 1),
        into -> {
          checkOneof(pointer, field, into);
          if (target.key == null) {
            set(field, into, text, pointer);
          } else {
            entry(field, into, target.key, text, pointer);
          }
        });
  }

  /** Changes what is inside of message fields, one inside the other. */
  private void inside(
      Message.Builder into, List<FieldDescriptor> steps, Consumer<Message.Builder> change) {
    if (steps.isEmpty()) {
      change.accept(into);
      return;
    }
    FieldDescriptor step = steps.getFirst();
    checkOneof("/" + step.getJsonName(), step, into);
    // Not by getFieldBuilder: a dynamic message then does not note which member of a oneof is set.
    Message.Builder nested =
        into.hasField(step)
            ? ((Message) into.getField(step)).toBuilder()
            : into.newBuilderForField(step);
    inside(nested, steps.subList(1, steps.size()), change);
    into.setField(step, nested.buildPartial());
  }

  private void entry(
      FieldDescriptor field, Message.Builder into, String key, String text, String pointer) {
    Message.Builder entry = into.newBuilderForField(field);
    FieldDescriptor keyField = field.getMessageType().findFieldByNumber(1);
    FieldDescriptor valueField = field.getMessageType().findFieldByNumber(2);
    set(keyField, entry, key, pointer);
    set(valueField, entry, text, pointer);
    into.addRepeatedField(field, entry.build());
  }

  private void set(FieldDescriptor field, Message.Builder into, String text, String pointer) {
    if (field.getJavaType() == JavaType.MESSAGE) {
      message(field, into, text, pointer);
      return;
    }
    Object value;
    try {
      value = Scalars.fromText(field, text);
    } catch (IllegalArgumentException e) {
      throw Refused.field("INVALID_PARAMETER", pointer, String.valueOf(e.getMessage()));
    }
    if (field.isRepeated()) {
      into.addRepeatedField(field, value);
    } else {
      into.setField(field, value);
    }
  }

  private void message(FieldDescriptor field, Message.Builder into, String text, String pointer) {
    Descriptor type = field.getMessageType();
    String json =
        switch (WellKnown.of(type)) {
          case STRUCTURE -> text;
          case TEXT -> quote(text);
          case WRAPPER ->
              type.findFieldByNumber(1).getJavaType() == JavaType.BOOLEAN ? text : quote(text);
          case NONE, ANY ->
              throw Refused.field(
                  "INVALID_PARAMETER", pointer, "a message cannot stand in a query parameter");
        };
    try {
      Message.Builder value = into.newBuilderForField(field);
      JsonReader.message(CharBuffer.wrap(json.toCharArray()), value, types);
      if (field.isRepeated()) {
        into.addRepeatedField(field, value.build());
      } else {
        into.setField(field, value.build());
      }
    } catch (Refused e) {
      throw Refused.field("INVALID_PARAMETER", pointer, "expected a " + type.getFullName());
    }
  }

  private void checkOneof(String pointer, FieldDescriptor field, Message.Builder into) {
    OneofDescriptor oneof = field.getRealContainingOneof();
    if (oneof != null && into.hasOneof(oneof)) {
      FieldDescriptor other = into.getOneofFieldDescriptor(oneof);
      if (other != null && other.getNumber() != field.getNumber()) {
        throw refused(pointer, "only one may be set: " + other.getJsonName() + " is");
      }
    }
  }

  /** Follows the dots of a name; empty when some part is no field. */
  private Optional<Target> resolve(String name) {
    String path = name;
    String key = null;
    int bracket = name.indexOf('[');
    if (bracket >= 0) {
      if (!name.endsWith("]")) {
        return Optional.empty();
      }
      path = name.substring(0, bracket);
      key = name.substring(bracket + 1, name.length() - 1);
    }
    List<String> canonical = new ArrayList<>();
    List<FieldDescriptor> fields = new ArrayList<>();
    Descriptor type = request.getDescriptorForType();
    for (String part : path.split("\\.", -1)) {
      FieldDescriptor field = type == null ? null : Fields.byName(type, part);
      if (field == null || fields.size() == DEPTH_MAX) {
        return Optional.empty();
      }
      canonical.add(field.getName());
      fields.add(field);
      boolean inner =
          field.getJavaType() == JavaType.MESSAGE
              && !field.isRepeated()
              && WellKnown.of(field.getMessageType()) == WellKnown.NONE;
      type = inner ? field.getMessageType() : null;
    }
    if (key != null && !fields.getLast().isMapField()) {
      return Optional.empty();
    }
    return Optional.of(new Target(canonical, fields, key));
  }

  private Refused unknown(String name) {
    String known =
        body.equals("*")
            ? ""
            : Names.nearest(name, Fields.jsonNames(request.getDescriptorForType()))
                .map(nearest -> "; did you mean " + nearest + "?")
                .orElse("");
    return refused(
        "/" + Pointers.escape(name),
        body.equals("*") ? "this method takes no query parameters" : "unknown parameter" + known);
  }

  private String pointer(List<String> fieldPath) {
    return Pointers.of(String.join(".", fieldPath), request.getDescriptorForType(), body);
  }

  private String pointer(Target target) {
    String path = String.join(".", target.path);
    String pointer = Pointers.of(path, request.getDescriptorForType(), "");
    return target.key == null ? pointer : pointer + "/" + Pointers.escape(target.key);
  }

  private static Refused refused(String pointer, String detail) {
    return Refused.field("INVALID_PARAMETER", pointer, detail);
  }

  /** Parameters of the platform, not of the method: never bound, so that no token gets anywhere. */
  private static boolean isSystem(String name) {
    return name.startsWith("$")
        || name.equals("key")
        || name.equals("api_key")
        || name.equals("access_token");
  }

  private static String quote(String text) {
    return '"' + new String(JsonStringEncoder.getInstance().quoteAsString(text)) + '"';
  }
}
