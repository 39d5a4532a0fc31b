package dev.weft.edge;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.TypeRegistry;
import com.google.rpc.ErrorDetailsProto;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The message types that may stand in an {@code Any}: those of one service's descriptors and the
 * standard error details. Immutable.
 */
final class Types {
  /** Nothing but the standard error details. */
  static final Types STANDARD = of(List.of());

  private final Map<String, Descriptor> byName;
  private final TypeRegistry registry;

  private Types(Map<String, Descriptor> byName) {
    this.byName = byName;
    this.registry = TypeRegistry.newBuilder().add(byName.values()).build();
  }

  static Types of(Collection<FileDescriptor> files) {
    Map<String, Descriptor> byName = new HashMap<>();
    for (FileDescriptor file : files) {
      file.getMessageTypes().forEach(type -> add(type, byName));
    }
    ErrorDetailsProto.getDescriptor().getMessageTypes().forEach(type -> add(type, byName));
    return new Types(byName);
  }

  /** The type that a type URL names, if it is known. */
  @Nullable Descriptor find(String typeUrl) {
    return byName.get(typeUrl.substring(typeUrl.lastIndexOf('/') + 1));
  }

  /** The same types for protobuf's own JSON code. */
  TypeRegistry registry() {
    return registry;
  }

  private static void add(Descriptor type, Map<String, Descriptor> byName) {
    byName.putIfAbsent(type.getFullName(), type);
    type.getNestedTypes().forEach(nested -> add(nested, byName));
  }
}
