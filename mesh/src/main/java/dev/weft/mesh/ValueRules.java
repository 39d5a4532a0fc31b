package dev.weft.mesh;

import build.buf.validate.FieldRules;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * What the contract demands of one value, as a list of rules that are ready to be applied. The
 * rules are those of buf.validate, with the names and meanings they have there; one that is not
 * known here is refused, so that nothing is left unchecked in silence.
 */
final class ValueRules {
  /**
   * One demand.
   *
   * @param id as in buf.validate, such as {@code string.min_len}
   * @param text what is demanded, after the name of the field
   */
  record Rule(String id, String text, Predicate<Object> holds) {}

  private static final String EMAIL =
      "^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
          + "(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$";
  private static final String UUID =
      "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

  private final FieldDescriptor field;
  private final String type;
  private final Map<String, Object> wanted = new TreeMap<>();
  private final List<Rule> rules = new ArrayList<>();
  private final InstantSource clock;

  private ValueRules(FieldDescriptor field, FieldDescriptor type, Message of, InstantSource clock) {
    this.field = field;
    this.type = type.getName();
    this.clock = clock;
    if (!of.getUnknownFields().asMap().isEmpty()) {
      throw notImplemented("one of another version, or of the contract's own");
    }
    of.getAllFields().forEach((rule, value) -> wanted.put(rule.getName(), value));
    // For documentation only.
    wanted.remove("example");
  }

  /**
   * The rules for a single value of this field: of the field itself, or of its items, keys or
   * values.
   */
  static List<Rule> of(FieldDescriptor field, FieldRules of, InstantSource clock) {
    return compile(field, of, false, clock);
  }

  /** The rules for all values of a repeated field or map together, without those for each. */
  static List<Rule> ofAll(FieldDescriptor field, FieldRules of, InstantSource clock) {
    return compile(field, of, true, clock);
  }

  private static List<Rule> compile(
      FieldDescriptor field, FieldRules of, boolean all, InstantSource clock) {
    if (of.getCelCount() > 0 || of.getCelExpressionCount() > 0) {
      throw Validation.notImplemented(field.getFullName(), "cel");
    }
    if (of.getTypeCase() == FieldRules.TypeCase.TYPE_NOT_SET) {
      return List.of();
    }
    FieldDescriptor type =
        FieldRules.getDescriptor().findFieldByNumber(of.getTypeCase().getNumber());
    if (!type.getName().equals(all ? (field.isMapField() ? "map" : "repeated") : typeName(field))) {
      throw Validation.notImplemented(field.getFullName(), type.getName() + " on such a field");
    }
    return new ValueRules(field, type, rulesOf(type, of), clock).compile();
  }

  /**
   * Read anew as a dynamic message: the reflection of a generated class is set up ten times slower.
   */
  private static Message rulesOf(FieldDescriptor type, FieldRules of) {
    try {
      return (Message)
          DynamicMessage.parseFrom(FieldRules.getDescriptor(), of.toByteString()).getField(type);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("rules that were just read", e);
    }
  }

  private static String typeName(FieldDescriptor field) {
    if (field.getJavaType() != FieldDescriptor.JavaType.MESSAGE) {
      return field.getType().name().toLowerCase(Locale.ROOT);
    }
    return switch (field.getMessageType().getFullName()) {
      case "google.protobuf.Duration" -> "duration";
      case "google.protobuf.Timestamp" -> "timestamp";
      default -> "message";
    };
  }

  private List<Rule> compile() {
    switch (type) {
      case "string" -> string();
      case "bytes" -> bytes();
      case "bool" -> same(value -> value);
      case "enum" -> enumeration();
      case "repeated", "map" -> collection();
      case "duration" -> {
        range(ValueRules::duration, Comparator.naturalOrder());
        same(ValueRules::duration);
      }
      case "timestamp" -> {
        now();
        range(ValueRules::instant, Comparator.naturalOrder());
        same(ValueRules::instant);
      }
      case "float", "double" -> {
        take("finite")
            .filter(Boolean.TRUE::equals)
            .ifPresent(
                on ->
                    add("finite", "must be finite", v -> Double.isFinite(number(v).doubleValue())));
        range(v -> number(v).doubleValue(), ValueRules::compareOrNot);
        same(v -> number(v).doubleValue());
      }
      case "uint32", "fixed32" -> {
        range(v -> number(v).intValue(), Integer::compareUnsigned);
        same(value -> value);
      }
      case "uint64", "fixed64" -> {
        range(v -> number(v).longValue(), Long::compareUnsigned);
        same(value -> value);
      }
      default -> {
        range(v -> number(v).longValue(), Long::compare);
        same(value -> value);
      }
    }
    if (!wanted.isEmpty()) {
      throw notImplemented(wanted.keySet().iterator().next());
    }
    return rules;
  }

