package dev.weft.edge;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.transcoder.ReplyPlan;
import dev.weft.transcoder.ReplyText;
import java.util.Optional;
import java.util.Set;

/**
 * The way to the next page of a list (AIP-158), as a {@code Link} (RFC 8288): the same request, but
 * with the token that the reply gave.
 */
final class NextPage {
  /** Of these clients put secrets into the query; a header must not repeat them. */
  private static final Set<String> LEFT_OUT = Set.of("key", "api_key", "access_token");

  private final FieldDescriptor parameter;
  private final ReplyText token;

  private NextPage(FieldDescriptor parameter, ReplyText token) {
    this.parameter = parameter;
    this.token = token;
  }

  /** None if the method has no pages, or its rule leaves no query to say which. */
  static Optional<NextPage> of(
      MethodDescriptor method, ReplyPlan reply, Transcoder.Binding binding) {
    FieldDescriptor parameter = method.getInputType().findFieldByName("page_token");
    boolean free =
        parameter != null
            && parameter.getType() == FieldDescriptor.Type.STRING
            && !parameter.isRepeated()
            && binding.body().isEmpty()
            && binding.variables().stream()
                .noneMatch(variable -> variable.fieldPath().getFirst().equals("page_token"));
    return free
        ? reply.outerText("next_page_token").map(token -> new NextPage(parameter, token))
        : Optional.empty();
  }

  /**
   * The value of the header, if there is a next page.
   *
   * @param target of the request, as it was sent and found to be valid
   */
  Optional<String> link(String target, byte[] reply) {
    return token.in(reply).map(next -> "<" + target(target, next) + ">; rel=\"next\"");
  }

  private String target(String target, String next) {
    int mark = target.indexOf('?');
    StringBuilder text = new StringBuilder(mark < 0 ? target : target.substring(0, mark));
    text.append('?');
    if (mark >= 0) {
      for (String part : target.substring(mark + 1).split("&", -1)) {
        if (!part.isEmpty() && isKept(part)) {
          text.append(part).append('&');
        }
      }
    }
    return text.append(parameter.getJsonName()).append('=').append(Uris.encode(next)).toString();
  }

  private boolean isKept(String part) {
    int equals = part.indexOf('=');
    String name = RequestTarget.decodeForm(equals < 0 ? part : part.substring(0, equals));
    return !name.equals(parameter.getName())
        && !name.equals(parameter.getJsonName())
        && !LEFT_OUT.contains(name);
  }
}
