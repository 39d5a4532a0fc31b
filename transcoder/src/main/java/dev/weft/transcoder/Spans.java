package dev.weft.transcoder;

import com.google.protobuf.WireFormat;
import java.util.Arrays;

/**
 * Where the fields of messages are in their wire bytes. Wire bytes have them in any order, more
 * than once, in pieces; JSON has each once, in the order of the contract. So before a message is
 * printed it is gone through once, over the values and not into them, and the places are noted
 * here: a part for each of the messages around the place that is printed.
 */
final class Spans {
  private static final int NONE = -1;

  private int[] places = new int[128];
  private int top;

  /**
   * Notes where the fields of a message are.
   *
   * @return the number of its part
   */
  int enter(MessagePlan type, WireInput in) {
    int part = top;
    int fields = type.fields.length;
    top += 2 * fields + type.oneofs;
    if (top > places.length) {
      places = Arrays.copyOf(places, Math.max(top, 2 * places.length));
    }
    Arrays.fill(places, part, top, NONE);
    while (in.more()) {
      int begin = in.at;
      int tag = in.tag();
      FieldPlan field = type.field(tag >>> 3);
      if (field != null && (tag == field.tag || (field.list && isOtherForm(field, tag)))) {
        note(part, fields, field, begin, in.at);
      }
      in.skip(tag);
    }
    return part;
  }

  /** Lists may be written in one piece or in many, whatever the contract prefers. */
  static boolean isOtherForm(FieldPlan field, int tag) {
    return tag == field.packedTag
        && WireFormat.getTagWireType(field.tag) != WireFormat.WIRETYPE_START_GROUP;
  }

  private void note(int part, int fields, FieldPlan field, int begin, int value) {
    int place = part + 2 * field.index;
    if (field.oneof >= 0) {
      int member = part + 2 * fields + field.oneof;
      int before = places[member];
      if (before != NONE && before != field.index) {
        // The last one of a oneof counts, and what was there before it is gone.
        places[part + 2 * before] = NONE;
      }
      places[member] = field.index;
    }
    if (places[place] == NONE) {
      places[place] = begin;
    }
    places[place + 1] = value;
  }

  /** Where the tag of the first value begins; -1 when there is none. */
  int first(int part, FieldPlan field) {
    return places[part + 2 * field.index];
  }

  /** Where the last value begins, behind its tag. */
  int last(int part, FieldPlan field) {
    return places[part + 2 * field.index + 1];
  }

  /** The number of the next part. */
  int top() {
    return top;
  }

  void leave(int part) {
    top = part;
  }
}
