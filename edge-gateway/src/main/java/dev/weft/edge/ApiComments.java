package dev.weft.edge;

import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.EnumDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.DescriptorProtos.ServiceDescriptorProto;
import com.google.protobuf.DescriptorProtos.SourceCodeInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the authors of contracts wrote about them. Services do not tell it: compilers take comments
 * out of the descriptors that reflection answers. So it is read from descriptor sets with source
 * info, as {@code buf build -o comments.binpb} writes them. Immutable.
 */
final class ApiComments {
  private static final Logger log = LoggerFactory.getLogger(ApiComments.class);

  static final ApiComments NONE = new ApiComments(Map.of());

  private static final int FILES_MAX = 100;

  /** By the full name of what they are about. */
  private final Map<String, String> byName;

  private ApiComments(Map<String, String> byName) {
    this.byName = byName;
  }

  /**
   * Reads a descriptor set, or all those in a folder that are called {@code *.binpb}, in the order
   * of their names; of two comments on one thing the first counts. What cannot be read is reported
   * and says nothing.
   */
  static ApiComments read(Path place) {
    Map<String, String> byName = new HashMap<>();
    try {
      for (Path file : Files.isDirectory(place) ? sets(place) : List.of(place)) {
        add(DescriptorSets.parse(file), byName);
      }
    } catch (IOException e) {
      log.warn("comments of contracts cannot be read from {}: {}", place, e.toString());
    }
    return new ApiComments(byName);
  }

  private static List<Path> sets(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().endsWith(".binpb"))
          .sorted()
          .limit(FILES_MAX)
          .toList();
    }
  }

  static ApiComments of(FileDescriptorSet set) {
    Map<String, String> byName = new HashMap<>();
    add(set, byName);
    return new ApiComments(byName);
  }

  private static void add(FileDescriptorSet set, Map<String, String> byName) {
    for (FileDescriptorProto file : set.getFileList()) {
      for (SourceCodeInfo.Location at : file.getSourceCodeInfo().getLocationList()) {
        String text = text(at);
        if (!text.isEmpty()) {
          name(file, at.getPathList()).ifPresent(name -> byName.putIfAbsent(name, text));
        }
      }
    }
  }

  /** Before what it is about, or behind it in the same line. */
  private static String text(SourceCodeInfo.Location at) {
    String said =
        at.getLeadingComments().isBlank() ? at.getTrailingComments() : at.getLeadingComments();
    List<String> lines = new ArrayList<>();
    said.lines().map(String::strip).forEach(lines::add);
    return String.join("\n", lines).strip();
  }

  /** The full name of what a path of descriptor.proto leads to, if that has one. */
  private static Optional<String> name(FileDescriptorProto file, List<Integer> path) {
    if (path.isEmpty() || path.size() % 2 != 0) {
      return Optional.empty();
    }
    String scope = file.getPackage().isEmpty() ? "" : file.getPackage() + ".";
    List<Integer> rest = path.subList(2, path.size());
    int index = path.get(1);
    return switch (path.getFirst()) {
      case FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER ->
          inMessage(scope, file.getMessageType(index), rest);
      case FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER ->
          inEnum(scope, file.getEnumType(index), rest);
      case FileDescriptorProto.SERVICE_FIELD_NUMBER -> {
        ServiceDescriptorProto service = file.getService(index);
        String name = scope + service.getName();
        yield rest.isEmpty()
            ? Optional.of(name)
            : isAt(rest, ServiceDescriptorProto.METHOD_FIELD_NUMBER)
                ? Optional.of(name + "." + service.getMethod(rest.get(1)).getName())
                : Optional.empty();
      }
      default -> Optional.empty();
    };
  }

  private static Optional<String> inMessage(
      String scope, DescriptorProto message, List<Integer> path) {
    String name = scope + message.getName();
    if (path.isEmpty()) {
      return Optional.of(name);
    }
    int index = path.get(1);
    List<Integer> rest = path.subList(2, path.size());
    return switch (path.getFirst()) {
      case DescriptorProto.NESTED_TYPE_FIELD_NUMBER ->
          inMessage(name + ".", message.getNestedType(index), rest);
      case DescriptorProto.ENUM_TYPE_FIELD_NUMBER ->
          inEnum(name + ".", message.getEnumType(index), rest);
      case DescriptorProto.FIELD_FIELD_NUMBER ->
          rest.isEmpty()
              ? Optional.of(name + "." + message.getField(index).getName())
              : Optional.empty();
      default -> Optional.empty();
    };
  }

  /** A value has its enum's name before its own here; in protobuf it has not. */
  private static Optional<String> inEnum(
      String scope, EnumDescriptorProto type, List<Integer> path) {
    String name = scope + type.getName();
    if (path.isEmpty()) {
      return Optional.of(name);
    }
    return isAt(path, EnumDescriptorProto.VALUE_FIELD_NUMBER)
        ? Optional.of(name + "." + type.getValue(path.get(1)).getName())
        : Optional.empty();
  }

  private static boolean isAt(List<Integer> path, int field) {
    return path.size() == 2 && path.getFirst() == field;
  }

  /** What is said about the thing of this full name; empty when that is nothing. */
  String about(String fullName) {
    return byName.getOrDefault(fullName, "");
  }
}
