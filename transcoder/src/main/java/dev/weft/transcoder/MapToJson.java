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

  /** Where the contents of the entries begin and end, one after the other. */
  private int[] entries = new int[2 * FEW];

  private int count;

  MapToJson(WireToJson printer, JsonBytes out, Spans spans) {
    this.printer = printer;
    this.out = out;
    this.spans = spans;
  }

  void print(FieldPlan field, int first, int last) {
    findEntries(field, first, last);
    boolean[] hidden = count > 1 ? hidden(field) : new boolean[1];
    out.octet('{');
    boolean none = true;
    for (int i = 0; i < count; i++) {
      if (!hidden[i]) {
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
        if (2 * count == entries.length) {
          entries = Arrays.copyOf(entries, 2 * entries.length);
        }
        entries[2 * count] = in.at;
        in.at += length;
        entries[2 * count + 1] = in.at;
        count++;
      } else {
        in.skip(tag);
      }
    }
  }

  /** Which entries have a key that comes again. */
  private boolean[] hidden(FieldPlan field) {
    boolean[] hidden = new boolean[count];
    if (count <= FEW) {
      for (int i = 0; i < count; i++) {
        for (int j = i + 1; j < count && !hidden[i]; j++) {
          hidden[i] = sameKey(field.mapKey(), i, j);
        }
      }
      return hidden;
    }
    Map<Object, Integer> lastOf = HashMap.newHashMap(count);
    for (int i = 0; i < count; i++) {
      Integer before = lastOf.put(key(field.mapKey(), i), i);
      if (before != null) {
        hidden[before] = true;
      }
    }
    return hidden;
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
    WireInput in = printer.in();
    in.at = entries[2 * entry];
    in.end = entries[2 * entry + 1];
    int place = -1;
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
    WireInput in = printer.in();
    in.at = entries[2 * entry];
    in.end = entries[2 * entry + 1];
    int part = spans.enter(field.message(), in);
    FieldPlan keyField = field.mapKey();
    FieldPlan valueField = field.mapValue();
    boolean quoted = keyField.type == FieldDescriptor.Type.STRING || keyField.absent[0] == '"';
    if (!quoted) {
      out.octet('"');
    }
    if (spans.first(part, keyField) < 0) {
      out.raw(keyField.absent);
    } else {
      printer.move(spans.last(part, keyField));
      printer.value(keyField);
    }
    if (!quoted) {
      out.octet('"');
    }
    out.octet(':');
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
}
