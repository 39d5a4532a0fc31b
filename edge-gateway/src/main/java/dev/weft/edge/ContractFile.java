package dev.weft.edge;

import com.google.protobuf.ByteString;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps contracts in a file, so that an edge which starts while services are away answers 503 for
 * their routes and not 404, and nobody takes over meanwhile what was theirs.
 *
 * <p>A file that is missing or damaged is an empty one, and one that cannot be written is only
 * reported: the edge does not need it to serve what it sees. To be used by one thread at a time.
 */
final class ContractFile {
  private static final Logger log = LoggerFactory.getLogger(ContractFile.class);

  private static final String NAME = "contracts.bin";

  /** Names the format; another one is not read. */
  private static final long FORMAT = 0x57454654_00000001L;

  private static final long BYTES_MAX = 256L * 1024 * 1024;

  private final Path folder;

  /** A contract and whose it is. */
  record Kept(String service, Reflected contract) {}

  /**
   * @param folder made when it is first written to
   */
  ContractFile(Path folder) {
    this.folder = folder;
  }

  /** What was last written, in its order. */
  List<Kept> read() {
    Path file = folder.resolve(NAME);
    if (!Files.exists(file)) {
      return List.of();
    }
    try {
      long size = Files.size(file);
      if (size > BYTES_MAX) {
        throw new IOException(size + " bytes");
      }
      try (DataInputStream in =
          new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
        return read(in, size);
      }
    } catch (IOException e) {
      log.warn("{} cannot be used, contracts are learned anew: {}", file, e.toString());
      return List.of();
    }
  }

  /** Replaces what is in the file, wholly or not at all. */
  void write(List<Kept> contracts) {
    Path file = folder.resolve(NAME);
    Path written = folder.resolve(NAME + ".new");
    try {
      Files.createDirectories(folder);
      try (FileChannel channel =
              FileChannel.open(
                  written,
                  StandardOpenOption.CREATE,
                  StandardOpenOption.WRITE,
                  StandardOpenOption.TRUNCATE_EXISTING);
          OutputStream bytes = new BufferedOutputStream(Channels.newOutputStream(channel));
          DataOutputStream out = new DataOutputStream(bytes)) {
        write(out, contracts);
        out.flush();
        channel.force(true);
      }
      Files.move(
          written, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      log.warn("{} cannot be written, a restart will not know these contracts", file, e);
    }
  }

  private static List<Kept> read(DataInputStream in, long size) throws IOException {
    if (in.readLong() != FORMAT) {
      throw new IOException("of another format");
    }
    List<Kept> contracts = new ArrayList<>();
    for (int left = in.readInt(); left > 0; left--) {
      String service = in.readUTF();
      String fingerprint = in.readUTF();
      List<String> services = new ArrayList<>();
      for (int names = in.readInt(); names > 0; names--) {
        services.add(in.readUTF());
      }
      Map<String, ByteString> files = new HashMap<>();
      for (int count = in.readInt(); count > 0; count--) {
        String name = in.readUTF();
        int length = in.readInt();
        if (length < 0 || length > size) {
          throw new IOException("damaged");
        }
        files.put(name, ByteString.copyFrom(in.readNBytes(length)));
      }
      Reflected contract = Reflected.of(services, files);
      if (!contract.fingerprint().equals(fingerprint)) {
        throw new IOException("damaged");
      }
      contracts.add(new Kept(service, contract));
    }
    return contracts;
  }

  private static void write(DataOutputStream out, List<Kept> contracts) throws IOException {
    out.writeLong(FORMAT);
    out.writeInt(contracts.size());
    for (Kept kept : contracts) {
      out.writeUTF(kept.service);
      out.writeUTF(kept.contract.fingerprint());
      out.writeInt(kept.contract.services().size());
      for (String name : kept.contract.services()) {
        out.writeUTF(name);
      }
      out.writeInt(kept.contract.files().size());
      for (var file : kept.contract.files().entrySet()) {
        out.writeUTF(file.getKey());
        out.writeInt(file.getValue().size());
        file.getValue().writeTo(out);
      }
    }
  }
}
