package dev.weft.edge;

import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.transcoder.BadInput;
import dev.weft.transcoder.RawBody;
import dev.weft.transcoder.ReplyPlan;
import dev.weft.transcoder.ReplyText;
import dev.weft.transcoder.RequestBytes;
import dev.weft.transcoder.RequestPlan;
import dev.weft.transcoder.Schema;
import dev.weft.transcoder.Selection;
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
  private final MethodDescriptor method;
  private final Binding binding;
  private final Schema schema;
  private final boolean raw;
  private final RequestPlan request;
  private final ReplyPlan reply;
  private final Optional<ReplyText> version;
  private final Optional<NextPage> nextPage;
  private final boolean needsRequestId;
  private final boolean needsVersion;

  /**
   * What of an HTTP rule concerns the messages.
   *
   * @param patch whether an absent update mask is to be filled from the body
   * @param body {@code *}, the name of a field, or empty
   * @param responseBody the name of a field, or empty
   * @param raw whether a google.api.HttpBody stands for its bytes; else it is a message as others
   */
  record Binding(
      boolean patch,
      List<PathTemplate.Variable> variables,
      String body,
      String responseBody,
      boolean raw) {}

  /**
   * What headers say of the request message.
   *
   * @param requestId what the client calls the request, to recognise it when it comes again
   * @param ifMatch the version of the resource that it is meant for
   * @param contentType of the body; empty when nothing is said
   */
  record Headers(Optional<String> requestId, Optional<String> ifMatch, String contentType) {
    /** They say nothing. */
    static final Headers NONE = new Headers(Optional.empty(), Optional.empty(), "");

    /** The same, of a body of another type. */
    Headers of(String type) {
      return new Headers(requestId, ifMatch, type);
    }
  }

  /** Throws {@link InvalidRule} if the rule does not fit the method. */
  Transcoder(MethodDescriptor method, Schema schema, boolean lenient, Binding binding) {
    this.method = method;
    this.binding = binding;
    this.schema = schema;
    this.raw = binding.raw();
    this.needsRequestId = needsRequestId(method.getInputType());
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
                  needsRequestId));
      reply = ReplyPlan.of(schema, method.getOutputType(), binding.responseBody());
      version = reply.text("etag");
      nextPage = NextPage.of(method, reply, binding);
      needsVersion = needsVersion(method.getInputType(), request.versionPath());
    } catch (IllegalArgumentException e) {
      throw new InvalidRule(String.valueOf(e.getMessage()));
    }
  }

  private static boolean needsRequestId(Descriptor input) {
    FieldDescriptor field = input.findFieldByName("request_id");
    return field != null && isRequired(field);
  }

  private static boolean needsVersion(Descriptor input, List<String> path) {
    Descriptor in = input;
    for (int i = 0; i < path.size() - 1; i++) {
      in = in.findFieldByName(path.get(i)).getMessageType();
    }
    return !path.isEmpty() && isRequired(in.findFieldByName(path.getLast()));
  }

  private static boolean isRequired(FieldDescriptor field) {
    return field
        .getOptions()
        .getExtension(FieldBehaviorProto.fieldBehavior)
        .contains(FieldBehavior.REQUIRED);
  }

  /** The method whose messages these are. */
  MethodDescriptor method() {
    return method;
  }

  Binding binding() {
    return binding;
  }

  /** Whether a request must say what it is called, to be recognised when it comes again. */
  boolean needsRequestId() {
    return needsRequestId;
  }

  /** Names of the fields that lead to the version a request is meant for; empty without a place. */
  List<String> versionPath() {
    return request.versionPath();
  }

  /** Whether a request must say what version it is meant for. */
  boolean needsVersion() {
    return needsVersion;
  }

  /** Whether the resource that is answered says its version. */
  boolean saysVersion() {
    return version.isPresent();
  }

  /** Whether the answer is a page of a list, and may say where the next one is. */
  boolean hasPages() {
    return nextPage.isPresent();
  }

  /** Whether the rule reads the body of the request. */
  boolean takesBody() {
    return request.takesBody();
  }

  /** Whether the body of the request is bytes of any kind, and no JSON. */
  boolean takesAnything() {
    return raw && request.isRaw();
  }

  /** Whether a request can say what version it is meant for. */
  boolean takesVersion() {
    return !request.versionPath().isEmpty();
  }

  /**
   * The bytes of the request message.
   *
   * @param path the values of the template's variables, in its order
   * @param body JSON, of which empty means every default, or what it is
   * @throws Refused with 400 and what is wrong where; with 428 if a version must be named and is
   *     not
   */
  byte[] request(
      List<String> path, List<RequestTarget.Parameter> query, byte[] body, Headers headers) {
    try {
      RequestBytes bytes =
          takesAnything()
              ? request.body(new RawBody(headers.contentType, body))
              : request.body(body);
      bytes.path(path);
      for (RequestTarget.Parameter parameter : query) {
        bytes.query(parameter.name(), parameter.value());
      }
      bytes.requestId(headers.requestId);
      if ((needsVersion || headers.ifMatch.isPresent()) && !bytes.version(headers.ifMatch)) {
        throw new Refused(Problems.etagRequired());
      }
      return bytes.finish();
    } catch (BadInput e) {
      throw refused(e);
    }
  }

  /** The bytes of a request message that is a further part of a body. */
  byte[] part(byte[] body) {
    return request.part(body);
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

  /**
   * The JSON of a reply: of the whole message, or of the field that the rule calls its body.
   *
   * @param fields what of it; empty means all
   */
  byte[] response(byte[] message, Optional<Selection> fields) {
    return fields.isEmpty() ? reply.json(message) : reply.json(message, fields.get());
  }

  /** Whether the answer is bytes of any kind, and no JSON. */
  boolean answersAnything() {
    return raw && reply.isRaw();
  }

  /** The bytes that are the answer, of a method that answers anything. */
  RawBody raw(byte[] message) {
    return reply.raw(message);
  }

  /**
   * The fields of the answer that a query asks for with {@code $fields}; empty means all.
   *
   * @throws Refused with 400 if there is no such field
   */
  Optional<Selection> fields(List<RequestTarget.Parameter> query) {
    String wanted = "";
    for (RequestTarget.Parameter parameter : query) {
      if (parameter.name().equals("$fields")) {
        // More than one is one list.
        wanted = wanted + "," + parameter.value();
      }
    }
    try {
      return wanted.isEmpty() ? Optional.empty() : reply.select(wanted);
    } catch (BadInput e) {
      throw refused(e);
    }
  }

  /** The version that the resource says of itself, if it is one that HTTP can say. */
  Optional<EntityTag> version(byte[] message) {
    return version.flatMap(etag -> etag.in(message)).flatMap(EntityTag::ofVersion);
  }

  /**
   * A link to the next page of a list, if there is one.
   *
   * @param target of the request, as it was sent
   */
  Optional<String> nextPage(String target, byte[] message) {
    return nextPage.flatMap(page -> page.link(target, message));
  }

  /** The type of what the client sees as the resource, if it is one message. */
  Optional<String> resource() {
    return reply.resource();
  }

  /** The field with this name of what the client sees as the resource, if it is a text. */
  Optional<ReplyText> resourceText(String name) {
    return reply.text(name);
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
