package dev.weft.edge;

import build.buf.validate.FieldRules;
import com.fasterxml.jackson.core.JsonGenerator;
import com.google.api.FieldBehavior;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.GenericDescriptor;
import com.google.protobuf.Descriptors.OneofDescriptor;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Predicate;

/**
 * JSON Schemas (2020-12, which OpenAPI 3.1 has) of messages, in the form in which the edge prints
 * them: ProtoJSON with 64-bit numbers as texts, enums by name, bytes in base64. It reads other
 * forms too, such as numbers for those texts; whoever writes what is described here is understood.
 *
 * <p>Not thread-safe; made for one document.
 */
final class ApiSchemas {
  private static final String COMPONENTS = "#/components/schemas/";
  private static final String WELL_KNOWN = "google.protobuf.";

  /** Pairs of a oneof's members grow with their square. */
  private static final int EXCLUSIVE_MAX = 8;

  private final ApiComments comments;
  private final ApiNames names;
  private final String place;
  private final Map<String, GenericDescriptor> referred = new TreeMap<>();
  private final Deque<String> unwritten = new ArrayDeque<>();

  ApiSchemas(ApiComments comments) {
    this(comments, new ApiNames(), COMPONENTS);
  }

  /**
   * @param names of types; the same for all documents that are made one after the other
   * @param place where references lead to, with a slash at its end
   */
  ApiSchemas(ApiComments comments, ApiNames names, String place) {
    this.comments = comments;
    this.names = names;
    this.place = place;
  }

  /** The schema of a field as it stands in its message, with what its contract says of it. */
  Map<String, Object> field(FieldDescriptor field) {
    FieldRules rules = ApiLimits.rules(field);
    List<String> words = new ArrayList<>();
    Map<String, Object> schema;
    if (field.isMapField()) {
      schema = map(field, rules);
    } else if (field.isRepeated()) {
      schema = ordered("type", "array");
      schema.put("items", one(field, rules.getRepeated().getItems(), words));
      ApiLimits.addToAll(schema, field, rules);
    } else {
      schema = one(field, rules, words);
    }
    String said = comments.about(field.getFullName());
    if (!said.isEmpty()) {
      words.addFirst(said);
    }
    if (!words.isEmpty()) {
      schema.merge("description", String.join("\n", words), (own, more) -> more + "\n" + own);
    }
    if (field.getOptions().getDeprecated()) {
      schema.put("deprecated", true);
    }
    if (behaves(field, FieldBehavior.OUTPUT_ONLY)) {
      schema.put("readOnly", true);
    } else if (behaves(field, FieldBehavior.INPUT_ONLY)) {
      schema.put("writeOnly", true);
    }
    return schema;
  }

  private Map<String, Object> map(FieldDescriptor field, FieldRules rules) {
    FieldDescriptor key = field.getMessageType().findFieldByNumber(1);
    FieldDescriptor value = field.getMessageType().findFieldByNumber(2);
    Map<String, Object> schema = ordered("type", "object");
    Map<String, Object> keys = new LinkedHashMap<>();
    switch (key.getJavaType()) {
      case STRING -> ApiLimits.addTo(keys, key, rules.getMap().getKeys());
      case BOOLEAN -> keys.put("enum", List.of("true", "false"));
      default -> keys.put("pattern", "^-?[0-9]+$");
    }
    if (!keys.isEmpty()) {
      schema.put("propertyNames", keys);
    }
    schema.put("additionalProperties", one(value, rules.getMap().getValues(), new ArrayList<>()));
    ApiLimits.addToAll(schema, field, rules);
    return schema;
  }

  /** Of one value of a field. */
  private Map<String, Object> one(FieldDescriptor field, FieldRules rules, List<String> words) {
    Map<String, Object> schema =
        switch (field.getType()) {
          case MESSAGE, GROUP -> message(field.getMessageType());
          case ENUM -> enumeration(field.getEnumType());
          default -> scalar(field.getType());
        };
    words.addAll(ApiLimits.addTo(schema, field, rules));
    return schema;
  }

  private static Map<String, Object> scalar(FieldDescriptor.Type type) {
    return switch (type) {
      case INT32, SINT32, SFIXED32 -> ordered("type", "integer", "format", "int32");
      case UINT32, FIXED32 -> ordered("type", "integer", "minimum", 0, "maximum", 0xffff_ffffL);
      case INT64, SINT64, SFIXED64 ->
          ordered("type", "string", "format", "int64", "pattern", "^-?[0-9]+$");
      case UINT64, FIXED64 -> ordered("type", "string", "format", "uint64", "pattern", "^[0-9]+$");
      case FLOAT, DOUBLE -> {
        Map<String, Object> number =
            ordered(
                "type",
                "number",
                "format",
                type == FieldDescriptor.Type.FLOAT ? "float" : "double");
        Map<String, Object> none = ordered("enum", List.of("NaN", "Infinity", "-Infinity"));
        yield ordered("anyOf", List.of(number, none));
      }
      case BOOL -> ordered("type", "boolean");
      case STRING -> ordered("type", "string");
      case BYTES -> ordered("type", "string", "contentEncoding", "base64");
      case ENUM, MESSAGE, GROUP -> throw new IllegalArgumentException(type.name());
    };
  }

