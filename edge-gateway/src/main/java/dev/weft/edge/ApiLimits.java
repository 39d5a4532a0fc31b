package dev.weft.edge;

import build.buf.validate.FieldRules;
import build.buf.validate.Ignore;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.UnknownFieldSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * What a contract demands of values beside their type, by the rules of buf.validate, as far as
 * keywords of JSON Schema say it; limits of numbers that are texts in JSON are said in words. The
 * services apply the rules: what is left out here holds all the same.
 */
final class ApiLimits {
  /** The option buf.validate.field, which is an unknown field for the edge. */
  private static final int OPTION = 1159;

  /** What RE2 knows and JavaScript does not, or takes for something else. */
  private static final Pattern NOT_OF_SCRIPTS =
      Pattern.compile(
          "\\\\[^dDwWsSbBtnrvfpPu^$\\\\.*+?()\\[\\]{}|/-]|\\\\[pP][A-Za-z]|\\(\\?[^:]|\\[:");

  private final FieldDescriptor field;

  /** Whether a value that nobody set passes, whatever is demanded. */
  private final boolean zeroToo;

  /** What is demanded, by the names of buf.validate. */
  private final Map<String, Object> wanted = new TreeMap<>();

  /**
   * @param kind of rules that such a field can have; others mean nothing
   */
  private ApiLimits(FieldDescriptor field, FieldRules rules, String kind) {
    this.field = field;
    this.zeroToo = rules.getIgnore() == Ignore.IGNORE_IF_ZERO_VALUE && !field.hasPresence();
    if (rules.getIgnore() != Ignore.IGNORE_ALWAYS
        && rules.getTypeCase() != FieldRules.TypeCase.TYPE_NOT_SET) {
      FieldDescriptor type =
          FieldRules.getDescriptor().findFieldByNumber(rules.getTypeCase().getNumber());
      if (type.getName().equals(kind)) {
        ofType(type, rules)
            .getAllFields()
            .forEach((rule, value) -> wanted.put(rule.getName(), value));
      }
    }
  }

  /** Anew as a dynamic message: by reflection of the generated class it takes ten times longer. */
  private static Message ofType(FieldDescriptor type, FieldRules rules) {
    try {
      return (Message)
          DynamicMessage.parseFrom(FieldRules.getDescriptor(), rules.toByteString()).getField(type);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("rules that were just read", e);
    }
  }

  /** The rules of a field; none if it has no valid ones. */
  static FieldRules rules(FieldDescriptor field) {
    UnknownFieldSet unknown = field.getOptions().getUnknownFields();
    if (!unknown.hasField(OPTION)) {
      return FieldRules.getDefaultInstance();
    }
    ByteString stated =
        unknown.getField(OPTION).getLengthDelimitedList().stream()
            .reduce(ByteString.EMPTY, ByteString::concat);
    try {
      return FieldRules.parseFrom(stated);
    } catch (InvalidProtocolBufferException e) {
      return FieldRules.getDefaultInstance();
    }
  }

  /**
   * Adds what is demanded of one value to its schema: of the field, or of each of its items, keys
   * or values.
   *
   * @return what only words can say
   */
  static List<String> addTo(Map<String, Object> schema, FieldDescriptor field, FieldRules rules) {
    String kind = field.getType().name().toLowerCase(Locale.ROOT);
    return new ApiLimits(field, rules, kind).ofOne(schema);
  }

  /** Adds what is demanded of all values of a list or map together. */
  static void addToAll(Map<String, Object> schema, FieldDescriptor field, FieldRules rules) {
    boolean map = field.isMapField();
    ApiLimits limits = new ApiLimits(field, rules, map ? "map" : "repeated");
    if (!limits.zeroToo) {
      limits.copy(map ? "min_pairs" : "min_items", map ? "minProperties" : "minItems", schema);
    }
    limits.copy(map ? "max_pairs" : "max_items", map ? "maxProperties" : "maxItems", schema);
    limits.copy("unique", "uniqueItems", schema);
  }

  /** The first example that the rules give, if they are of a text. */
  static Optional<String> example(FieldRules rules) {
    return rules.getString().getExampleList().stream().findFirst();
  }

