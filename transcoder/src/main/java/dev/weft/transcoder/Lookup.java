package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Descriptors.FieldDescriptor;
import java.util.List;
import java.util.Optional;

/** Finds single fields in wire bytes that were written here or are known to be a message. */
final class Lookup {
  private Lookup() {}

  /**
   * Moves to the last value of a field, behind its tag.
   *
   * @return whether there is one; if not, the place is the end
   */
  static boolean toLast(WireInput in, FieldPlan field) {
    int found = -1;
    while (in.more()) {
      int tag = in.tag();
      if (tag == field.tag) {
        found = in.at;
      }
      in.skip(tag);
    }
    in.at = found < 0 ? in.end : found;
    return found >= 0;
  }

  /**
   * Moves to the last value of the last of these fields, each but the first inside the one before,
   * which may be written in several pieces.
   */
  static boolean toLast(WireInput in, List<FieldPlan> path) {
    int end = in.end;
    int found = last(in, path, 0);
    in.end = end;
    in.at = found < 0 ? end : found;
    return found >= 0;
  }

  private static int last(WireInput in, List<FieldPlan> path, int depth) {
    FieldPlan step = path.get(depth);
    boolean leaf = depth == path.size() - 1;
    int end = in.end;
    int found = -1;
    while (in.at < end) {
      int tag = in.tag();
      int start = in.at;
      in.skip(tag);
      if (tag == step.tag) {
        int after = in.at;
        int inside = leaf ? start : lastInside(in, path, depth, start);
        found = inside < 0 ? found : inside;
        in.at = after;
        in.end = end;
      }
    }
    return found;
  }

  /** Looks into the message that was just moved over. */
  private static int lastInside(WireInput in, List<FieldPlan> path, int depth, int start) {
    FieldPlan step = path.get(depth);
    in.end = step.isGroup() ? in.at - WireBytes.varintSize(step.tag) : in.at;
    in.at = start;
    if (!step.isGroup()) {
      var _ = in.length();
    }
    return last(in, path, depth + 1);
  }

  /** The field of this name, if it is one text. */
  static Optional<FieldPlan> textField(MessagePlan type, String name) {
    return Optional.ofNullable(type.field(name))
        .filter(field -> !field.isRepeated() && field.type == FieldDescriptor.Type.STRING);
  }

  /** The last value of a field that is a text. */
  static Optional<String> text(WireInput in, List<FieldPlan> path) {
    if (!toLast(in, path)) {
      return Optional.empty();
    }
    int length = in.length();
    return Optional.of(new String(in.bytes, in.at, length, UTF_8));
  }
}
