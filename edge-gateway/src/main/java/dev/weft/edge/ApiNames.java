package dev.weft.edge;

import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.GenericDescriptor;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * What types are called in a document that many services share: their full names, and with a number
 * behind it what another service calls by the same name and has another contract for, as when two
 * versions of a service run side by side. Not thread-safe; made for one document.
 */
final class ApiNames {
  private static final String WELL_KNOWN = "google/protobuf/";

  /** By full name and contract. */
  private final Map<String, String> names = new HashMap<>();

  private final Map<String, Integer> taken = new HashMap<>();

  /** Of a file and all that it needs. Each service has files of its own, also of those all use. */
  private final Map<FileDescriptor, String> digests = new HashMap<>();

  /** What this message or enum is called. */
  String of(GenericDescriptor type) {
    return names.computeIfAbsent(
        type.getFullName() + " " + digest(type.getFile()),
        _ -> {
          int number = taken.merge(type.getFullName(), 1, Integer::sum);
          return number == 1 ? type.getFullName() : type.getFullName() + "_" + number;
        });
  }

  private String digest(FileDescriptor file) {
    String known = digests.get(file);
    if (known != null) {
      return known;
    }
    MessageDigest digest = sha256();
    digest.update(file.toProto().toByteArray());
    for (FileDescriptor dependency : file.getDependencies()) {
      // The same for everybody, but for what compilers make of it.
      if (!dependency.getFullName().startsWith(WELL_KNOWN)) {
        digest.update(digest(dependency).getBytes(StandardCharsets.US_ASCII));
      }
    }
    String made = HexFormat.of().formatHex(digest.digest());
    digests.put(file, made);
    return made;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
