package dev.weft.edge;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.DescriptorProtos.ServiceDescriptorProto;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/**
 * Contracts of services that do not answer reflection, as operators put them into a folder: {@code
 * <name in the registry>.binpb}, a descriptor set with all it imports, as {@code buf build -o} and
 * {@code protoc --include_imports -o} write it. All services in it count as the instance's: of
 * those that it does not have, calls are answered as the instance answers them.
 *
 * <p>Thread-safe. Blocks for as long as files take to read.
 */
final class DescriptorSets {
  static final long BYTES_MAX = 64L * 1024 * 1024;

  /** Names come from the registry: none of them leads out of the folder. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,200}");

  private final Path folder;
  private final Map<String, Known> known = new ConcurrentHashMap<>();

  /** What was read of a file as it was then. */
  private record Known(FileTime modified, long size, Reflected contract) {}

  DescriptorSets(Path folder) {
    this.folder = folder;
  }

  /**
   * The contract of a service; the same as before if its file is. Empty if there is none.
   *
   * @throws Reflection.Failed if there is one that cannot be read
   */
  Optional<Reflected> of(String service) throws Reflection.Failed {
    if (!NAME.matcher(service).matches()) {
      return Optional.empty();
    }
    Path file = folder.resolve(service + ".binpb");
    if (!Files.isRegularFile(file)) {
      known.remove(service);
      return Optional.empty();
    }
    try {
      FileTime modified = Files.getLastModifiedTime(file);
      long size = Files.size(file);
      Known before = known.get(service);
      if (before != null && before.size == size && before.modified.equals(modified)) {
        return Optional.of(before.contract);
      }
      Reflected contract = contract(parse(file));
      known.put(service, new Known(modified, size, contract));
      return Optional.of(contract);
    } catch (IOException e) {
      throw new Reflection.Failed(file.getFileName() + " cannot be read: " + e.getMessage());
    }
  }

  /** Reads a descriptor set of at most {@value #BYTES_MAX} bytes. */
  static FileDescriptorSet parse(Path file) throws IOException {
    if (Files.size(file) > BYTES_MAX) {
      throw new IOException(file + " has more than " + BYTES_MAX + " bytes");
    }
    try (InputStream in = Files.newInputStream(file)) {
      return FileDescriptorSet.parseFrom(CodedInputStream.newInstance(in));
    }
  }

  private static Reflected contract(FileDescriptorSet set) {
    List<String> services = new ArrayList<>();
    Map<String, ByteString> files = new HashMap<>();
    for (FileDescriptorProto file : set.getFileList()) {
      String scope = file.getPackage().isEmpty() ? "" : file.getPackage() + ".";
      for (ServiceDescriptorProto service : file.getServiceList()) {
        services.add(scope + service.getName());
      }
      // Comments are no part of a contract: one that tells it by reflection tells none.
      files.putIfAbsent(
          file.getName(), file.toBuilder().clearSourceCodeInfo().build().toByteString());
    }
    return Reflected.of(services, files);
  }
}
