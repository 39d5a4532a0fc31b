package dev.weft.transcoder;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One request message as it is put together: first the body, then the path, then the query. What
 * the parts say is written one after the other, and wire bytes of one message one after the other
 * are the message that has all of it.
 *
 * <p>Not thread-safe. Every method refuses what is not exactly right with {@link BadInput}.
 */
public final class RequestBytes {
  private static final int CAPACITY_MIN = 64;

  private final RequestPlan plan;
  private final WireBytes out;
  private final QueryBinder binder;
  private final @Nullable List<String> present;

  RequestBytes(RequestPlan plan, byte[] json) {
    this.plan = plan;
    out = new WireBytes(Math.max(CAPACITY_MIN, json.length));
    present = plan.maskField == null ? null : new ArrayList<>();
    binder = new QueryBinder(plan, out);
    if (plan.takesBody() && json.length > 0) {
      body(json);
    }
  }

  RequestBytes(RequestPlan plan, RawBody body) {
    this.plan = plan;
    out = new WireBytes(CAPACITY_MIN + body.contentType().length() + body.data().length);
    present = null;
    binder = new QueryBinder(plan, out);
    plan.raw.orElseThrow().write(body, out);
    if (plan.bodyField != null) {
      binder.taken(plan.bodyField);
    }
  }

  private void body(byte[] json) {
    FieldPlan field = plan.bodyField;
    boolean lenient = plan.rule.lenient();
    if (field == null) {
      JsonToWire.message(plan.schema, plan.type, json, lenient, present, out);
    } else {
      JsonToWire.field(plan.schema, plan.type, field, json, lenient, present, out);
      if (out.size() > 0) {
        binder.taken(field);
      }
    }
  }

  /** Binds the variables of the template, in its order. */
  public void path(List<String> values) {
    int bodyEnd = out.size();
    for (int i = 0; i < plan.variables.size(); i++) {
      variable(plan.variables.get(i), values.get(i), bodyEnd);
    }
  }

  private void variable(List<FieldPlan> path, String value, int bodyEnd) {
    int before = out.size();
    String pointer = binder.path(path, value);
    WireInput inBody = new WireInput(out.array(), 0, bodyEnd);
    if (!Lookup.toLast(inBody, path)) {
      return;
    }
    WireInput inPath = new WireInput(out.array(), before, out.size());
    if (!Lookup.toLast(inPath, path) || !sameValue(inBody, inPath, path.getLast())) {
      throw BadInput.at("INVALID_FIELD", pointer, "differs from the value in the path");
    }
    out.truncate(before);
  }

  private static boolean sameValue(WireInput one, WireInput other, FieldPlan field) {
    int startOne = one.at;
    int startOther = other.at;
    one.skip(field.tag);
    other.skip(field.tag);
    return Arrays.equals(one.bytes, startOne, one.at, other.bytes, startOther, other.at);
  }

  /** Binds a query parameter, ignores a system parameter. */
  public void query(String name, String value) {
    binder.query(name, value);
  }

  /** Names the request, if it has a field for that, by what the client calls it beside the body. */
  public void requestId(Optional<String> id) {
    FieldPlan field = plan.requestIdField;
    if (field == null) {
      return;
    }
    if (!beside(List.of(field), id, "IDEMPOTENCY_KEY_INVALID", "Idempotency-Key")
        && plan.rule.needsRequestId()) {
      throw BadInput.of("IDEMPOTENCY_KEY_MISSING", "Idempotency-Key header is required");
    }
  }

  /**
   * Says what version the request is meant for, if it has a field for that, by what the client says
   * beside the body.
   *
   * @return whether it is said now, here or there
   */
  public boolean version(Optional<String> version) {
    return !plan.version.isEmpty() && beside(plan.version, version, "INVALID_FIELD", "If-Match");
  }

  /**
   * Writes a text that a header says, unless the message has it already.
   *
   * @return whether the message has it now
   */
  private boolean beside(
      List<FieldPlan> path, Optional<String> said, String reason, String header) {
    String given = Lookup.text(new WireInput(out.array(), 0, out.size()), path).orElse("");
    if (said.isEmpty()) {
      return !given.isEmpty();
    }
    if (given.isEmpty()) {
      write(path, said.get());
    } else if (!given.equals(said.get())) {
      String name = String.join(".", path.stream().map(field -> field.name).toList());
      throw BadInput.at(reason, plan.pointer(name), "differs from the header " + header);
    }
    return true;
  }

  private void write(List<FieldPlan> path, String text) {
    FieldPlan first = path.getFirst();
    out.varint(first.tag);
    if (path.size() == 1) {
      out.text(text);
    } else {
      int start = out.open();
      write(path.subList(1, path.size()), text);
      out.close(start);
    }
  }

  /** The bytes of the message. */
  public byte[] finish() {
    FieldPlan mask = plan.maskField;
    FieldPlan resource = plan.resource;
    if (mask != null && resource != null && present != null && !has(mask)) {
      fill(mask, resource.name + ".", present);
    }
    if (plan.type.requires) {
      List<String> missing = Required.missing(plan.type, out.array(), 0, out.size());
      if (!missing.isEmpty()) {
        throw BadInput.at(
            "INVALID_FIELD",
            missing.stream().map(p -> new BadInput.Fault(plan.pointer(p), "required")).toList());
      }
    }
    return out.toByteArray();
  }

  private void fill(FieldPlan mask, String prefix, List<String> paths) {
    List<String> changed =
        paths.stream()
            .map(path -> plan.bodyField == null ? path : prefix + path)
            .filter(path -> path.startsWith(prefix) && !plan.bound.contains(path))
            .map(path -> path.substring(prefix.length()))
            .toList();
    if (!changed.isEmpty()) {
      out.varint(mask.tag);
      int start = out.open();
      changed.forEach(path -> FormsToWire.mask(path, out));
      out.close(start);
    }
  }

  private boolean has(FieldPlan field) {
    return Lookup.toLast(new WireInput(out.array(), 0, out.size()), field);
  }
}
