package dev.weft.edge;

import static dev.weft.edge.ApiSchemas.ordered;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a service would see of a request, field by field, and from where in the request each came.
 * Of path and query the values too, unless they are secret; of bodies never, which hold what nobody
 * should see over a shoulder.
 */
final class Bindings {
  private static final int FIELDS_MAX = 100;

  private final Asked asked;
  private final List<Object> fields = new ArrayList<>();
  private int left;

  private Bindings(Asked asked) {
    this.asked = asked;
  }

  /**
   * The fields of a request message that are set.
   *
   * @param message as the transcoder made it of this request
   */
  static List<Object> of(Asked asked, byte[] message) {
    Bindings bindings = new Bindings(asked);
    Descriptor type = asked.route().transcoder().method().getInputType();
    try {
      bindings.add(DynamicMessage.parseFrom(type, message), "");
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("the transcoder made no message", e);
    }
    if (bindings.left > 0) {
      bindings.fields.add(ordered("more", bindings.left));
    }
    return bindings.fields;
  }

  private void add(Message message, String prefix) {
    for (Map.Entry<FieldDescriptor, Object> entry : message.getAllFields().entrySet()) {
      FieldDescriptor field = entry.getKey();
      String path = prefix + field.getName();
      if (!field.isRepeated()
          && field.getJavaType() == JavaType.MESSAGE
          && ApiSchemas.isObject(field.getMessageType())
          && !((Message) entry.getValue()).getAllFields().isEmpty()) {
        add((Message) entry.getValue(), path + ".");
      } else if (fields.size() == FIELDS_MAX) {
        left++;
      } else {
        fields.add(bound(field, path, entry.getValue()));
      }
    }
  }

  private Map<String, Object> bound(FieldDescriptor field, String path, Object value) {
    Map<String, Object> bound = ordered("field", path);
    Optional<String> inPath = inPath(path);
    List<String> inQuery = inQuery(path);
    Transcoder.Headers headers = asked.headers();
    Transcoder transcoder = asked.route().transcoder();
    if (inPath.isPresent()) {
      bound.put("from", "path");
      bound.put("value", Shown.isSecret(field) ? Shown.HIDDEN : Shown.text(inPath.get()));
    } else if (!inQuery.isEmpty()) {
      bound.put("from", "query");
      bound.put(
          "value", Shown.isSecret(field) ? Shown.HIDDEN : Shown.text(String.join(", ", inQuery)));
    } else if (path.equals("request_id") && headers.requestId().isPresent()) {
      bound.put("from", "header Idempotency-Key");
    } else if (headers.ifMatch().isPresent()
        && path.equals(String.join(".", transcoder.versionPath()))) {
      bound.put("from", "header If-Match");
    } else if (!inBody(path)) {
      bound.put("from", "the edge, by what the body changes");
    } else {
      bound.put("from", "body");
      bound.put("is", kind(field, value));
    }
    return bound;
  }

  private boolean inBody(String path) {
    String body = asked.route().transcoder().binding().body();
    return body.equals("*") || path.equals(body) || path.startsWith(body + ".");
  }

  private Optional<String> inPath(String path) {
    List<PathTemplate.Variable> variables = asked.route().transcoder().binding().variables();
    for (int i = 0; i < variables.size(); i++) {
      if (variables.get(i).name().equals(path)) {
        return Optional.of(asked.found().variables().get(i));
      }
    }
    return Optional.empty();
  }

  /** The values of the parameters that fill a field, or a part of it. */
  private List<String> inQuery(String path) {
    Descriptor input = asked.route().transcoder().method().getInputType();
    List<String> values = new ArrayList<>();
    for (RequestTarget.Parameter parameter : asked.target().query()) {
      String filled = path(input, parameter.name());
      if (filled.equals(path) || filled.startsWith(path + ".") || path.startsWith(filled + ".")) {
        values.add(parameter.value());
      }
    }
    return values;
  }

  /** The field that a parameter names in either spelling, with dots; as far as it is known. */
  private static String path(Descriptor type, String name) {
    List<String> path = new ArrayList<>();
    Descriptor in = type;
    for (String part : name.split("[.\\[]", -1)) {
      FieldDescriptor field =
          in.getFields().stream()
              .filter(one -> one.getName().equals(part) || one.getJsonName().equals(part))
              .findFirst()
              .orElse(null);
      if (field == null) {
        break;
      }
      path.add(field.getName());
      if (field.getJavaType() != JavaType.MESSAGE || field.isRepeated()) {
        break;
      }
      in = field.getMessageType();
    }
    return path.isEmpty() ? name : String.join(".", path);
  }

  private static String kind(FieldDescriptor field, Object value) {
    if (field.isMapField()) {
      return "map of " + ((List<?>) value).size();
    }
    if (field.isRepeated()) {
      return "list of " + ((List<?>) value).size();
    }
    return switch (field.getJavaType()) {
      case INT, LONG, FLOAT, DOUBLE -> "number";
      case BOOLEAN -> "true or false";
      case STRING -> "text";
      case BYTE_STRING -> "bytes";
      case ENUM -> field.getEnumType().getName();
      case MESSAGE -> field.getMessageType().getName();
    };
  }
}