  private List<String> ofOne(Map<String, Object> schema) {
    return switch (field.getType()) {
      case STRING -> {
        text(schema);
        yield List.of();
      }
      case INT32, SINT32, SFIXED32, UINT32, FIXED32, FLOAT, DOUBLE -> {
        range(schema);
        same(schema);
        yield List.of();
      }
      case INT64, SINT64, SFIXED64, UINT64, FIXED64 -> {
        same(schema);
        yield inWords();
      }
      case ENUM, BOOL -> {
        same(schema);
        yield List.of();
      }
      case BYTES, MESSAGE, GROUP -> List.of();
    };
  }

  private void text(Map<String, Object> schema) {
    if (!zeroToo) {
      copy("min_len", "minLength", schema);
      copy("len", "minLength", schema);
      Object pattern = wanted.get("pattern");
      if (pattern != null && !NOT_OF_SCRIPTS.matcher(pattern.toString()).find()) {
        schema.put("pattern", pattern);
      }
    }
    // No text has more characters than bytes.
    copy("max_bytes", "maxLength", schema);
    copy("max_len", "maxLength", schema);
    copy("len", "maxLength", schema);
    for (String format : List.of("email", "uuid", "hostname", "ipv4", "ipv6", "uri")) {
      if (Boolean.TRUE.equals(wanted.get(format))) {
        schema.put("format", format);
      }
    }
    same(schema);
  }

  private void copy(String rule, String keyword, Map<String, Object> schema) {
    Object value = wanted.get(rule);
    if (value != null) {
      schema.put(keyword, value);
    }
  }

  private void range(Map<String, Object> schema) {
    Optional<Object> low = bound("gt", "gte");
    Optional<Object> high = bound("lt", "lte");
    if (low.isPresent()
        && high.isPresent()
        && ((Number) high.get()).doubleValue() < ((Number) low.get()).doubleValue()) {
      // What is outside of both: no keyword for that, and seldom meant.
      return;
    }
    if (!zeroToo) {
      low.ifPresent(
          bound -> schema.put(wanted.containsKey("gt") ? "exclusiveMinimum" : "minimum", bound));
    }
    high.ifPresent(
        bound -> schema.put(wanted.containsKey("lt") ? "exclusiveMaximum" : "maximum", bound));
  }

  private Optional<Object> bound(String one, String other) {
    Object stated = wanted.containsKey(one) ? wanted.get(one) : wanted.get(other);
    return Optional.ofNullable(stated).map(this::json);
  }

  private List<String> inWords() {
    List<String> words = new ArrayList<>();
    for (String rule : List.of("gt", "gte", "lt", "lte")) {
      Object bound = wanted.get(rule);
      if (bound != null) {
        String how =
            switch (rule) {
              case "gt" -> "More than ";
              case "gte" -> "At least ";
              case "lt" -> "Less than ";
              default -> "At most ";
            };
        words.add(how + json(bound) + ".");
      }
    }
    return words;
  }

  /** {@code const}, {@code in} and {@code not_in}. */
  private void same(Map<String, Object> schema) {
    Object one = wanted.get("const");
    Object some = wanted.get("in");
    Object none = wanted.get("not_in");
    if (one != null && !zeroToo) {
      schema.put("const", json(one));
    }
    if (some != null && !zeroToo) {
      schema.put("enum", list(some));
    }
    if (none != null) {
      schema.put("not", Map.of("enum", list(none)));
    }
  }

  private List<Object> list(Object values) {
    List<Object> list = new ArrayList<>();
    for (Object value : (List<?>) values) {
      list.add(json(value));
    }
    return list;
  }

  /** A value of this field as it stands in JSON. */
  private Object json(Object value) {
    if (field.getType() == FieldDescriptor.Type.ENUM) {
      int number = ((Number) value).intValue();
      EnumValueDescriptor named = field.getEnumType().findValueByNumber(number);
      return named == null ? (Object) number : named.getName();
    }
    return switch (field.getType()) {
      case UINT32, FIXED32 -> Integer.toUnsignedLong((Integer) value);
      case UINT64, FIXED64 -> Long.toUnsignedString((Long) value);
      case INT64, SINT64, SFIXED64 -> value.toString();
      case FLOAT -> ((Float) value).doubleValue();
      default -> value;
    };
  }
}
