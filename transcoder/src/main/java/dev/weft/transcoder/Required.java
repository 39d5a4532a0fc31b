package dev.weft.transcoder;

import com.google.protobuf.WireFormat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Looks for required fields that wire bytes do not have. */
final class Required {
  private Required() {}

  /**
   * The paths of the fields of a message that are required, missing, and not inside a missing one.
   */
  static List<String> missing(MessagePlan type, byte[] wire, int start, int end) {
    List<String> missing = new ArrayList<>();
    look(type, new WireInput(wire, start, end), "", missing);
    return missing;
  }

  private static void look(MessagePlan type, WireInput in, String path, List<String> missing) {
    // A message may be written in several parts, which are then one.
    Map<FieldPlan, List<byte[]>> parts = new HashMap<>();
    while (in.more()) {
      int tag = in.tag();
      int start = in.at;
      in.skip(tag);
      FieldPlan field = type.field(WireFormat.getTagFieldNumber(tag));
      if (field != null) {
        parts.computeIfAbsent(field, _ -> new ArrayList<>()).add(content(tag, in, start));
      }
    }
    for (FieldPlan field : type.fields) {
      List<byte[]> found = parts.get(field);
      if (found == null) {
        if (field.required) {
          missing.add(path + field.name);
        }
      } else if (field.isMessage() && field.message().requires) {
        if (field.isRepeated()) {
          for (int i = 0; i < found.size(); i++) {
            byte[] one = found.get(i);
            String inside = path + field.name + (field.map ? "." : "[" + i + "].");
            look(field.message(), new WireInput(one, 0, one.length), inside, missing);
          }
        } else {
          byte[] all = join(found);
          look(
              field.message(), new WireInput(all, 0, all.length), path + field.name + ".", missing);
        }
      }
    }
  }

  /** What is inside of the value that was just moved over. */
  static byte[] content(int tag, WireInput in, int start) {
    return switch (WireFormat.getTagWireType(tag)) {
      case WireFormat.WIRETYPE_LENGTH_DELIMITED -> {
        WireInput value = new WireInput(in.bytes, start, in.at);
        int length = value.length();
        yield Arrays.copyOfRange(in.bytes, in.at - length, in.at);
      }
      case WireFormat.WIRETYPE_START_GROUP ->
          Arrays.copyOfRange(in.bytes, start, in.at - WireBytes.varintSize(tag));
      default -> new byte[0];
    };
  }

  static byte[] join(List<byte[]> parts) {
    int size = parts.stream().mapToInt(part -> part.length).sum();
    byte[] all = new byte[size];
    int at = 0;
    for (byte[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }
}
