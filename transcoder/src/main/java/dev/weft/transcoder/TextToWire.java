package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Writes fields whose values are texts that are no JSON: parts of a path, query parameters. Texts
 * that are no value of the field are refused with {@link IllegalArgumentException}, which says what
 * is expected.
 */
final class TextToWire {
  private final Schema schema;
  private final WireBytes out;

  TextToWire(Schema schema, WireBytes out) {
    this.schema = schema;
    this.out = out;
  }

  /** Writes one value of a field, unless it is the default of one without presence. */
  void field(FieldPlan field, String text) {
    int before = out.size();
    value(field, text);
    boolean isDefault =
        switch (field.type) {
          case STRING, BYTES -> text.isEmpty();
          case MESSAGE, GROUP -> false;
          default -> Scalars.fromText(field, text) == 0;
        };
    if (isDefault && !field.presence && !field.list) {
      out.truncate(before);
    }
  }

  /** Writes an entry of a map. */
  void entry(FieldPlan field, String key, String text) {
    out.varint(field.tag);
    int start = out.open();
    value(field.mapKey(), key);
    value(field.mapValue(), text);
    out.close(start);
  }

  private void value(FieldPlan field, String text) {
    switch (field.type) {
      case STRING -> {
        out.varint(field.tag);
        if (!out.text(text)) {
          throw Scalars.expected("text without lone surrogates");
        }
      }
      case BYTES -> {
        out.varint(field.tag);
        int start = out.open();
        Base64Text.decode(text.toCharArray(), 0, text.length(), out);
        out.close(start);
      }
      case MESSAGE, GROUP -> message(field, text);
      default -> {
        long bits = Scalars.fromText(field, text);
        out.varint(field.tag);
        out.scalar(field, bits);
      }
    }
  }

  private void message(FieldPlan field, String text) {
    MessagePlan type = field.message();
    if (type.form == Form.OBJECT || type.form == Form.ANY) {
      throw new IllegalArgumentException("a message cannot stand in a query parameter");
    }
    out.varint(field.tag);
    int start = out.open();
    try {
      if (type.form == Form.WRAPPER) {
        field(type.first(), text);
      } else if (type.form == Form.FIELD_MASK) {
        FormsToWire.text(type.form, camel(text), out);
      } else if (type.form.isText()) {
        FormsToWire.text(type.form, text, out);
      } else {
        byte[] json = text.getBytes(UTF_8);
        JsonToWire.message(schema, type, json, false, null, out);
      }
    } catch (IllegalArgumentException | BadInput e) {
      throw Scalars.expected("a " + type.fullName);
    }
    out.close(start);
  }

  /** In a query, whoever writes the contract's names means them. */
  private static String camel(String paths) {
    if (paths.indexOf('_') < 0) {
      return paths;
    }
    List<String> all =
        Stream.of(paths.split(",", -1)).map(MaskText::camel).filter(Objects::nonNull).toList();
    if (all.size() < paths.split(",", -1).length) {
      throw new IllegalArgumentException("not a path");
    }
    return all.stream().collect(Collectors.joining(","));
  }
}
