package dev.weft.transcoder;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Prints protobuf wire bytes as ProtoJSON: lowerCamel names, 64-bit integers as strings, fields
 * without presence also when they have their default, so that shapes are stable, unless {@link
 * Defaults} say otherwise. What the contract does not know is not printed. An {@code Any} of an
 * unknown type keeps its type URL and its bytes in base64.
 */
public final class WireToJson {
  private static final int DEPTH_MAX = 100;
  private static final int JSON_CAPACITY_MIN = 256;

  /** How much longer than its wire bytes a message is expected to be. */
  private static final int GROWTH = 3;

  private final Schema schema;
  private final JsonBytes out;
  private final Spans spans = new Spans();
  private final FormsToJson forms;
  private final Defaults defaults;

  /** Null in a document that turned out to be not in order. */
  private final @Nullable InOrder inOrder;

  private WireInput in;
  private @Nullable MapToJson idle;
  private int depth;

  /** What is wanted of the message that is printed next; null means all. */
  private @Nullable Selection selection;

  private WireToJson(
      Schema schema,
      byte[] wire,
      Defaults defaults,
      @Nullable Selection selection,
      boolean inOrder) {
    this.schema = schema;
    this.defaults = defaults;
    this.selection = selection;
    this.in = new WireInput(wire, 0, wire.length);
    this.out = new JsonBytes(Scratch.take(Math.max(JSON_CAPACITY_MIN, wire.length * GROWTH)));
    this.forms = new FormsToJson(this, out, spans);
    this.inOrder = inOrder ? new InOrder(this, out, defaults == Defaults.PRINTED) : null;
  }

  /**
   * The JSON of a message of this type.
   *
   * @throws BadMessage if it is none, or holds what JSON cannot say
   */
  public static byte[] json(Schema schema, MessagePlan type, byte[] wire, Defaults defaults) {
    return json(schema, wire, defaults, null, printer -> printer.message(type, 0, wire.length));
  }

  /**
   * The JSON of a message, or of what one field of it holds: of its default when it is not set.
   *
   * @param selection what of it; null means all
   */
  static byte[] json(
      Schema schema,
      MessagePlan type,
      @Nullable FieldPlan field,
      byte[] wire,
      @Nullable Selection selection) {
    return json(
        schema,
        wire,
        Defaults.PRINTED,
        selection,
        printer -> {
          if (field == null) {
            printer.message(type, 0, wire.length);
          } else {
            printer.only(type, field);
          }
        });
  }

  private static byte[] json(
      Schema schema,
      byte[] wire,
      Defaults defaults,
      @Nullable Selection selection,
      Consumer<WireToJson> what) {
    // What is selected is printed in the order of the contract, wherever it stands.
    WireToJson printer = new WireToJson(schema, wire, defaults, selection, selection == null);
    try {
      what.accept(printer);
    } catch (InOrder.Disorder e) {
      printer = new WireToJson(schema, wire, defaults, selection, false);
      what.accept(printer);
    }
    byte[] json = printer.out.toByteArray();
    Scratch.giveBack(printer.out.room());
    return json;
  }

  private void only(MessagePlan type, FieldPlan field) {
    int part = spans.enter(type, in);
    if (spans.first(part, field) >= 0) {
      field(part, field);
    } else if (field.isMessage() && !field.isRepeated()) {
      message(field.message(), 0, 0);
    } else {
      out.raw(field.absent);
    }
  }

  WireInput in() {
    return in;
  }

  /** Prints the message in these bytes. */
  void message(MessagePlan type, int start, int end) {
    if (++depth > DEPTH_MAX) {
      throw BadMessage.wire("nested deeper than " + DEPTH_MAX + " messages");
    }
    if (type.form == Form.OBJECT) {
      out.octet('{');
      if (inOrder != null && type.inOrder) {
        inOrder.fields(type, start, end);
      } else {
        int part = enter(type, start, end);
        fields(type, part, true);
        spans.leave(part);
      }
      out.octet('}');
    } else if (!forms.printTime(type, start, end)) {
      int part = enter(type, start, end);
      forms.print(type, part);
      spans.leave(part);
    }
    depth--;
  }

  /**
   * Prints what an Any holds, as further members of its object.
   *
   * @return false if it cannot be printed, and nothing was: a damaged detail must not destroy the
   *     answer
   */
  boolean held(MessagePlan type, int start, int end) {
    int before = out.size();
    int part = spans.top();
    int depthBefore = depth;
    WireInput around = in;
    try {
      if (++depth > DEPTH_MAX) {
        return false;
      }
      enter(type, start, end);
      forms.members(type, part);
      return true;
    } catch (BadMessage e) {
      out.truncate(before);
      return false;
    } finally {
      spans.leave(part);
      depth = depthBefore;
      in = around;
    }
  }

  /** Prints a list or map that may be empty. */
  void repeated(FieldPlan field, int part) {
    if (spans.first(part, field) < 0) {
      out.raw(field.absent);
    } else {
      field(part, field);
    }
  }

  private int enter(MessagePlan type, int start, int end) {
    in.at = start;
    in.end = end;
    return spans.enter(type, in);
  }

  /** Prints the members of an object. */
  void fields(MessagePlan type, int part, boolean none) {
    Selection chosen = selection;
    boolean first = none;
    for (FieldPlan field : chosen == null ? type.fields : chosen.fields) {
      if (chosen != null) {
        selection = chosen.inside(field);
      }
      if (spans.first(part, field) < 0) {
        if (!field.hasDefault || defaults == Defaults.OMITTED) {
          continue;
        }
        out.label(field.label, first);
        out.raw(field.absent);
        first = false;
      } else {
        int before = out.size();
        out.label(field.label, first);
        if (field(part, field)) {
          first = false;
        } else {
          out.truncate(before);
        }
      }
    }
    selection = chosen;
  }

