package dev.weft.transcoder;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes texts from the path and the query as fields of one request message. Not thread-safe; made
 * for one request.
 */
final class QueryBinder {
  private static final int DEPTH_MAX = 32;

  private final RequestPlan plan;
  private final WireBytes out;
  private final TextToWire text;

  /** Paths that are set and are not lists: none may be set again. */
  private final Set<String> taken = new HashSet<>();

  /** Which member of a oneof is set, by the path to the oneof. */
  private final Map<String, FieldPlan> members = new HashMap<>();

  QueryBinder(RequestPlan plan, WireBytes out) {
    this.plan = plan;
    this.out = out;
    this.text = new TextToWire(plan.schema, out);
  }

  /** Notes that the body is the value of this field of the request. */
  void taken(FieldPlan field) {
    if (field.oneof >= 0) {
      members.put("/" + field.oneof, field);
    }
  }

  /**
   * Writes what the path says. The fields were checked when the plan was made.
   *
   * @return the pointer to it
   */
  String path(List<FieldPlan> fields, String value) {
    String name = name(fields);
    String pointer = plan.pointer(name);
    write(fields, 0, pointer, field -> text.field(field, value));
    taken.add(name);
    String prefix = "";
    for (FieldPlan field : fields) {
      if (field.oneof >= 0) {
        members.put(prefix + "/" + field.oneof, field);
      }
      prefix = prefix + "." + field.name;
    }
    return pointer;
  }

  /** Binds a query parameter, ignores a system parameter, refuses anything else. */
  void query(String name, String value) {
    if (isSystem(name)) {
      return;
    }
    String body = plan.rule.body();
    Optional<Target> target = body.equals(RequestPlan.WHOLE) ? Optional.empty() : resolve(name);
    if (target.isEmpty()) {
      if (plan.rule.lenient()) {
        return;
      }
      throw unknown(name);
    }
    Target found = target.get();
    if (found.fields.getFirst() != plan.bodyField) {
      bind(name, found, value);
    } else if (!plan.rule.lenient()) {
      throw refused(pointer(found), "this field belongs into the body");
    }
  }

  /**
   * Where a parameter goes.
   *
   * @param key of a map entry, when the last field is a map
   */
  private record Target(List<FieldPlan> fields, @Nullable String key) {}

  private void bind(String name, Target target, String value) {
    FieldPlan last = target.fields.getLast();
    String pointer = pointer(target);
    String key = target.key;
    String canonical = name(target.fields) + (key == null ? "" : "[" + key);
    if ((!last.isRepeated() || key != null) && !taken.add(canonical)) {
      throw refused(pointer, "set more than once");
    }
    if (last.map && key == null) {
      throw refused(pointer, "a map: name its key, as in " + name + "[key]=value");
    }
    takeOneofs(target.fields, pointer);
    write(
        target.fields,
        0,
        pointer,
        field -> {
          if (key == null) {
            text.field(field, value);
          } else {
            text.entry(field, key, value);
          }
        });
  }

  private void takeOneofs(List<FieldPlan> fields, String pointer) {
    String prefix = "";
    for (FieldPlan field : fields) {
      if (field.oneof >= 0) {
        FieldPlan other = members.putIfAbsent(prefix + "/" + field.oneof, field);
        if (other != null && other != field) {
          throw refused(pointer, "only one may be set: " + other.jsonName + " is");
        }
      }
      prefix = prefix + "." + field.name;
    }
  }

  private interface Writing {
    void write(FieldPlan field);
  }

  /** Writes the last of these fields, inside of those before it. */
  private void write(List<FieldPlan> fields, int depth, String pointer, Writing leaf) {
    FieldPlan field = fields.get(depth);
    if (depth == fields.size() - 1) {
      try {
        leaf.write(field);
      } catch (IllegalArgumentException e) {
        throw refused(pointer, String.valueOf(e.getMessage()));
      }
      return;
    }
    out.varint(field.tag);
    if (field.isGroup()) {
      write(fields, depth + 1, pointer, leaf);
      out.varint(WireInput.endOf(field.tag));
    } else {
      int start = out.open();
      write(fields, depth + 1, pointer, leaf);
      out.close(start);
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
    List<FieldPlan> fields = new ArrayList<>(2);
    MessagePlan type = plan.type;
    for (int start = 0; start <= path.length(); ) {
      int dot = path.indexOf('.', start);
      int end = dot < 0 ? path.length() : dot;
      FieldPlan field = type == null ? null : type.field(path.substring(start, end));
      if (field == null || fields.size() == DEPTH_MAX) {
        return Optional.empty();
      }
      fields.add(field);
      type = field.isObject() ? field.message() : null;
      start = end + 1;
    }
    if (key != null && !fields.getLast().map) {
      return Optional.empty();
    }
    return Optional.of(new Target(fields, key));
  }

  private BadInput unknown(String name) {
    boolean whole = plan.rule.body().equals(RequestPlan.WHOLE);
    String known =
        whole
            ? ""
            : Names.nearest(name, plan.type.jsonNames())
                .map(nearest -> "; did you mean " + nearest + "?")
                .orElse("");
    return refused(
        "/" + Pointers.escape(name),
        whole ? "this method takes no query parameters" : "unknown parameter" + known);
  }

  private String pointer(Target target) {
    String pointer = Pointers.of(name(target.fields), plan.type, "");
    return target.key == null ? pointer : pointer + "/" + Pointers.escape(target.key);
  }

  private static String name(List<FieldPlan> fields) {
    if (fields.size() == 1) {
      return fields.getFirst().name;
    }
    StringBuilder name = new StringBuilder();
    for (FieldPlan field : fields) {
      name.append(name.isEmpty() ? "" : ".").append(field.name);
    }
    return name.toString();
  }

  private static BadInput refused(String pointer, String detail) {
    return BadInput.at("INVALID_PARAMETER", pointer, detail);
  }

  /** Parameters of the platform, not of the method: never bound, so that no token gets anywhere. */
  private static boolean isSystem(String name) {
    return name.startsWith("$")
        || name.equals("key")
        || name.equals("api_key")
        || name.equals("access_token");
  }
}
