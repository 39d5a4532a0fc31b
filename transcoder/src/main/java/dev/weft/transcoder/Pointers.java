package dev.weft.transcoder;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Between field paths of messages and JSON Pointers (RFC 6901) into the JSON of a request. */
public final class Pointers {
  private static final int STEPS_MAX = 200;

  private Pointers() {}

  /**
   * The pointer for a field path such as {@code order.items[0].unit_price}, in the JSON names of
   * the message it is a path of. What follows a part the message does not have is kept as it is.
   *
   * @param body the request field that is the whole JSON document, or {@code *} or empty
   */
  static String of(String fieldPath, MessagePlan message, String body) {
    List<String> steps = steps(fieldPath);
    if (!steps.isEmpty() && steps.getFirst().equals(body)) {
      FieldPlan field = message.field(body);
      return pointer(steps.subList(1, steps.size()), messageOf(field), repeated(field));
    }
    return pointer(steps, message, false);
  }

  /**
   * A pointer into JSON as it was sent, in the JSON names of what it goes through, however the
   * client spelled them. What follows a part that is no field is kept as it is.
   *
   * @param field what the document is the value of; null when it is the message
   */
  static String named(String pointer, MessagePlan message, @Nullable FieldPlan field) {
    if (pointer.isEmpty()) {
      return pointer;
    }
    List<String> steps =
        Arrays.stream(pointer.substring(1).split("/", -1)).map(Pointers::unescape).toList();
    return field == null
        ? pointer(steps, message, false)
        : pointer(steps, messageOf(field), repeated(field));
  }

  /** The field path that a pointer stands for, in the names of the pointer. */
  public static String fieldPath(String pointer) {
    StringBuilder path = new StringBuilder();
    for (String step : pointer.split("/", -1)) {
      if (step.isEmpty()) {
        continue;
      }
      String name = unescape(step);
      if (name.chars().allMatch(c -> c >= '0' && c <= '9')) {
        path.append('[').append(name).append(']');
      } else {
        path.append(path.isEmpty() ? "" : ".").append(name);
      }
    }
    return path.toString();
  }

  /** One step of a pointer, escaped. */
  static String escape(String name) {
    return name.replace("~", "~0").replace("/", "~1");
  }

  private static String unescape(String step) {
    return step.replace("~1", "/").replace("~0", "~");
  }

  private static String pointer(
      List<String> steps, @Nullable MessagePlan message, boolean insideRepeated) {
    StringBuilder pointer = new StringBuilder();
    MessagePlan type = message;
    boolean element = insideRepeated;
    for (String step : steps) {
      if (element) {
        // An index or a key: its value is of the same type.
        element = false;
        pointer.append('/').append(escape(step));
        continue;
      }
      FieldPlan field = type == null ? null : type.field(step);
      pointer.append('/').append(escape(field == null ? step : field.jsonName));
      type = messageOf(field);
      element = repeated(field);
    }
    return pointer.toString();
  }

  private static @Nullable MessagePlan messageOf(@Nullable FieldPlan field) {
    if (field == null || !field.isMessage()) {
      return null;
    }
    MessagePlan type = field.map ? messageOf(field.mapValue()) : field.message();
    return type == null || type.form == Form.OBJECT ? type : null;
  }

  private static boolean repeated(@Nullable FieldPlan field) {
    return field != null && field.isRepeated();
  }

  /** Splits at dots and brackets: {@code a.b[0].c["k"]} is a, b, 0, c, k. */
  private static List<String> steps(String path) {
    List<String> steps = new ArrayList<>();
    int at = 0;
    while (at < path.length() && steps.size() < STEPS_MAX) {
      char c = path.charAt(at);
      if (c == '.') {
        at++;
      } else if (c == '[') {
        int close = path.indexOf(']', at);
        int end = close < 0 ? path.length() : close;
        steps.add(unquote(path.substring(at + 1, end)));
        at = end + 1;
      } else {
        int end = at;
        while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
          end++;
        }
        steps.add(path.substring(at, end));
        at = end;
      }
    }
    return steps;
  }

  private static String unquote(String key) {
    boolean quoted =
        key.length() >= 2
            && (key.charAt(0) == '"' || key.charAt(0) == '\'')
            && key.charAt(key.length() - 1) == key.charAt(0);
    return quoted ? key.substring(1, key.length() - 1) : key;
  }
}