  /**
   * Prints what a field holds, which is there.
   *
   * @return false if it holds nothing after all: a number that a closed enum does not have
   */
  private boolean field(int part, FieldPlan field) {
    if (field.map) {
      map(field, spans.first(part, field), spans.last(part, field));
      return true;
    }
    if (field.list) {
      list(field, spans.first(part, field), spans.last(part, field));
      return true;
    }
    if (field.isMessage()) {
      submessage(part, field);
      return true;
    }
    move(spans.last(part, field));
    return scalar(field);
  }

  /** A map inside of a map is printed by another one. */
  void map(FieldPlan field, int first, int last) {
    MapToJson map = idle == null ? new MapToJson(this, out, spans) : idle;
    idle = null;
    map.print(field, first, last);
    idle = map;
  }

  /** Moves to a place that was noted before: it is known that a value is there. */
  void move(int place) {
    in.at = place;
    in.end = in.bytes.length;
  }

  /** Prints the message that a field holds, which may be written in several pieces. */
  void submessage(int part, FieldPlan field) {
    int first = spans.first(part, field);
    int last = spans.last(part, field);
    move(first);
    in.tag();
    if (in.at == last) {
      value(field);
      return;
    }
    List<byte[]> pieces = new ArrayList<>();
    move(first);
    while (in.at <= last) {
      int tag = in.tag();
      int start = in.at;
      in.skip(tag);
      if (tag == field.tag) {
        pieces.add(Required.content(tag, in, start));
      }
    }
    byte[] whole = Required.join(pieces);
    WireInput around = in;
    in = new WireInput(whole, 0, whole.length);
    message(field.message(), 0, whole.length);
    in = around;
  }

  private void list(FieldPlan field, int first, int last) {
    out.octet('[');
    boolean none = true;
    int next = first;
    while (next <= last) {
      move(next);
      int tag = in.tag();
      if (tag == field.tag || Spans.isOtherForm(field, tag)) {
        none = elements(field, tag, none);
      } else {
        in.skip(tag);
      }
      next = in.at;
    }
    out.octet(']');
  }

  /**
   * Prints the one element behind a tag of a list, or the many of a packed one.
   *
   * @return whether none was printed so far
   */
  boolean elements(FieldPlan field, int tag, boolean none) {
    if (tag == field.tag) {
      return !element(field, none) && none;
    }
    boolean still = none;
    int end = in.length() + in.at;
    while (in.at < end) {
      still &= !element(field, still);
    }
    if (in.at > end) {
      throw BadMessage.wire("a list that ends inside of a value");
    }
    return still;
  }

  private boolean element(FieldPlan field, boolean first) {
    int before = out.size();
    if (!first) {
      out.octet(',');
    }
    if (value(field)) {
      return true;
    }
    out.truncate(before);
    return false;
  }

  /** Prints the value at this place, and moves behind it. Returns false if it is none. */
  boolean value(FieldPlan field) {
    switch (field.type) {
      case MESSAGE -> {
        int end = in.length() + in.at;
        message(field.message(), in.at, end);
        move(end);
      }
      case GROUP -> {
        int start = in.at;
        int tag = field.tag;
        in.skip(tag);
        int after = in.at;
        message(field.message(), start, after - WireBytes.varintSize(tag));
        move(after);
      }
      default -> {
        return scalar(field);
      }
    }
    return true;
  }

  private boolean scalar(FieldPlan field) {
    switch (field.type) {
      case INT32 -> {
        int low = (int) in.varint();
        out.number(low);
      }
      case SINT32 -> {
        int zigzag = (int) in.varint();
        out.number(zigzag >>> 1 ^ -(zigzag & 1));
      }
      case SFIXED32 -> out.number(in.fixed32());
      case UINT32 -> out.number(in.varint() & 0xffff_ffffL);
      case FIXED32 -> out.number(in.fixed32() & 0xffff_ffffL);
      case INT64 -> out.quotedNumber(in.varint());
      case SINT64 -> {
        long zigzag = in.varint();
        out.quotedNumber(zigzag >>> 1 ^ -(zigzag & 1));
      }
      case SFIXED64 -> out.quotedNumber(in.fixed64());
      case UINT64 -> out.quotedUnsigned(in.varint());
      case FIXED64 -> out.quotedUnsigned(in.fixed64());
      case FLOAT -> out.real(Float.intBitsToFloat(in.fixed32()));
      case DOUBLE -> out.real(Double.longBitsToDouble(in.fixed64()));
      case BOOL -> out.bool(in.varint() != 0);
      case STRING -> {
        int length = in.length();
        out.text(in.bytes, in.at, length, field.strictText);
        in.at += length;
      }
      case BYTES -> {
        int length = in.length();
        out.base64(in.bytes, in.at, length);
        in.at += length;
      }
      case ENUM -> {
        return enumValue(field.values(), (int) in.varint());
      }
      case MESSAGE, GROUP -> throw new IllegalStateException(field.name);
    }
    return true;
  }

  private boolean enumValue(EnumPlan values, int number) {
    if (values.isNull) {
      out.nothing();
      return true;
    }
    byte[] literal = values.literal(number);
    if (literal != null) {
      out.raw(literal);
    } else if (values.closed) {
      return false;
    } else {
      out.number(number);
    }
    return true;
  }

  Schema schema() {
    return schema;
  }
}
