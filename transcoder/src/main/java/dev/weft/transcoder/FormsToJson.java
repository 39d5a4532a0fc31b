package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;

/**
 * Prints the messages that have a form of their own in JSON. Their fields are protobuf's, known
 * since ever and for ever, so here they are places in their plans.
 */
final class FormsToJson {
  private static final Label TYPE = Label.of("@type");
  private static final Label VALUE = Label.of("value");

  private final WireToJson printer;
  private final JsonBytes out;
  private final Spans spans;

  FormsToJson(WireToJson printer, JsonBytes out, Spans spans) {
    this.printer = printer;
    this.out = out;
    this.spans = spans;
  }

  /**
   * Prints a time whose seconds and nanoseconds stand in this order and once at most, as every
   * writer has them: then nothing has to be noted first.
   *
   * @return false, with nothing printed, for any other message
   */
  boolean printTime(MessagePlan type, int start, int end) {
    if (type.form != Form.TIMESTAMP && type.form != Form.DURATION) {
      return false;
    }
    WireInput in = printer.in();
    in.at = start;
    in.end = end;
    long seconds = next(in, type.fields[0]);
    int nanos = (int) next(in, type.fields[1]);
    if (in.more()) {
      return false;
    }
    if (type.form == Form.TIMESTAMP) {
      TimeText.printTimestamp(seconds, nanos, out);
    } else {
      TimeText.printDuration(seconds, nanos, out);
    }
    return true;
  }

  /** The number that is next if it is this field's, and 0 if it is not there. */
  private static long next(WireInput in, FieldPlan field) {
    if (!in.more() || in.bytes[in.at] != field.tag) {
      return 0;
    }
    in.at++;
    return in.varint();
  }

  /** Prints the message whose fields are noted in this part. */
  void print(MessagePlan type, int part) {
    switch (type.form) {
      case TIMESTAMP -> TimeText.printTimestamp(number(type, part, 0), nanos(type, part), out);
      case DURATION -> TimeText.printDuration(number(type, part, 0), nanos(type, part), out);
      case FIELD_MASK -> mask(type, part);
      case STRUCT -> printer.repeated(type.fields[0], part);
      case LIST_VALUE -> printer.repeated(type.fields[0], part);
      case VALUE -> value(type, part);
      case WRAPPER -> wrapper(type, part);
      case ANY -> any(type, part);
      case OBJECT -> throw new IllegalStateException(type.fullName);
    }
  }

  private long number(MessagePlan type, int part, int index) {
    FieldPlan field = type.fields[index];
    if (spans.first(part, field) < 0) {
      return 0;
    }
    printer.move(spans.last(part, field));
    return printer.in().varint();
  }

  private int nanos(MessagePlan type, int part) {
    return (int) number(type, part, 1);
  }

  private void mask(MessagePlan type, int part) {
    FieldPlan paths = type.fields[0];
    int first = spans.first(part, paths);
    List<String> camels = new ArrayList<>();
    if (first >= 0) {
      int last = spans.last(part, paths);
      WireInput in = printer.in();
      printer.move(first);
      while (in.at <= last) {
        int tag = in.tag();
        if (tag == paths.tag) {
          int length = in.length();
          String camel = MaskText.camel(new String(in.bytes, in.at, length, UTF_8));
          if (camel == null) {
            throw BadMessage.unsayable("a FieldMask with a path that has no lowerCamel form");
          }
          camels.add(camel);
          in.at += length;
        } else {
          in.skip(tag);
        }
      }
    }
    out.ascii('"' + String.join(",", camels) + '"');
  }

  private void value(MessagePlan type, int part) {
    for (FieldPlan kind : type.fields) {
      if (spans.first(part, kind) >= 0) {
        if (kind.isMessage()) {
          printer.submessage(part, kind);
        } else {
          printer.move(spans.last(part, kind));
          int before = out.size();
          printer.value(kind);
          if (kind.number == 2 && out.at(before) == '"') {
            throw BadMessage.unsayable("a google.protobuf.Value with a number that JSON has not");
          }
        }
        return;
      }
    }
    // Without a kind it is no value; null is what readers take for that.
    out.nothing();
  }

  private void wrapper(MessagePlan type, int part) {
    FieldPlan field = type.first();
    if (spans.first(part, field) < 0) {
      out.raw(field.absent);
    } else {
      printer.move(spans.last(part, field));
      printer.value(field);
    }
  }

  private void any(MessagePlan type, int part) {
    FieldPlan url = type.fields[0];
    FieldPlan content = type.fields[1];
    boolean hasUrl = spans.first(part, url) >= 0;
    boolean hasContent = spans.first(part, content) >= 0;
    if (!hasUrl && !hasContent) {
      out.octet('{');
      out.octet('}');
      return;
    }
    WireInput in = printer.in();
    String typeUrl = "";
    if (hasUrl) {
      printer.move(spans.last(part, url));
      int length = in.length();
      typeUrl = new String(in.bytes, in.at, length, UTF_8);
    }
    int start = 0;
    int end = 0;
    if (hasContent) {
      printer.move(spans.last(part, content));
      end = in.length() + in.at;
      start = in.at;
    }
    out.octet('{');
    out.label(TYPE, true);
    byte[] url8 = typeUrl.getBytes(UTF_8);
    out.text(url8, 0, url8.length, true);
    MessagePlan held = printer.schema().find(typeUrl);
    if (held == null || !printer.held(held, start, end)) {
      out.label(VALUE, false);
      out.base64(in.bytes, start, end - start);
    }
    out.octet('}');
  }

  /** Prints what an Any holds as further members of its object. */
  void members(MessagePlan type, int part) {
    if (type.form == Form.OBJECT) {
      printer.fields(type, part, false);
    } else {
      out.label(VALUE, false);
      print(type, part);
    }
  }
}
