package dev.weft.edge;

import build.buf.validate.FieldRules;
import com.google.api.FieldBehavior;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.OneofDescriptor;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Values that a contract would take, made up from types, names and rules; none where that takes
 * more than guessing. Deep ones end where they would repeat themselves.
 */
final class ApiExamples {
  private static final String UUID = "0198f0de-7a3b-7c51-9d2e-5b8f4c1a6e90";
  private static final int DEPTH_MAX = 6;
  private static final int LENGTH_MAX = 200;
  private static final int ITEMS_MAX = 3;

  /** Tried where a pattern does not take the name of the field. */
  private static final List<String> TEXTS =
      List.of("example", "EUR", "BE", "en", "a1", "1", "A", "A-1", "a/b", "2026-01-31", UUID, "");

  private ApiExamples() {}

  /**
   * An object with some fields of a message.
   *
   * @return empty if a required one of them cannot be guessed
   */
  static Optional<Object> of(Descriptor type, Predicate<FieldDescriptor> which) {
    return object(type, which, new HashSet<>());
  }

  /** A value of a field as it stands in JSON, of a list and a map all of it. */
  static Optional<Object> of(FieldDescriptor field, Predicate<FieldDescriptor> which) {
    return field(field, which, new HashSet<>());
  }

  private static Optional<Object> object(
      Descriptor type, Predicate<FieldDescriptor> which, Set<String> around) {
    if (around.size() >= DEPTH_MAX || !around.add(type.getFullName())) {
      return Optional.empty();
    }
    try {
      Map<String, Object> object = new LinkedHashMap<>();
      Set<OneofDescriptor> chosen = new HashSet<>();
      for (FieldDescriptor field : type.getFields()) {
        OneofDescriptor oneof = field.getRealContainingOneof();
        if (!which.test(field) || (oneof != null && chosen.contains(oneof))) {
          continue;
        }
        Optional<Object> value = field(field, which, around);
        if (value.isEmpty() && ApiSchemas.isRequired(field)) {
          return Optional.empty();
        }
        value.ifPresent(
            one -> {
              object.put(field.getJsonName(), one);
              if (oneof != null) {
                chosen.add(oneof);
              }
            });
      }
      return Optional.of(object);
    } finally {
      around.remove(type.getFullName());
    }
  }

  private static Optional<Object> field(
      FieldDescriptor field, Predicate<FieldDescriptor> which, Set<String> around) {
    FieldRules rules = ApiLimits.rules(field);
    if (field.isMapField()) {
      // Keys are names that nobody can guess.
      return rules.getMap().getMinPairs() == 0 ? Optional.of(Map.of()) : Optional.empty();
    }
    if (!field.isRepeated()) {
      return one(field, rules, which, around);
    }
    long least = Math.max(1, rules.getRepeated().getMinItems());
    if (least > ITEMS_MAX || (least > 1 && rules.getRepeated().getUnique())) {
      return Optional.empty();
    }
    return one(field, rules.getRepeated().getItems(), which, around)
        .map(item -> Collections.nCopies((int) least, item));
  }

  private static Optional<Object> one(
      FieldDescriptor field,
      FieldRules rules,
      Predicate<FieldDescriptor> which,
      Set<String> around) {
    Map<String, Object> limits = new LinkedHashMap<>();
    ApiLimits.addTo(limits, field, rules);
    if (limits.containsKey("const")) {
      return Optional.ofNullable(limits.get("const"));
    }
    if (limits.get("enum") instanceof List<?> values) {
      return values.stream().findFirst().map(value -> (Object) value);
    }
    return switch (field.getType()) {
      case STRING -> text(field, rules, limits).map(text -> (Object) text);
      case BOOL -> Optional.of(true);
      case BYTES -> Optional.of("ZXhhbXBsZQ==");
      case ENUM -> value(field, limits);
      // Amounts are mostly whole.
      case INT32, SINT32, SFIXED32, UINT32, FIXED32 ->
          Optional.of(whole(limits, field.getName().equals("nanos") ? 0 : 1));
      // Their limits are said in words.
      case INT64, SINT64, SFIXED64, UINT64, FIXED64 -> Optional.of("1");
      case FLOAT, DOUBLE -> Optional.of(real(limits));
      case MESSAGE, GROUP -> message(field.getMessageType(), which, around);
    };
  }

  private static Optional<Object> message(
      Descriptor type, Predicate<FieldDescriptor> which, Set<String> around) {
    return switch (type.getFullName()) {
      case "google.protobuf.Timestamp" -> Optional.of("2026-01-31T12:00:00Z");
      case "google.protobuf.Duration" -> Optional.of("1.5s");
      // Paths of what, only the method knows.
      case "google.protobuf.FieldMask" -> Optional.empty();
      case "google.protobuf.Struct" -> Optional.of(Map.of("key", "value"));
      case "google.protobuf.Value" -> Optional.of("value");
      case "google.protobuf.ListValue" -> Optional.of(List.of("value"));
      case "google.protobuf.Any" ->
          Optional.of(
              ApiSchemas.ordered(
                  "@type", "type.googleapis.com/google.protobuf.Duration", "value", "1.5s"));
      case "google.protobuf.DoubleValue",
          "google.protobuf.FloatValue",
          "google.protobuf.Int64Value",
          "google.protobuf.UInt64Value",
          "google.protobuf.Int32Value",
          "google.protobuf.UInt32Value",
          "google.protobuf.BoolValue",
          "google.protobuf.StringValue",
          "google.protobuf.BytesValue" ->
          one(type.getFields().getFirst(), FieldRules.getDefaultInstance(), which, around);
      default -> object(type, which, around);
    };
  }

