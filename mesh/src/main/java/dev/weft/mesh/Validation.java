package dev.weft.mesh;

import build.buf.validate.FieldRules;
import build.buf.validate.Ignore;
import build.buf.validate.MessageRules;
import build.buf.validate.ValidateProto;
import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.OneofDescriptor;
import com.google.protobuf.Message;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Checks messages by the buf.validate rules that stand beside their fields. The rules are read
 * once, into a plan per message type; a rule that is not implemented here, CEL above all, is
 * refused then. A rule that a field breaks by its absence, although the contract calls it REQUIRED,
 * is told as that.
 *
 * <p>Beyond the contract, no string may hold U+0000, which PostgreSQL cannot store.
 *
 * <p>Immutable after {@link #of} and thread-safe.
 */
final class Validation {
  /** More than anybody mends at once. */
  private static final int VIOLATIONS_MAX = 50;

  private static final ValueRules.Rule NO_NUL =
      new ValueRules.Rule(
          "string.nul", "must not contain U+0000", value -> ((String) value).indexOf('\0') < 0);

  private final Map<Descriptor, MessagePlan> plans = new HashMap<>();
  private final InstantSource clock;

  private Validation(InstantSource clock) {
    this.clock = clock;
  }

  /**
   * Reads the rules of these types and of all they contain.
   *
   * @throws IllegalStateException if there is a rule that would go unchecked
   */
  static Validation of(Collection<Descriptor> types, InstantSource clock) {
    Validation validation = new Validation(clock);
    types.forEach(validation::plan);
    return validation;
  }

  static IllegalStateException notImplemented(String where, String rule) {
    return new IllegalStateException(
        where + " has a validation rule that is not implemented, and would go unchecked: " + rule);
  }

  /** What is wrong with the message; empty if nothing is, or if its type was not asked for. */
  List<Rejection.FieldViolation> check(Message message) {
    MessagePlan plan = plans.get(message.getDescriptorForType());
    if (plan == null) {
      return List.of();
    }
    List<Rejection.FieldViolation> found = new ArrayList<>(0);
    plan.check(message, new Findings(found, new StringBuilder()));
    return found;
  }

  private MessagePlan plan(Descriptor type) {
    MessagePlan known = plans.get(type);
    if (known != null) {
      return known;
    }
    MessagePlan plan = new MessagePlan();
    // Before its fields: a message may contain itself.
    plans.put(type, plan);
    MessageRules rules = type.getOptions().getExtension(ValidateProto.message);
    if (rules.getSerializedSize() > 0) {
      throw notImplemented(type.getFullName(), "those for the message");
    }
    for (OneofDescriptor oneof : type.getRealOneofs()) {
      if (oneof.getOptions().getExtension(ValidateProto.oneof).getRequired()) {
        plan.requiredOneofs.add(oneof);
      }
    }
    for (FieldDescriptor field : type.getFields()) {
      FieldRules fieldRules = field.getOptions().getExtension(ValidateProto.field);
      FieldPlan fieldPlan = fieldPlan(field, fieldRules);
      if (fieldPlan.doesSomething()) {
        plan.fields.add(fieldPlan);
      }
    }
    return plan;
  }

  private FieldPlan fieldPlan(FieldDescriptor field, FieldRules rules) {
    boolean promised = isPromised(field);
    boolean ignoreZero = field.hasPresence() || rules.getIgnore() == Ignore.IGNORE_IF_ZERO_VALUE;
    if (rules.getIgnore() == Ignore.IGNORE_ALWAYS) {
      return new FieldPlan(field, false, false, true, List.of(), null, null);
    }
    if (field.isMapField()) {
      Descriptor entry = field.getMessageType();
      return new FieldPlan(
          field,
          rules.getRequired(),
          promised,
          ignoreZero,
          ValueRules.ofAll(field, rules, clock),
          valuePlan(entry.findFieldByNumber(1), rules.getMap().getKeys()),
          valuePlan(entry.findFieldByNumber(2), rules.getMap().getValues()));
    }
    if (field.isRepeated()) {
      return new FieldPlan(
          field,
          rules.getRequired(),
          promised,
          ignoreZero,
          ValueRules.ofAll(field, rules, clock),
          null,
          valuePlan(field, rules.getRepeated().getItems()));
    }
    return new FieldPlan(
        field, rules.getRequired(), promised, ignoreZero, List.of(), null, valuePlan(field, rules));
  }

  /**
   * Whether the contract calls a field REQUIRED whose zero value is no value. Zero and false may
   * have been sent.
   */
  private static boolean isPromised(FieldDescriptor field) {
    boolean emptyIsNothing =
        field.isRepeated()
            || switch (field.getJavaType()) {
              case STRING, BYTE_STRING, ENUM, MESSAGE -> true;
              case INT, LONG, FLOAT, DOUBLE, BOOLEAN -> false;
            };
    return emptyIsNothing
        && field
            .getOptions()
            .getExtension(FieldBehaviorProto.fieldBehavior)
            .contains(FieldBehavior.REQUIRED);
  }

  private ValuePlan valuePlan(FieldDescriptor field, FieldRules rules) {
    if (rules.getIgnore() == Ignore.IGNORE_ALWAYS) {
      return new ValuePlan(List.of(), null, false);
    }
    List<ValueRules.Rule> all = new ArrayList<>();
    if (field.getJavaType() == FieldDescriptor.JavaType.STRING) {
      all.add(NO_NUL);
    }
    all.addAll(ValueRules.of(field, rules, clock));
    boolean nested = field.getJavaType() == FieldDescriptor.JavaType.MESSAGE;
    return new ValuePlan(
        List.copyOf(all),
        nested ? plan(field.getMessageType()) : null,
        rules.getIgnore() == Ignore.IGNORE_IF_ZERO_VALUE);
  }

  /** What was found so far, and where the search is. */
  private record Findings(List<Rejection.FieldViolation> violations, StringBuilder path) {
    void add(String id, String text) {
      if (violations.size() < VIOLATIONS_MAX) {
        violations.add(new Rejection.FieldViolation(path.toString(), text, reason(id)));
      }
    }

    /** Says in place of what was found since then that there is nothing. */
    void missing(int since) {
      if (violations.size() > since) {
        violations.subList(since, violations.size()).clear();
        add("required", "is required");
      }
    }

    void at(String step, Runnable search) {
      int length = path.length();
      path.append(step);
      search.run();
      path.setLength(length);
    }

    private static String reason(String id) {
      return id.toUpperCase(Locale.ROOT).replace('.', '_');
    }
  }

  private static final class MessagePlan {
    private final List<OneofDescriptor> requiredOneofs = new ArrayList<>();
    private final List<FieldPlan> fields = new ArrayList<>();

    void check(Message message, Findings findings) {
      String dot = findings.path.isEmpty() ? "" : ".";
      for (OneofDescriptor oneof : requiredOneofs) {
        if (!message.hasOneof(oneof)) {
          findings.at(
              dot + oneof.getName(),
              () -> findings.add("required", "exactly one field is required in oneof"));
        }
      }
      for (FieldPlan field : fields) {
        field.check(message, dot, findings);
      }
    }
  }

  /**
   * A field and what is demanded of it.
   *
   * @param required whether there must be a value
   * @param promised whether the contract says so, so that this is what to say when the rules refuse
   *     its absence
   * @param all for a repeated field or map as a whole
   * @param keys for each key of a map
   * @param values for each value, or the only one
   */
  private record FieldPlan(
      FieldDescriptor field,
      boolean required,
      boolean promised,
      boolean ignoreZero,
      List<ValueRules.Rule> all,
      @Nullable ValuePlan keys,
      @Nullable ValuePlan values) {

    boolean doesSomething() {
      return required
          || !all.isEmpty()
          || (keys != null && keys.doesSomething())
          || (values != null && values.doesSomething());
    }

    void check(Message message, String dot, Findings findings) {
      Object value = message.getField(field);
      boolean there =
          field.isRepeated()
              ? !((List<?>) value).isEmpty()
              : field.hasPresence() ? message.hasField(field) : !isZero(field, value);
      if (!there && !required && ignoreZero) {
        return;
      }
      findings.at(
          dot + field.getName(),
          () -> {
            if (!there && required) {
              findings.add("required", "is required");
            } else {
              int before = findings.violations.size();
              checkValue(value, findings);
              if (!there && promised) {
                findings.missing(before);
              }
            }
          });
    }

    private void checkValue(Object value, Findings findings) {
      for (ValueRules.Rule rule : all) {
        if (!rule.holds().test(value)) {
          findings.add(rule.id(), rule.text());
        }
      }
      if (values == null) {
        return;
      }
      if (keys != null) {
        for (Object each : (List<?>) value) {
          Message entry = (Message) each;
          List<FieldDescriptor> parts = entry.getDescriptorForType().getFields();
          Object key = entry.getField(parts.get(0));
          findings.at(
              "[" + (key instanceof String ? "\"" + key + "\"" : key) + "]",
              () -> {
                keys.check(parts.get(0), key, findings);
                values.check(parts.get(1), entry.getField(parts.get(1)), findings);
              });
        }
      } else if (field.isRepeated()) {
        List<?> items = (List<?>) value;
        for (int i = 0; i < items.size(); i++) {
          Object item = items.get(i);
          findings.at("[" + i + "]", () -> values.check(field, item, findings));
        }
      } else {
        values.check(field, value, findings);
      }
    }
  }

  /** What is demanded of one value. */
  private record ValuePlan(
      List<ValueRules.Rule> rules, @Nullable MessagePlan nested, boolean ignoreZero) {
    boolean doesSomething() {
      return !rules.isEmpty() || nested != null;
    }

    void check(FieldDescriptor field, Object value, Findings findings) {
      if (ignoreZero && isZero(field, value)) {
        return;
      }
      for (ValueRules.Rule rule : rules) {
        if (!rule.holds().test(value)) {
          findings.add(rule.id(), rule.text());
        }
      }
      if (nested != null) {
        nested.check((Message) value, findings);
      }
    }
  }

  private static boolean isZero(FieldDescriptor field, Object value) {
    return switch (field.getJavaType()) {
      case MESSAGE -> ((Message) value).getSerializedSize() == 0;
      case STRING -> ((String) value).isEmpty();
      case BYTE_STRING -> ((ByteString) value).isEmpty();
      case BOOLEAN -> !((Boolean) value);
      case ENUM -> ((EnumValueDescriptor) value).getNumber() == 0;
      case INT, LONG -> ((Number) value).longValue() == 0;
      case FLOAT, DOUBLE -> ((Number) value).doubleValue() == 0;
    };
  }
}
