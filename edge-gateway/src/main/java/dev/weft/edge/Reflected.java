package dev.weft.edge;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.google.api.AnnotationsProto;
import com.google.api.FieldBehaviorProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.ExtensionRegistry;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.options.v1.OptionsProto;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What one instance said it serves: descriptors as bytes, so that two answers can be compared.
 *
 * @param services full names, sorted
 * @param files by name
 * @param fingerprint equal for equal services and files
 */
record Reflected(List<String> services, SortedMap<String, ByteString> files, String fingerprint) {

  private static final int DEPENDENCY_DEPTH_MAX = 100;

  /** What nearly every contract imports, descriptor.proto above all. */
  private static final String COMMON = "google/";

  /** Those that are the same in several contracts are there once. */
  private static final Cache<Common, FileDescriptor> SHARED =
      Caffeine.newBuilder().maximumSize(256).build();

  /** A file with all it needs; descriptors are equal to themselves only. */
  private record Common(FileDescriptorProto file, List<FileDescriptor> dependencies) {}

  /** The options the edge reads; all others stay unknown fields. */
  private static final ExtensionRegistry OPTIONS = ExtensionRegistry.newInstance();

  static {
    AnnotationsProto.registerAllExtensions(OPTIONS);
    FieldBehaviorProto.registerAllExtensions(OPTIONS);
    OptionsProto.registerAllExtensions(OPTIONS);
  }

  static Reflected of(List<String> services, Map<String, ByteString> files) {
    SortedMap<String, ByteString> sorted = new TreeMap<>(files);
    List<String> names = services.stream().sorted().distinct().toList();
    return new Reflected(names, sorted, fingerprint(names, sorted));
  }

  /**
   * The files as descriptors, by name. A dependency the instance did not give is left out; what
   * needs it cannot be used.
   *
   * @throws InvalidRule if the files contradict themselves
   */
  Map<String, FileDescriptor> link() {
    Map<String, FileDescriptorProto> parsed = new HashMap<>();
    files.forEach(
        (name, bytes) -> {
          try {
            parsed.put(name, FileDescriptorProto.parseFrom(bytes, OPTIONS));
          } catch (InvalidProtocolBufferException e) {
            throw new InvalidRule("descriptor " + name + " cannot be read");
          }
        });
    Map<String, FileDescriptor> linked = new HashMap<>();
    for (String name : parsed.keySet()) {
      link(name, parsed, linked, 0);
    }
    return linked;
  }

  private static FileDescriptor link(
      String name,
      Map<String, FileDescriptorProto> parsed,
      Map<String, FileDescriptor> linked,
      int depth) {
    FileDescriptor known = linked.get(name);
    if (known != null) {
      return known;
    }
    if (depth > DEPENDENCY_DEPTH_MAX) {
      throw new InvalidRule("descriptor " + name + " depends on itself, or on too many others");
    }
    FileDescriptorProto file = parsed.get(name);
    if (file == null) {
      throw new IllegalArgumentException(name);
    }
    List<FileDescriptor> dependencies = new ArrayList<>();
    for (String dependency : file.getDependencyList()) {
      if (parsed.containsKey(dependency)) {
        dependencies.add(link(dependency, parsed, linked, depth + 1));
      }
    }
    FileDescriptor descriptor =
        name.startsWith(COMMON)
            ? SHARED.get(new Common(file, dependencies), Reflected::build)
            : build(new Common(file, dependencies));
    linked.put(name, descriptor);
    return descriptor;
  }

  private static FileDescriptor build(Common from) {
    try {
      return FileDescriptor.buildFrom(
          from.file, from.dependencies.toArray(FileDescriptor[]::new), true);
    } catch (DescriptorValidationException | RuntimeException e) {
      throw new InvalidRule("descriptor " + from.file.getName() + ": " + e.getMessage());
    }
  }

  private static String fingerprint(List<String> services, SortedMap<String, ByteString> files) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
    services.forEach(name -> update(digest, ByteString.copyFromUtf8(name)));
    files.forEach(
        (name, bytes) -> {
          update(digest, ByteString.copyFromUtf8(name));
          update(digest, bytes);
        });
    return HexFormat.of().formatHex(digest.digest(), 0, 8);
  }

  private static void update(MessageDigest digest, ByteString bytes) {
    digest.update(Integer.toString(bytes.size()).getBytes(StandardCharsets.UTF_8));
    digest.update((byte) ' ');
    digest.update(bytes.asReadOnlyByteBuffer());
  }
}