  private static Optional<Object> value(FieldDescriptor field, Map<String, Object> limits) {
    List<?> not =
        limits.get("not") instanceof Map<?, ?> none && none.get("enum") instanceof List<?> names
            ? names
            : List.of();
    if (field.getEnumType().getFullName().equals("google.protobuf.NullValue")) {
      return Optional.empty();
    }
    List<EnumValueDescriptor> values = new ArrayList<>(field.getEnumType().getValues());
    // The first mostly says that nothing was said.
    Collections.rotate(values, -1);
    return values.stream()
        .map(EnumValueDescriptor::getName)
        .filter(name -> !not.contains(name))
        .findFirst()
        .map(name -> (Object) name);
  }

  private static long whole(Map<String, Object> limits, long wanted) {
    long low = number(limits, "minimum", wanted);
    if (limits.containsKey("exclusiveMinimum")) {
      low = number(limits, "exclusiveMinimum", 0) + 1;
    }
    long high = number(limits, "maximum", Long.MAX_VALUE);
    if (limits.containsKey("exclusiveMaximum")) {
      high = number(limits, "exclusiveMaximum", 0) - 1;
    }
    return Math.min(Math.max(low, wanted), high);
  }

  private static long number(Map<String, Object> limits, String keyword, long otherwise) {
    return limits.get(keyword) instanceof Number number ? number.longValue() : otherwise;
  }

  private static double real(Map<String, Object> limits) {
    if (limits.get("minimum") instanceof Number low) {
      return low.doubleValue();
    }
    if (limits.get("maximum") instanceof Number high) {
      return Math.min(1.5, high.doubleValue());
    }
    if (limits.get("exclusiveMinimum") instanceof Number low) {
      return limits.get("exclusiveMaximum") instanceof Number high
          ? (low.doubleValue() + high.doubleValue()) / 2
          : low.doubleValue() + 1;
    }
    return limits.get("exclusiveMaximum") instanceof Number high ? high.doubleValue() - 1 : 1.5;
  }

  private static Optional<String> text(
      FieldDescriptor field, FieldRules rules, Map<String, Object> limits) {
    List<String> candidates = new ArrayList<>();
    ApiLimits.example(rules).ifPresent(candidates::add);
    candidates.add(fitting(named(field.getName(), limits), limits));
    candidates.addAll(TEXTS);
    long least = number(limits, "minLength", 0);
    long most = number(limits, "maxLength", Long.MAX_VALUE);
    String pattern = rules.getString().getPattern();
    try {
      // As buf.validate has it: RE2, which takes linear time whatever a contract says.
      Pattern compiled = pattern.isEmpty() ? null : Pattern.compile(pattern);
      return candidates.stream()
          .filter(text -> text.length() >= least && text.length() <= most)
          .filter(text -> compiled == null || compiled.matcher(text).find())
          .filter(text -> !limits.containsKey("format") || isOf(limits.get("format"), text))
          .findFirst();
    } catch (PatternSyntaxException e) {
      return Optional.empty();
    }
  }

  private static boolean isOf(Object format, String text) {
    return switch (String.valueOf(format)) {
      case "email" -> text.contains("@");
      case "uuid" -> text.equals(UUID);
      case "uri" -> text.contains("://");
      case "hostname" -> text.equals("shop.example");
      case "ipv4" -> text.equals("192.0.2.1");
      case "ipv6" -> text.equals("2001:db8::1");
      default -> false;
    };
  }

  /** What a field of this name may hold. */
  private static String named(String name, Map<String, Object> limits) {
    String format = String.valueOf(limits.getOrDefault("format", ""));
    String last = name.toLowerCase(Locale.ROOT);
    return switch (format) {
      case "email" -> "ada@shop.example";
      case "uuid" -> UUID;
      case "uri" -> "https://shop.example/";
      case "hostname" -> "shop.example";
      case "ipv4" -> "192.0.2.1";
      case "ipv6" -> "2001:db8::1";
      default ->
          last.endsWith("_id")
              ? UUID
              : last.endsWith("email")
                  ? "ada@shop.example"
                  : last.endsWith("currency_code")
                      ? "EUR"
                      : last.endsWith("country_code")
                          ? "BE"
                          : last.equals("etag") ? "\"1\"" : last.replace('_', ' ');
    };
  }

  private static String fitting(String text, Map<String, Object> limits) {
    long most = number(limits, "maxLength", LENGTH_MAX);
    long least = Math.min(number(limits, "minLength", 0), LENGTH_MAX);
    String longer = text + "x".repeat((int) Math.max(0, least - text.length()));
    return longer.length() > most ? longer.substring(0, (int) most) : longer;
  }

  /** Whether a field is for requests. */
  static boolean isSent(FieldDescriptor field) {
    return !ApiSchemas.behaves(field, FieldBehavior.OUTPUT_ONLY);
  }

  /** Whether a field is for answers. */
  static boolean isAnswered(FieldDescriptor field) {
    return !ApiSchemas.behaves(field, FieldBehavior.INPUT_ONLY);
  }
}
