package dev.weft.e2e;

import com.google.api.AnnotationsProto;
import com.google.api.HttpRule;
import com.google.protobuf.DescriptorProtos.MethodOptions.IdempotencyLevel;
import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.options.v1.MethodPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** A way to an RPC over REST, as its contract has it. */
record Way(MethodDescriptor rpc, String method, String template) {
  private static final Pattern VARIABLE = Pattern.compile("\\{(?:\\w+\\.)*(\\w+)(?:=[^}]*)?}");

  /** An id, and of nothing. */
  private static final String NOBODY = "0198c0de-0000-7000-8000-000000000000";

  /** All of all contracts that are served. */
  static List<Way> all() {
    List<Way> ways = new ArrayList<>();
    for (MethodDescriptor rpc : Contracts.rpcs()) {
      if (rpc.getOptions().hasExtension(AnnotationsProto.http)) {
        HttpRule rule = rpc.getOptions().getExtension(AnnotationsProto.http);
        ways.add(of(rpc, rule));
        rule.getAdditionalBindingsList().forEach(more -> ways.add(of(rpc, more)));
      }
    }
    return ways;
  }

  private static Way of(MethodDescriptor rpc, HttpRule rule) {
    return switch (rule.getPatternCase()) {
      case GET -> new Way(rpc, "GET", rule.getGet());
      case PUT -> new Way(rpc, "PUT", rule.getPut());
      case POST -> new Way(rpc, "POST", rule.getPost());
      case DELETE -> new Way(rpc, "DELETE", rule.getDelete());
      case PATCH -> new Way(rpc, "PATCH", rule.getPatch());
      case CUSTOM, PATTERN_NOT_SET -> throw new AssertionError(rpc.getFullName());
    };
  }

  MethodPolicy policy() {
    return Contracts.policy(rpc);
  }

  boolean reads() {
    return rpc.getOptions().getIdempotencyLevel() == IdempotencyLevel.NO_SIDE_EFFECTS;
  }

  /** Names of the fields that its path says. */
  List<String> variables() {
    return VARIABLE.matcher(template).results().map(found -> found.group(1)).toList();
  }

  /** With what these variables stand for, and an id of nothing for the others. */
  String path(Map<String, String> values) {
    return VARIABLE
        .matcher(template)
        .replaceAll((MatchResult found) -> values.getOrDefault(found.group(1), NOBODY));
  }
}