  /** What stands for a message: its form, if it has one of its own, or a reference. */
  Map<String, Object> message(Descriptor type) {
    if (!type.getFullName().startsWith(WELL_KNOWN)) {
      return reference(type);
    }
    return switch (type.getFullName().substring(WELL_KNOWN.length())) {
      case "Timestamp" -> ordered("type", "string", "format", "date-time");
      case "Duration" ->
          ordered(
              "type", "string",
              "pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$",
              "description", "Seconds, such as 1.5s.");
      case "FieldMask" ->
          ordered("type", "string", "description", "Paths of fields, with commas between them.");
      case "Struct" -> ordered("type", "object");
      case "Value" -> new LinkedHashMap<>();
      case "ListValue" -> ordered("type", "array", "items", Map.of());
      case "Any" ->
          ordered(
              "type", "object",
              "properties", Map.of("@type", Map.of("type", "string")),
              "description", "A message of the type that `@type` names.");
      case "DoubleValue",
          "FloatValue",
          "Int64Value",
          "UInt64Value",
          "Int32Value",
          "UInt32Value",
          "BoolValue",
          "StringValue",
          "BytesValue" ->
          scalar(type.getFields().getFirst().getType());
      case "Empty" -> ordered("type", "object");
      default -> reference(type);
    };
  }

  private Map<String, Object> enumeration(EnumDescriptor type) {
    return type.getFullName().equals(WELL_KNOWN + "NullValue")
        ? ordered("type", "null")
        : reference(type);
  }

  private Map<String, Object> reference(GenericDescriptor type) {
    String name = names.of(type);
    if (referred.putIfAbsent(name, type) == null) {
      unwritten.add(name);
    }
    return ordered("$ref", place + name);
  }

  /** Whether JSON has this type as an object of its fields. */
  static boolean isObject(Descriptor type) {
    return !type.getFullName().startsWith(WELL_KNOWN)
        || type.getFullName().equals(WELL_KNOWN + "Empty");
  }

  /**
   * A message as an object of some of its fields.
   *
   * @param whole whether those that the contract requires are required here
   */
  Map<String, Object> object(Descriptor type, Predicate<FieldDescriptor> which, boolean whole) {
    Map<String, Object> schema = ordered("type", "object");
    Map<String, Object> properties = new LinkedHashMap<>();
    List<String> required = new ArrayList<>();
    for (FieldDescriptor field : type.getFields()) {
      if (which.test(field)) {
        properties.put(field.getJsonName(), field(field));
        if (whole && isRequired(field)) {
          required.add(field.getJsonName());
        }
      }
    }
    if (!properties.isEmpty()) {
      schema.put("properties", properties);
    }
    if (!required.isEmpty()) {
      schema.put("required", required);
    }
    List<Map<String, Object>> pairs = new ArrayList<>();
    for (OneofDescriptor oneof : type.getRealOneofs()) {
      addPairs(oneof, which, pairs);
    }
    if (!pairs.isEmpty()) {
      schema.put("not", Map.of("anyOf", pairs));
    }
    return schema;
  }

  /** Of a oneof's members there is one at most. */
  private static void addPairs(
      OneofDescriptor oneof, Predicate<FieldDescriptor> which, List<Map<String, Object>> pairs) {
    List<String> members =
        oneof.getFields().stream().filter(which).map(FieldDescriptor::getJsonName).toList();
    for (int i = 0; i < members.size() && members.size() <= EXCLUSIVE_MAX; i++) {
      for (int j = i + 1; j < members.size(); j++) {
        pairs.add(Map.of("required", List.of(members.get(i), members.get(j))));
      }
    }
  }

  /** Whether a request without this field is refused. */
  static boolean isRequired(FieldDescriptor field) {
    return field.isRequired()
        || behaves(field, FieldBehavior.REQUIRED)
        || ApiLimits.rules(field).getRequired();
  }

  static boolean behaves(FieldDescriptor field, FieldBehavior behavior) {
    return field.getOptions().getExtension(FieldBehaviorProto.fieldBehavior).contains(behavior);
  }

  /** Writes all types that were referred to, and those that they refer to, by their names. */
  void writeComponents(JsonGenerator out, Map<String, String> own) throws IOException {
    Map<String, String> written = new TreeMap<>(own);
    define((name, schema) -> written.put(name, JsonTree.text(schema)));
    for (Map.Entry<String, String> entry : written.entrySet()) {
      out.writeFieldName(entry.getKey());
      out.writeRawValue(entry.getValue());
    }
  }

  /** All types that were referred to, and those that they refer to, by their names. */
  Map<String, Object> definitions() {
    Map<String, Object> definitions = new TreeMap<>();
    define(definitions::put);
    return definitions;
  }

  private void define(BiConsumer<String, Map<String, Object>> to) {
    while (!unwritten.isEmpty()) {
      String name = unwritten.remove();
      to.accept(
          name,
          switch (Optional.ofNullable(referred.get(name)).orElseThrow()) {
            case Descriptor type -> described(type, object(type, _ -> true, true));
            case EnumDescriptor type -> described(type, values(type));
            default -> throw new IllegalStateException(name);
          });
    }
  }

  private Map<String, Object> described(GenericDescriptor type, Map<String, Object> schema) {
    String said = comments.about(type.getFullName());
    if (!said.isEmpty()) {
      schema.merge("description", said, (own, more) -> more + "\n\n" + own);
    }
    return schema;
  }

  private Map<String, Object> values(EnumDescriptor type) {
    Map<String, Object> schema = ordered("type", "string");
    List<String> names = new ArrayList<>();
    List<String> said = new ArrayList<>();
    for (EnumValueDescriptor value : type.getValues()) {
      names.add(value.getName());
      String about = comments.about(type.getFullName() + "." + value.getName());
      if (!about.isEmpty()) {
        said.add("- `" + value.getName() + "`: " + about.replace('\n', ' '));
      }
    }
    schema.put("enum", names);
    if (!said.isEmpty()) {
      schema.put("description", String.join("\n", said));
    }
    return schema;
  }

  /** A map of these names and values in turn, in this order. */
  static Map<String, Object> ordered(Object... namesAndValues) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      map.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return map;
  }
}
