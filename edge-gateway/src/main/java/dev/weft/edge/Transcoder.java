package dev.weft.edge;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.Message;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Turns one kind of HTTP request into the bytes of a gRPC request, and the bytes of a reply into
 * JSON: everything between the two that depends on a method and on one of its HTTP rules, and
 * nothing that depends on a connection. Bytes in, bytes out, so that how it is done can change
 * without the rest of the edge.
 *
 * <p>Immutable, thread-safe, never blocks.
 */
final class Transcoder {
  private static final JsonFactory JSON = new JsonFactory();
  private static final String WHOLE = "*";

  private final Descriptor input;
  private final Descriptor output;
  private final Types types;
  private final boolean lenient;
  private final List<List<String>> variables;
  private final String body;
  private final @Nullable FieldDescriptor bodyField;
  private final @Nullable FieldDescriptor responseField;
  private final @Nullable FieldDescriptor maskField;
  private final @Nullable FieldDescriptor requestIdField;
  private final boolean requestIdRequired;

  /**
   * What of an HTTP rule concerns the messages.
   *
   * @param patch whether an absent update mask is to be filled from the body
   * @param body {@code *}, the name of a field, or empty
   * @param responseBody the name of a field, or empty
   */
  record Binding(
      boolean patch, List<PathTemplate.Variable> variables, String body, String responseBody) {}

  /** Throws {@link InvalidRule} if the rule does not fit the method. */
  Transcoder(MethodDescriptor method, Types types, boolean lenient, Binding binding) {
    this.input = method.getInputType();
    this.output = method.getOutputType();
    this.types = types;
    this.lenient = lenient;
    this.body = binding.body();
    this.bodyField = body.isEmpty() || body.equals(WHOLE) ? null : topLevel(input, body, "body");
    this.responseField =
        binding.responseBody().isEmpty()
            ? null
            : topLevel(output, binding.responseBody(), "response_body");
    binding.variables().forEach(variable -> checkVariable(input, variable));
    this.variables = binding.variables().stream().map(PathTemplate.Variable::fieldPath).toList();
    this.maskField = binding.patch() ? maskField(input) : null;
    this.requestIdField = requestIdField(input);
    this.requestIdRequired =
        requestIdField != null
            && requestIdField
                .getOptions()
                .getExtension(FieldBehaviorProto.fieldBehavior)
                .contains(FieldBehavior.REQUIRED);
  }

  /** Whether the rule reads the body of the request. */
  boolean takesBody() {
    return !body.isEmpty();
  }

  /**
   * The bytes of the request message.
   *
   * @param path the values of the template's variables, in its order
   * @param json the body; empty means every default
   * @param requestId what the client calls this request, to recognise it when it comes again
   * @throws Refused with 400 and what is wrong where
   */
  byte[] request(
      List<String> path,
      List<RequestTarget.Parameter> query,
      byte[] json,
      Optional<String> requestId) {
    DynamicMessage.Builder request = DynamicMessage.newBuilder(input);
    List<String> mask = maskField == null ? null : new ArrayList<>();
    if (takesBody() && json.length > 0) {
      if (bodyField == null) {
        JsonReader.message(json, request, types, lenient, mask);
      } else {
        JsonReader.field(json, bodyField, request, types, lenient, mask);
      }
    }
    QueryBinder binder = new QueryBinder(request, types, body, lenient);
    for (int i = 0; i < variables.size(); i++) {
      binder.path(variables.get(i), path.get(i));
    }
    for (RequestTarget.Parameter parameter : query) {
      binder.query(parameter.name(), parameter.value());
    }
    if (requestIdField != null) {
      nameRequest(request, requestIdField, requestId);
    }
    if (maskField != null && mask != null && !request.hasField(maskField)) {
      fillMask(request, maskField, mask);
    }
    if (!request.isInitialized()) {
      throw Refused.badRequest(
          "INVALID_FIELD",
          request.findInitializationErrors().stream()
              .map(name -> new Problem.Violation(pointer(name), "required"))
              .toList());
    }
    return request.build().toByteArray();
  }

  /** The JSON of a reply: the whole message, or the field that the rule calls its body. */
  byte[] response(byte[] message) throws IOException {
    DynamicMessage reply = DynamicMessage.parseFrom(output, message);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(Math.max(64, message.length * 2));
    try (JsonGenerator out = JSON.createGenerator(bytes)) {
      JsonWriter writer = new JsonWriter(out, types);
      if (responseField == null) {
        writer.message(reply);
      } else {
        writer.field(responseField, reply);
      }
    }
    return bytes.toByteArray();
  }

