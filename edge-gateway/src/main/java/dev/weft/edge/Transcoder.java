package dev.weft.edge;

import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.transcoder.BadInput;
import dev.weft.transcoder.ReplyPlan;
import dev.weft.transcoder.RequestBytes;
import dev.weft.transcoder.RequestPlan;
import dev.weft.transcoder.Schema;
import java.util.List;
import java.util.Optional;

/**
 * Turns one kind of HTTP request into the bytes of a gRPC request, and the bytes of a reply into
 * JSON: everything between the two that depends on a method and on one of its HTTP rules, and
 * nothing that depends on a connection. How is the matter of the module transcoder; here it gets
 * the rule, and what it refuses becomes the edge's answer.
 *
 * <p>Immutable, thread-safe, never blocks.
 */
final class Transcoder {
  private final Schema schema;
  private final RequestPlan request;
  private final ReplyPlan reply;

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
  Transcoder(MethodDescriptor method, Schema schema, boolean lenient, Binding binding) {
    this.schema = schema;
    try {
      request =
          RequestPlan.of(
              schema,
              method.getInputType(),
              new RequestPlan.Rule(
                  binding.variables().stream().map(PathTemplate.Variable::fieldPath).toList(),
                  binding.body(),
                  binding.patch(),
                  lenient,
                  needsRequestId(method.getInputType())));
      reply = ReplyPlan.of(schema, method.getOutputType(), binding.responseBody());
    } catch (IllegalArgumentException e) {
      throw new InvalidRule(String.valueOf(e.getMessage()));
    }
  }

  private static boolean needsRequestId(Descriptor input) {
    FieldDescriptor field = input.findFieldByName("request_id");
    return field != null
        && field
            .getOptions()
            .getExtension(FieldBehaviorProto.fieldBehavior)
            .contains(FieldBehavior.REQUIRED);
  }

  /** Whether the rule reads the body of the request. */
  boolean takesBody() {
    return request.takesBody();
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
    try {
      RequestBytes bytes = request.body(json);
      bytes.path(path);
      for (RequestTarget.Parameter parameter : query) {
        bytes.query(parameter.name(), parameter.value());
      }
      bytes.requestId(requestId);
      return bytes.finish();
    } catch (BadInput e) {
      throw refused(e);
    }
  }

  private static Refused refused(BadInput bad) {
    return bad.faults().isEmpty()
        ? Refused.badRequest(bad.reason(), String.valueOf(bad.getMessage()))
        : Refused.badRequest(
            bad.reason(),
            bad.faults().stream()
                .map(fault -> new Problem.Violation(fault.pointer(), fault.detail()))
                .toList());
  }

  /** The JSON of a reply: the whole message, or the field that the rule calls its body. */
  byte[] response(byte[] message) {
    return reply.json(message);
  }

  /**
   * The value of a field with this name in what the client sees as the resource, if it is text and
   * set.
   */
  Optional<String> resourceField(byte[] message, String name) {
    return reply.text(message, name);
  }

  /** Where in the request's JSON a field of the request message stands. */
  String pointer(String fieldPath) {
    return request.pointer(fieldPath);
  }

  /** The types an {@code Any} of this method's service may hold. */
  Schema schema() {
    return schema;
  }
}
