package dev.weft.transcoder;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.Descriptors.FileDescriptor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The message types of one contract, and their plans. A plan is made when it is first asked for,
 * with those of all types it can hold.
 *
 * <p>Thread-safe.
 */
public final class Schema {
  private final Map<String, Descriptor> types = new HashMap<>(WellKnown.types());
  private final Map<String, List<FieldDescriptor>> extensions = new HashMap<>();
  private final Map<String, MessagePlan> plans = new ConcurrentHashMap<>();

  private Schema() {}

  /** The types of these files, and protobuf's well-known ones. Of two with one name, the first. */
  public static Schema of(Collection<FileDescriptor> files) {
    Schema schema = new Schema();
    for (FileDescriptor file : files) {
      file.getMessageTypes().forEach(schema::add);
      file.getExtensions().forEach(schema::addExtension);
    }
    schema
        .extensions
        .values()
        .forEach(of -> of.sort(Comparator.comparingInt(FieldDescriptor::getNumber)));
    return schema;
  }

  /** The plan of a type of this contract. */
  public MessagePlan plan(Descriptor type) {
    MessagePlan known = plans.get(type.getFullName());
    return known == null ? make(type) : known;
  }

  /** The plan of the type that a type URL names; null when that is none of this contract. */
  public @Nullable MessagePlan find(String typeUrl) {
    String name = typeUrl.substring(typeUrl.lastIndexOf('/') + 1);
    MessagePlan known = plans.get(name);
    if (known != null) {
      return known;
    }
    Descriptor type = types.get(name);
    return type == null ? null : make(type);
  }

  private synchronized MessagePlan make(Descriptor type) {
    Map<String, MessagePlan> made = new HashMap<>();
    MessagePlan plan = plan(type, made, new HashMap<>());
    findRequired(made.values());
    // Only now, when each is complete, others may see them.
    plans.putAll(made);
    return plan;
  }

  private MessagePlan plan(
      Descriptor asked, Map<String, MessagePlan> made, Map<String, EnumPlan> enums) {
    String name = asked.getFullName();
    MessagePlan known = plans.getOrDefault(name, made.get(name));
    if (known != null) {
      return known;
    }
    Descriptor type = WellKnown.types().getOrDefault(name, asked);
    MessagePlan plan = new MessagePlan(type, WellKnown.form(name));
    // Before its fields are looked at: one of them may hold the same type again.
    made.put(name, plan);
    List<FieldDescriptor> all = new ArrayList<>(type.getFields());
    all.addAll(extensions.getOrDefault(name, List.of()));
    List<FieldPlan> fields = new ArrayList<>(all.size());
    for (FieldDescriptor field : all) {
      MessagePlan message =
          field.getJavaType() == JavaType.MESSAGE
              ? plan(field.getMessageType(), made, enums)
              : null;
      EnumPlan values =
          field.getJavaType() == JavaType.ENUM ? values(field.getEnumType(), enums) : null;
      fields.add(new FieldPlan(field, fields.size(), message, values));
    }
    plan.complete(fields, type.getRealOneofs().size());
    return plan;
  }

  private static EnumPlan values(EnumDescriptor type, Map<String, EnumPlan> enums) {
    return enums.computeIfAbsent(type.getFullName(), _ -> new EnumPlan(type));
  }

  /** Types may hold each other in a circle, so this goes round until nothing more is found. */
  private static void findRequired(Collection<MessagePlan> plans) {
    boolean found = true;
    while (found) {
      found = false;
      for (MessagePlan plan : plans) {
        if (!plan.requires && holdsRequired(plan)) {
          plan.requires = true;
          found = true;
        }
      }
    }
  }

  private static boolean holdsRequired(MessagePlan plan) {
    for (FieldPlan field : plan.fields) {
      if (field.required || (field.isMessage() && field.message().requires)) {
        return true;
      }
    }
    return false;
  }

  private void add(Descriptor type) {
    types.putIfAbsent(type.getFullName(), type);
    type.getNestedTypes().forEach(this::add);
    type.getExtensions().forEach(this::addExtension);
  }

  private void addExtension(FieldDescriptor field) {
    extensions
        .computeIfAbsent(field.getContainingType().getFullName(), _ -> new ArrayList<>())
        .add(field);
  }
}