  /**
   * The value of a field with this name in what the client sees as the resource, if it is text and
   * set.
   */
  Optional<String> resourceField(byte[] message, String name) throws IOException {
    Message resource = DynamicMessage.parseFrom(output, message);
    if (responseField != null) {
      if (!isMessage(responseField)) {
        return Optional.empty();
      }
      resource = (Message) resource.getField(responseField);
    }
    FieldDescriptor field = resource.getDescriptorForType().findFieldByName(name);
    if (field == null || field.isRepeated() || field.getJavaType() != JavaType.STRING) {
      return Optional.empty();
    }
    return Optional.of((String) resource.getField(field)).filter(text -> !text.isEmpty());
  }

  /** Where in the request's JSON a field of the request message stands. */
  String pointer(String fieldPath) {
    return Pointers.of(fieldPath, input, body);
  }

  /** The types an {@code Any} of this method's service may hold. */
  Types types() {
    return types;
  }

  private void nameRequest(
      DynamicMessage.Builder request, FieldDescriptor field, Optional<String> requestId) {
    String given = (String) request.getField(field);
    if (requestId.isPresent()) {
      if (!given.isEmpty() && !given.equals(requestId.get())) {
        throw Refused.field(
            "IDEMPOTENCY_KEY_INVALID",
            pointer(field.getName()),
            "differs from the header Idempotency-Key");
      }
      request.setField(field, requestId.get());
    } else if (given.isEmpty() && requestIdRequired) {
      throw Refused.badRequest("IDEMPOTENCY_KEY_MISSING", "Idempotency-Key header is required");
    }
  }

  private void fillMask(
      DynamicMessage.Builder request, FieldDescriptor field, List<String> present) {
    Set<String> bound =
        variables.stream().map(path -> String.join(".", path)).collect(Collectors.toSet());
    String prefix = bodyField == null ? "" : bodyField.getName() + ".";
    Message.Builder mask = request.newBuilderForField(field);
    FieldDescriptor paths = field.getMessageType().findFieldByName("paths");
    for (String path : present) {
      if (!bound.contains(prefix + path) && !path.equals(field.getName())) {
        mask.addRepeatedField(paths, path);
      }
    }
    if (mask.getRepeatedFieldCount(paths) > 0) {
      request.setField(field, mask.build());
    }
  }

  private static FieldDescriptor topLevel(Descriptor type, String name, String what) {
    FieldDescriptor field = type.findFieldByName(name);
    if (field == null) {
      throw new InvalidRule(
          what + " \"" + name + "\": " + type.getFullName() + " has no such field");
    }
    return field;
  }

  private static void checkVariable(Descriptor input, PathTemplate.Variable variable) {
    Descriptor type = input;
    for (String name : variable.fieldPath().subList(0, variable.fieldPath().size() - 1)) {
      FieldDescriptor field = type.findFieldByName(name);
      if (field == null || !isMessage(field)) {
        throw wrong(variable, name + " is no message field of " + type.getFullName());
      }
      type = field.getMessageType();
    }
    FieldDescriptor field = type.findFieldByName(variable.fieldPath().getLast());
    if (field == null) {
      throw wrong(variable, type.getFullName() + " has no such field");
    }
    if (field.isRepeated()) {
      throw wrong(variable, "a list or map cannot be a part of a path");
    }
    if (field.getJavaType() == JavaType.MESSAGE
        && WellKnown.of(field.getMessageType()) != WellKnown.TEXT
        && WellKnown.of(field.getMessageType()) != WellKnown.WRAPPER) {
      throw wrong(variable, "a message cannot be a part of a path");
    }
  }

  private static InvalidRule wrong(PathTemplate.Variable variable, String what) {
    return new InvalidRule("variable {" + variable.name() + "}: " + what);
  }

  private static boolean isMessage(FieldDescriptor field) {
    return field.getJavaType() == JavaType.MESSAGE && !field.isRepeated();
  }

  private static @Nullable FieldDescriptor maskField(Descriptor input) {
    FieldDescriptor field = input.findFieldByName("update_mask");
    return field != null
            && isMessage(field)
            && field.getMessageType().getFullName().equals("google.protobuf.FieldMask")
        ? field
        : null;
  }

  private static @Nullable FieldDescriptor requestIdField(Descriptor input) {
    FieldDescriptor field = input.findFieldByName("request_id");
    return field != null && !field.isRepeated() && field.getJavaType() == JavaType.STRING
        ? field
        : null;
  }
}