  private void string() {
    // In characters as people count them, or nearly: code points.
    size("len", "len", "characters", v -> text(v).codePointCount(0, text(v).length()));
    size("len_bytes", "bytes", "bytes", v -> utf8Length(text(v)));
    take("pattern").ifPresent(pattern -> pattern(pattern.toString()));
    take("prefix")
        .ifPresent(
            part ->
                add(
                    "prefix",
                    "does not have prefix `" + part + "`",
                    v -> text(v).startsWith(text(part))));
    take("suffix")
        .ifPresent(
            part ->
                add(
                    "suffix",
                    "does not have suffix `" + part + "`",
                    v -> text(v).endsWith(text(part))));
    take("contains")
        .ifPresent(
            part ->
                add(
                    "contains",
                    "does not contain substring `" + part + "`",
                    v -> text(v).contains(text(part))));
    take("not_contains")
        .ifPresent(
            part ->
                add(
                    "not_contains",
                    "contains substring `" + part + "`",
                    v -> !text(v).contains(text(part))));
    wellKnown("email", "a valid email address", EMAIL);
    wellKnown("uuid", "a valid UUID", UUID);
    same(value -> value);
  }

  /**
   * With both anchors only: without, some implementations of buf.validate look for a part, some for
   * all.
   */
  private void pattern(String pattern) {
    if (!pattern.startsWith("^") || !pattern.endsWith("$")) {
      throw notImplemented("pattern without ^ and $");
    }
    add("pattern", "does not match regex pattern `" + pattern + "`", matches(pattern));
  }

  private void wellKnown(String name, String what, String pattern) {
    if (take(name).filter(Boolean.TRUE::equals).isPresent()) {
      Predicate<Object> matches = matches(pattern);
      add(name, "must be " + what, v -> text(v).isEmpty() || matches.test(v));
      add(name + "_empty", "value is empty, which is not " + what, v -> !text(v).isEmpty());
    }
  }

  private void bytes() {
    size("len", "len", "bytes", v -> ((ByteString) v).size());
    same(value -> value);
  }

  private void enumeration() {
    take("defined_only")
        .filter(Boolean.TRUE::equals)
        .ifPresent(
            on ->
                add(
                    "defined_only",
                    "must be one of the defined enum values",
                    v -> field.getEnumType().findValueByNumber(enumNumber(v)) != null));
    same(ValueRules::enumNumber);
  }

  private void collection() {
    String noun = type.equals("map") ? "pairs" : "items";
    Size size = v -> ((Collection<?>) v).size();
    bound("min_" + noun, "must contain at least %d item(s)", (of, n) -> of >= n, size);
    bound("max_" + noun, "must contain no more than %d item(s)", (of, n) -> of <= n, size);
    take("unique")
        .filter(Boolean.TRUE::equals)
        .ifPresent(
            on ->
                add(
                    "unique",
                    "repeated value must contain unique items",
                    v -> new HashSet<>((Collection<?>) v).size() == ((Collection<?>) v).size()));
    // For each: compiled apart.
    take("items");
    take("keys");
    take("values");
  }

  private void now() {
    if (take("lt_now").filter(Boolean.TRUE::equals).isPresent()) {
      add("lt_now", "must be less than now", v -> !instant(v).isAfter(clock.instant()));
    }
    if (take("gt_now").filter(Boolean.TRUE::equals).isPresent()) {
      add("gt_now", "must be greater than now", v -> !instant(v).isBefore(clock.instant()));
    }
    take("within")
        .map(ValueRules::duration)
        .ifPresent(
            within ->
                add(
                    "within",
                    "must be within " + within.toSeconds() + "s of now",
                    v ->
                        Duration.between(clock.instant(), instant(v)).abs().compareTo(within)
                            <= 0));
  }

  private interface Size {
    long of(Object value);
  }

  /** {@code len}, {@code min_len} and {@code max_len}, or the same with another last word. */
  private void size(String exactly, String word, String unit, Size size) {
    bound(exactly, "must be %d " + unit, (of, n) -> of == n, size);
    bound("min_" + word, "must be at least %d " + unit, (of, n) -> of >= n, size);
    bound("max_" + word, "must be at most %d " + unit, (of, n) -> of <= n, size);
  }

  private interface Comparison {
    boolean holds(long size, long bound);
  }

  private void bound(String name, String text, Comparison comparison, Size size) {
    take(name)
        .map(n -> number(n).longValue())
        .ifPresent(n -> add(name, text.formatted(n), v -> comparison.holds(size.of(v), n)));
  }

  /** Makes a value comparable. */
  private interface Reading<T> {
    T of(Object value);
  }

