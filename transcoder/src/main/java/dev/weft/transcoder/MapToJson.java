package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Descriptors.FieldDescriptor;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Prints a map. On the wire a key may be there twice, and the last one counts: so the keys are
 * looked at before anything is printed.
 */
final class MapToJson {
  /** Up to here keys are compared with each other; more are put into a table. */
  private static final int FEW = 8;

  private final WireToJson printer;
  private final JsonBytes out;
  private final Spans spans;

  // What is noted of an entry.
  private static final int START = 0;
  private static final int END = 1;

  /** Where the key is, behind its tag; -1 when the entry is not a key and then a value. */
  private static final int KEY = 2;

  private static final int VALUE = 3;
  private static final int PLACES = 4;

  private int[] entries = new int[PLACES * FEW];

  private int count;

  MapToJson(WireToJson printer, JsonBytes out, Spans spans) {
    this.printer = printer;
    this.out = out;
    this.spans = spans;
  }

  void print(FieldPlan field, int first, int last) {
    count = 0;
    findEntries(field, first, last);
    hideRepeated(field.mapKey());
    out.octet('{');
    boolean none = true;
    for (int i = 0; i < count; i++) {
      if (!isHidden(i)) {
        int before = out.size();
        if (!none) {
          out.octet(',');
        }
        if (entry(field, i)) {
          none = false;
        } else {
          out.truncate(before);
        }
      }
    }
    out.octet('}');
  }

  private void findEntries(FieldPlan field, int first, int last) {
    WireInput in = printer.in();
    printer.move(first);
    while (in.at <= last) {
      int tag = in.tag();
      if (tag == field.tag) {
        int length = in.length();
        note(field, in.at, in.at + length);
      } else {
        in.skip(tag);
      }
    }
  }

  /** Notes an entry, and moves behind it. */
  private void note(FieldPlan field, int start, int end) {
    int place = PLACES * count++;
    if (place == entries.length) {
      entries = Arrays.copyOf(entries, 2 * entries.length);
    }
    entries[place + START] = start;
    entries[place + END] = end;
    entries[place + KEY] = -1;
    WireInput in = printer.in();
    int valueTag = field.mapValue().tag;
    if (start < end && in.bytes[start] == field.mapKey().tag) {
      in.end = end;
      in.at = start + 1;
      in.skip(field.mapKey().tag);
      int behindKey = in.at;
      if (behindKey < end && in.bytes[behindKey] == valueTag) {
        in.at = behindKey + 1;
        in.skip(valueTag);
        if (in.at == end) {
          entries[place + KEY] = start + 1;
          entries[place + VALUE] = behindKey + 1;
        }
      }
    }
    printer.move(end);
  }

  /** Hides the entries whose key comes again. */
  private void hideRepeated(FieldPlan keyField) {
    if (count <= FEW) {
      for (int i = 0; i < count; i++) {
        for (int j = i + 1; j < count && !isHidden(i); j++) {
          if (sameKey(keyField, i, j)) {
            hide(i);
          }
        }
      }
      return;
    }
    Map<Object, Integer> lastOf = HashMap.newHashMap(count);
    for (int i = 0; i < count; i++) {
      Integer before = lastOf.put(key(keyField, i), i);
      if (before != null) {
        hide(before);
      }
    }
  }

  private void hide(int entry) {
    entries[PLACES * entry + END] = -1;
  }

  private boolean isHidden(int entry) {
    return entries[PLACES * entry + END] < 0;
  }

  private boolean sameKey(FieldPlan keyField, int one, int other) {
    WireInput in = printer.in();
    int a = keyPlace(keyField, one);
    int b = keyPlace(keyField, other);
    if (keyField.type != FieldDescriptor.Type.STRING) {
      return number(keyField, a) == number(keyField, b);
    }
    printer.move(a);
    int lengthA = a < 0 ? 0 : in.length();
    int startA = in.at;
    printer.move(b);
    int lengthB = b < 0 ? 0 : in.length();
    int startB = in.at;
    return lengthA == lengthB
        && (lengthA == 0
            || Arrays.equals(
                in.bytes, startA, startA + lengthA, in.bytes, startB, startB + lengthB));
  }

  private Object key(FieldPlan keyField, int entry) {
    int place = keyPlace(keyField, entry);
    if (keyField.type != FieldDescriptor.Type.STRING) {
      return number(keyField, place);
    }
    if (place < 0) {
      return "";
    }
    printer.move(place);
    WireInput in = printer.in();
    int length = in.length();
    return new String(in.bytes, in.at, length, UTF_8);
  }

  /** Where the key of an entry is, behind its tag; -1 when it is not there. */
  private int keyPlace(FieldPlan keyField, int entry) {
    int place = entries[PLACES * entry + KEY];
    if (place >= 0) {
      return place;
    }
    WireInput in = printer.in();
    in.at = entries[PLACES * entry + START];
    in.end = entries[PLACES * entry + END];
    while (in.more()) {
      int tag = in.tag();
      if (tag == keyField.tag) {
        place = in.at;
      }
      in.skip(tag);
    }
    return place;
  }

  private long number(FieldPlan keyField, int place) {
    if (place < 0) {
      return 0;
    }
    printer.move(place);
    WireInput in = printer.in();
    return switch (keyField.type) {
      case INT32, SINT32 -> (int) in.varint();
      case UINT32 -> in.varint() & 0xffff_ffffL;
      case BOOL -> in.varint() == 0 ? 0 : 1;
      case FIXED32, SFIXED32 -> in.fixed32();
      case FIXED64, SFIXED64 -> in.fixed64();
      default -> in.varint();
    };
  }

  /** Prints an entry. Returns false if its value is none. */
  private boolean entry(FieldPlan field, int entry) {
    int key = entries[PLACES * entry + KEY];
    if (key >= 0) {
      key(field.mapKey(), key, true);
      printer.move(entries[PLACES * entry + VALUE]);
      return printer.value(field.mapValue());
    }
    WireInput in = printer.in();
    in.at = entries[PLACES * entry + START];
    in.end = entries[PLACES * entry + END];
    int part = spans.enter(field.message(), in);
    FieldPlan keyField = field.mapKey();
    FieldPlan valueField = field.mapValue();
    key(keyField, spans.last(part, keyField), spans.first(part, keyField) >= 0);
    boolean printed = true;
    if (spans.first(part, valueField) < 0) {
      if (valueField.isMessage()) {
        printer.message(valueField.message(), 0, 0);
      } else {
        out.raw(valueField.absent);
      }
    } else if (valueField.isMessage()) {
      printer.submessage(part, valueField);
    } else {
      printer.move(spans.last(part, valueField));
      printed = printer.value(valueField);
    }
    spans.leave(part);
    return printed;
  }

  /** Prints a key, which is a text whatever its type. */
  private void key(FieldPlan field, int place, boolean present) {
    boolean quoted = field.absent[0] == '"';
    if (!quoted) {
      out.octet('"');
    }
    if (present) {
      printer.move(place);
      printer.value(field);
    } else {
      out.raw(field.absent);
    }
    if (!quoted) {
      out.octet('"');
    }
    out.octet(':');
  }
}
