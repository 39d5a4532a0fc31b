package dev.weft.shop;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.api.AnnotationsProto;
import com.google.api.HttpRule;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * What every route answers, field by field, is what somebody has looked at: a field that is new,
 * and might tell too much, or one that is gone, and might be missed, is seen here first.
 */
class RepliesTest {
  private static final Path LOOKED_AT = Path.of("src/test/resources/replies.txt");
  private static final Path NOW = Path.of("target/replies.txt");

  @Test
  void answersTheFieldsThatSomebodyHasLookedAtAndNoOthers() throws IOException {
    Map<String, String> routes = new TreeMap<>();
    for (MethodDescriptor rpc : ContractsTest.rpcs()) {
      if (rpc.getOptions().hasExtension(AnnotationsProto.http)) {
        HttpRule rule = rpc.getOptions().getExtension(AnnotationsProto.http);
        routes.put(route(rule), reply(rpc, rule));
        rule.getAdditionalBindingsList().forEach(more -> routes.put(route(more), reply(rpc, more)));
      }
    }
    StringBuilder text = new StringBuilder();
    routes.forEach((route, reply) -> text.append(route).append('\n').append(reply));
    Files.writeString(NOW, text);

    assertThat(routes).hasSizeGreaterThan(30);
    assertThat(text.toString())
        .as("%s; if that is meant, it takes the place of %s", NOW, LOOKED_AT)
        .isEqualTo(Files.readString(LOOKED_AT));
  }

  private static String route(HttpRule rule) {
    return switch (rule.getPatternCase()) {
      case GET -> "GET " + rule.getGet();
      case PUT -> "PUT " + rule.getPut();
      case POST -> "POST " + rule.getPost();
      case DELETE -> "DELETE " + rule.getDelete();
      case PATCH -> "PATCH " + rule.getPatch();
      case CUSTOM -> rule.getCustom().getKind() + " " + rule.getCustom().getPath();
      case PATTERN_NOT_SET -> throw new AssertionError(rule);
    };
  }

  private static String reply(MethodDescriptor rpc, HttpRule rule) {
    StringBuilder text = new StringBuilder();
    String body = rule.getResponseBody();
    if (body.isEmpty()) {
      fields(rpc.getOutputType(), "", new ArrayDeque<>(), text);
    } else {
      FieldDescriptor field = rpc.getOutputType().findFieldByName(body);
      if (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE && !field.isRepeated()) {
        fields(field.getMessageType(), "", new ArrayDeque<>(), text);
      } else {
        field(field, "", new ArrayDeque<>(), text);
      }
    }
    return text.toString();
  }

  private static void fields(
      Descriptor type, String prefix, Deque<Descriptor> around, StringBuilder text) {
    around.push(type);
    type.getFields().forEach(field -> field(field, prefix, around, text));
    around.pop();
  }

  private static void field(
      FieldDescriptor field, String prefix, Deque<Descriptor> around, StringBuilder text) {
    String path = prefix + field.getJsonName() + (field.isRepeated() ? "[]" : "");
    text.append("  ").append(path).append(": ").append(type(field)).append('\n');
    if (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE
        && !field.getMessageType().getFullName().startsWith("google.")
        && !around.contains(field.getMessageType())) {
      fields(field.getMessageType(), path + ".", around, text);
    }
  }

  private static String type(FieldDescriptor field) {
    return switch (field.getJavaType()) {
      case MESSAGE -> field.getMessageType().getFullName();
      case ENUM -> field.getEnumType().getFullName();
      default -> field.getType().name().toLowerCase(Locale.ROOT);
    };
  }
}