  /** {@code const}, {@code in} and {@code not_in}. */
  private <T> void same(Reading<T> reading) {
    take("const")
        .map(reading::of)
        .ifPresent(one -> add("const", "must equal " + shown(one), v -> reading.of(v).equals(one)));
    list("in", reading)
        .ifPresent(
            list -> add("in", "must be in list " + shown(list), v -> list.contains(reading.of(v))));
    list("not_in", reading)
        .ifPresent(
            list ->
                add(
                    "not_in",
                    "must not be in list " + shown(list),
                    v -> !list.contains(reading.of(v))));
  }

  private <T> Optional<Set<T>> list(String name, Reading<T> reading) {
    return take(name)
        .map(
            list ->
                ((Collection<?>) list)
                    .stream().map(reading::of).collect(Collectors.toUnmodifiableSet()));
  }

  /**
   * {@code gt}, {@code gte}, {@code lt} and {@code lte}. An upper bound below the lower one means
   * the values outside of both.
   */
  private <T> void range(Reading<T> reading, Comparator<T> order) {
    String lowName = wanted.containsKey("gt") ? "gt" : "gte";
    String highName = wanted.containsKey("lt") ? "lt" : "lte";
    Optional<T> low = take(lowName).map(reading::of);
    Optional<T> high = take(highName).map(reading::of);
    Predicate<Object> above =
        low.<Predicate<Object>>map(
                bound ->
                    v -> {
                      int compared = order.compare(reading.of(v), bound);
                      return lowName.equals("gt") ? compared > 0 : compared >= 0;
                    })
            .orElse(v -> true);
    Predicate<Object> below =
        high.<Predicate<Object>>map(
                bound ->
                    v -> {
                      int compared = order.compare(bound, reading.of(v));
                      return highName.equals("lt") ? compared > 0 : compared >= 0;
                    })
            .orElse(v -> true);
    String lowText = "greater than " + (lowName.equals("gte") ? "or equal to " : "");
    String highText = "less than " + (highName.equals("lte") ? "or equal to " : "");
    if (low.isPresent() && high.isPresent()) {
      boolean outside = order.compare(high.get(), low.get()) < 0;
      add(
          lowName + "_" + highName + (outside ? "_exclusive" : ""),
          "must be %s%s %s %s%s"
              .formatted(
                  lowText, shown(low.get()), outside ? "or" : "and", highText, shown(high.get())),
          outside ? above.or(below) : above.and(below));
    } else if (low.isPresent()) {
      add(lowName, "must be " + lowText + shown(low.get()), above);
    } else if (high.isPresent()) {
      add(highName, "must be " + highText + shown(high.get()), below);
    }
  }

  private Optional<Object> take(String name) {
    return Optional.ofNullable(wanted.remove(name));
  }

  private void add(String name, String text, Predicate<Object> holds) {
    rules.add(new Rule(type + "." + name, text, holds));
  }

  private Predicate<Object> matches(String pattern) {
    try {
      // As buf.validate has it: RE2, which takes linear time whatever is sent.
      Pattern compiled = Pattern.compile(pattern);
      return v -> compiled.matcher(text(v)).find();
    } catch (PatternSyntaxException e) {
      throw new IllegalStateException(
          field.getFullName() + ": its pattern is none: " + e.getMessage(), e);
    }
  }

  private IllegalStateException notImplemented(String rule) {
    return Validation.notImplemented(field.getFullName(), type + "." + rule);
  }

  /** NaN is neither above nor below anything, so that every bound refuses it. */
  private static int compareOrNot(Double a, Double b) {
    return a.isNaN() || b.isNaN() ? -1 : Double.compare(a, b);
  }

  private static String text(Object value) {
    return (String) value;
  }

  private static Number number(Object value) {
    return (Number) value;
  }

  private static Integer enumNumber(Object value) {
    return value instanceof EnumValueDescriptor v ? v.getNumber() : (Integer) value;
  }

  private static long utf8Length(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  private static Duration duration(Object value) {
    Message message = (Message) value;
    // What no Duration can hold is out of the message's range by far; the nearest is compared
    // alike.
    return Duration.ofSeconds(
        Math.clamp(part(message, "seconds"), Long.MIN_VALUE + 4, Long.MAX_VALUE - 4),
        part(message, "nanos"));
  }

  private static Instant instant(Object value) {
    Message message = (Message) value;
    long seconds = part(message, "seconds");
    // What no Instant can hold is out of Timestamp's range by far; the nearest is compared alike.
    return Instant.ofEpochSecond(
        Math.clamp(seconds, Instant.MIN.getEpochSecond() + 4, Instant.MAX.getEpochSecond() - 4),
        part(message, "nanos"));
  }

  private static long part(Message message, String name) {
    return ((Number) message.getField(message.getDescriptorForType().findFieldByName(name)))
        .longValue();
  }

  private static String shown(Object value) {
    return value instanceof Set<?> set
        ? set.stream().map(Object::toString).sorted().collect(Collectors.joining(", ", "[", "]"))
        : value.toString();
  }
}
