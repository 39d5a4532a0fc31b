package dev.weft.mesh;

import com.google.protobuf.Descriptors.FileDescriptor;
import io.grpc.ServiceDescriptor;
import io.grpc.protobuf.ProtoFileDescriptorSupplier;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HexFormat;
import java.util.SortedMap;
import java.util.TreeMap;

/** Tells contracts apart without reading them. */
final class SchemaHash {
  private SchemaHash() {}

  /**
   * SHA-256, in hex, over the file descriptors of these services and all they import, sorted by
   * name. Equal hashes mean equal contracts.
   */
  static String of(Collection<ServiceDescriptor> services) {
    SortedMap<String, FileDescriptor> files = new TreeMap<>();
    for (ServiceDescriptor service : services) {
      if (service.getSchemaDescriptor() instanceof ProtoFileDescriptorSupplier supplier) {
        collect(supplier.getFileDescriptor(), files);
      }
    }
    MessageDigest digest = sha256();
    files.values().forEach(file -> digest.update(file.toProto().toByteArray()));
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void collect(FileDescriptor file, SortedMap<String, FileDescriptor> files) {
    if (files.putIfAbsent(file.getName(), file) == null) {
      file.getDependencies().forEach(imported -> collect(imported, files));
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
