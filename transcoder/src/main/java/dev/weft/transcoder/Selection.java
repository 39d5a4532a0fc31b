package dev.weft.transcoder;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which fields of a resource a client wants to see: a tree of plans beside those of its messages,
 * that printing follows. {@link ReplyPlan#select} makes it. Immutable, thread-safe.
 */
public final class Selection {
  private static final int DEPTH_MAX = 100;

  /** Those that are wanted, in the order of the contract. */
  final FieldPlan[] fields;

  /** What of each is wanted, by its place in its message's plan; null means all of it. */
  private final @Nullable Selection[] inside;

  private Selection(MessagePlan type, Wanted wanted) {
    inside = new Selection[type.fields.length];
    fields =
        Arrays.stream(type.fields).filter(wanted.fields::containsKey).toArray(FieldPlan[]::new);
    for (FieldPlan field : fields) {
      Wanted part = wanted.in(field);
      inside[field.index] = part.all ? null : new Selection(target(field).message(), part);
    }
  }

  /** What of this field is wanted; null means all of it. */
  @Nullable Selection inside(FieldPlan field) {
    return inside[field.index];
  }

  /** What paths say of one message. */
  private static final class Wanted {
    final Map<FieldPlan, Wanted> fields = new HashMap<>();
    boolean all;

    Wanted in(FieldPlan field) {
      return fields.computeIfAbsent(field, _ -> new Wanted());
    }
  }

  /**
   * Of a message of this type.
   *
   * @param many whether the resource is a list or map of such messages
   * @return null when all is wanted
   * @throws BadInput if a path leads nowhere
   */
  static @Nullable Selection of(MessagePlan type, boolean many, List<String> paths) {
    Wanted root = new Wanted();
    for (String path : paths) {
      add(root, type, many, path);
    }
    return root.all ? null : new Selection(type, root);
  }

  private static void add(Wanted root, MessagePlan type, boolean many, String path) {
    String[] names = path.split("\\.", -1);
    if (names.length > DEPTH_MAX) {
      throw refused("a path of more than " + DEPTH_MAX + " names");
    }
    Wanted at = root;
    MessagePlan in = type;
    // A star stands for each element of a list or map, or behind everything else for all of it.
    int next = many && names.length > 1 && names[0].equals("*") ? 1 : 0;
    while (true) {
      if (names[next].equals("*") && next == names.length - 1) {
        at.all = true;
        return;
      }
      FieldPlan field = in.field(names[next]);
      if (field == null) {
        throw unknown(names, next, in);
      }
      at = at.in(field);
      next++;
      if (next < names.length - 1 && field.isRepeated() && names[next].equals("*")) {
        next++;
      }
      if (next == names.length) {
        at.all = true;
        return;
      }
      FieldPlan target = target(field);
      boolean star = names[next].equals("*");
      if (!star && (!target.isMessage() || target.message().form != Form.OBJECT)) {
        throw refused("\"" + start(names, next) + "\" has no fields of its own to choose from");
      }
      in = star ? in : target.message();
    }
  }

  /** What a path goes on into: of a map its values. */
  private static FieldPlan target(FieldPlan field) {
    return field.map ? field.mapValue() : field;
  }

  private static BadInput unknown(String[] names, int at, MessagePlan in) {
    String before = at == 0 ? "" : start(names, at) + ".";
    String known =
        Names.nearest(names[at], in.jsonNames())
            .map(nearest -> "; did you mean " + before + nearest + "?")
            .orElse("");
    return refused("unknown field \"" + before + names[at] + "\"" + known);
  }

  private static String start(String[] names, int count) {
    return String.join(".", List.of(names).subList(0, count));
  }

  private static BadInput refused(String detail) {
    return BadInput.at("INVALID_PARAMETER", "/$fields", detail);
  }
}
