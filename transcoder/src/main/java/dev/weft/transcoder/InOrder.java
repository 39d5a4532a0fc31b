package dev.weft.transcoder;

/**
 * Prints messages whose fields are on the wire as the contract lists them, each in one place, as
 * nearly every writer has them: then nothing has to be looked for before anything is printed.
 *
 * <p>A message of another order is {@link Disorder}. Then the document is begun anew without this,
 * once at most, and messages of that type are not tried again.
 */
final class InOrder {
  private final WireToJson printer;
  private final JsonBytes out;
  private final boolean defaults;

  /** Unwinds from a message that is not in order. */
  static final class Disorder extends RuntimeException {
    Disorder() {
      super("fields in another order than the contract's", null, false, false);
    }
  }

  /**
   * @param defaults whether fields without presence are printed when they are not there
   */
  InOrder(WireToJson printer, JsonBytes out, boolean defaults) {
    this.printer = printer;
    this.out = out;
    this.defaults = defaults;
  }

  /** Prints the members of the message in these bytes. */
  void fields(MessagePlan type, int start, int end) {
    WireInput in = printer.in();
    FieldPlan[] fields = type.fields;
    int next = 0;
    boolean first = true;
    long oneofs = 0;
    in.at = start;
    in.end = end;
    while (in.at < end) {
      int begin = in.at;
      int tag = in.tag();
      FieldPlan field =
          next < fields.length && fields[next].tag == tag ? fields[next] : type.field(tag >>> 3);
      if (field == null || !isOf(field, tag)) {
        in.skip(tag);
        continue;
      }
      if (field.index < next || (field.oneof >= 0 && (oneofs & bit(field.oneof)) != 0)) {
        throw disorder(type);
      }
      if (field.oneof >= 0) {
        oneofs |= bit(field.oneof);
      }
      first = absent(fields, next, field.index, first);
      next = field.index + 1;
      first = !member(field, begin, tag, end, first) && first;
      in.end = end;
    }
    absent(fields, next, fields.length, first);
  }

  private static boolean isOf(FieldPlan field, int tag) {
    return tag == field.tag || (field.list && Spans.isOtherForm(field, tag));
  }

  /** Of two oneofs that share a bit, the second is taken for a disorder. */
  private static long bit(int oneof) {
    return 1L << oneof;
  }

  private static Disorder disorder(MessagePlan type) {
    type.inOrder = false;
    return new Disorder();
  }

  /** Prints those fields of which nothing is there. Returns whether the next one is the first. */
  private boolean absent(FieldPlan[] fields, int from, int to, boolean first) {
    boolean none = first;
    for (int i = from; defaults && i < to; i++) {
      if (fields[i].hasDefault) {
        out.label(fields[i].absentMember, none);
        none = false;
      }
    }
    return none;
  }

  /** Prints all of a field, and moves behind it. Returns false if it holds nothing after all. */
  private boolean member(FieldPlan field, int begin, int tag, int end, boolean first) {
    int before = out.size();
    out.label(field.label, first);
    if (field.map) {
      map(field, begin, end);
    } else if (field.list) {
      list(field, begin, tag, end);
    } else if (!printer.value(field)) {
      out.truncate(before);
      return false;
    }
    return true;
  }

  private void map(FieldPlan field, int begin, int end) {
    WireInput in = printer.in();
    int last;
    int behind;
    do {
      last = in.at;
      in.skip(field.tag);
      behind = in.at;
    } while (behind < end && in.tag() == field.tag);
    printer.map(field, begin, last);
    in.at = behind;
  }

  private void list(FieldPlan field, int begin, int tag, int end) {
    WireInput in = printer.in();
    boolean none = true;
    int behind = begin;
    int next = tag;
    out.octet('[');
    while (isOf(field, next)) {
      none = printer.elements(field, next, none);
      in.end = end;
      behind = in.at;
      next = behind < end ? in.tag() : 0;
    }
    out.octet(']');
    in.at = behind;
  }
}
