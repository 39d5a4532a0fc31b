package dev.weft.consul;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.weft.consul.LastKnown.Page;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What one query answered last, on the disk: for a process that starts while the agent is away. The
 * time of the file is when the agent last said so.
 *
 * <p>It holds keys and says whom to trust, so it is its owner's alone: the file is made with mode
 * 0600, and a folder that is open to others, or is another user's, is neither written nor read. A
 * file is replaced as a whole, also if the machine loses its power. What is older than {@link
 * #MAX_AGE} or cannot be read counts for nothing, and what cannot be written is logged; nothing
 * else suffers from either. Used by one thread.
 */
final class DiskSnapshot<V> {
  /**
   * Long enough for a registry that is away over a night; shorter than Consul's certificates live,
   * which are 72 h.
   */
  static final Duration MAX_AGE = Duration.ofHours(24);

  /** An agent that only says the same again is believed anew, without the file being written. */
  private static final Duration CONFIRM_EVERY = Duration.ofSeconds(30);

  private static final String INDEX = "index";
  private static final String ENTRIES = "entries";

  private static final Set<PosixFilePermission> OTHERS =
      EnumSet.of(
          PosixFilePermission.GROUP_READ,
          PosixFilePermission.GROUP_WRITE,
          PosixFilePermission.GROUP_EXECUTE,
          PosixFilePermission.OTHERS_READ,
          PosixFilePermission.OTHERS_WRITE,
          PosixFilePermission.OTHERS_EXECUTE);
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_FOLDER =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_FILE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  /** Files of this class, half written ones too. */
  private static final Pattern OURS =
      Pattern.compile("owner\\d+|(roots|services|(leaf|service|intentions)-.+)\\.json(\\.\\d+)?");

  private static final Logger log = LoggerFactory.getLogger(DiskSnapshot.class);

  /**
   * How answers of one kind are written.
   *
   * @param end when a value is of no use any more, as a certificate that has expired
   */
  record Form<V>(
      Function<Map<String, V>, JsonElement> writer,
      Function<JsonElement, Map<String, V>> reader,
      Function<V, Instant> end) {}

  private final @Nullable Path folder;
  private final String name;
  private final Form<V> form;
  private final InstantSource clock;
  private @Nullable JsonElement written;
  private Instant confirmed = Instant.MIN;
  private boolean warned;

  private DiskSnapshot(@Nullable Path folder, String name, Form<V> form, InstantSource clock) {
    this.folder = folder;
    this.name = name;
    this.form = form;
    this.clock = clock;
  }

  /** One that keeps nothing. */
  static <V> DiskSnapshot<V> none() {
    return new DiskSnapshot<>(
        null,
        "",
        new Form<>(_ -> JsonNull.INSTANCE, _ -> Map.of(), _ -> Instant.MAX),
        InstantSource.system());
  }

  /**
   * @param folder made when it is needed, in one that is there; without one nothing is kept
   * @param name of the query, of letters that a file's name may have
   */
  static <V> DiskSnapshot<V> in(
      Optional<Path> folder, String name, Form<V> form, InstantSource clock) {
    return new DiskSnapshot<>(folder.orElse(null), name + ".json", form, clock);
  }

  /**
   * Takes away what is too old to count: of services that are gone, keys of old certificates, and
   * what a process that was killed had half written.
   */
  static void sweep(Path folder, InstantSource clock) {
    if (!Files.isDirectory(folder)) {
      return;
    }
    Instant oldest = clock.instant().minus(MAX_AGE);
    try {
      requireOwnersOnly(folder);
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.toList()) {
          if (OURS.matcher(folder.relativize(file).toString()).matches()
              && Files.getLastModifiedTime(file).toInstant().isBefore(oldest)) {
            Files.deleteIfExists(file);
            log.info("{} is gone: the registry said it too long ago", file);
          }
        }
      }
    } catch (IOException | RuntimeException e) {
      log.warn("{} is left as it is: {}", folder, e.toString());
    }
  }

  /** What was kept, if it is still good, and an index that it had; otherwise nothing. */
  Page<V> read() {
    Path own = folder;
    if (own == null || !Files.exists(own.resolve(name))) {
      return Page.none();
    }
    Path from = own.resolve(name);
    Instant now = clock.instant();
    try {
      requireOwnersOnly(own);
      Instant said = Files.getLastModifiedTime(from).toInstant();
      if (said.plus(MAX_AGE).isBefore(now)) {
        log.warn("{} is not used: the registry said it at {}, too long ago", from, said);
        return Page.none();
      }
      JsonObject kept = JsonParser.parseString(Files.readString(from)).getAsJsonObject();
      Map<String, V> entries =
          form.reader.apply(kept.get(ENTRIES)).entrySet().stream()
              .filter(entry -> form.end.apply(entry.getValue()).isAfter(now))
              .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, Map.Entry::getValue));
      log.debug("{} holds what the registry said at {}", from, said);
      return new Page<>(
          entries, Long.parseUnsignedLong(kept.get(INDEX).getAsString()), /* doubtful= */ false);
    } catch (IOException | RuntimeException e) {
      // Whatever is wrong with it: without it the process waits for the registry, as it always may.
      log.warn("{} is not used: {}", from, e.toString());
      return Page.none();
    }
  }

  /**
   * Keeps what the agent says now.
   *
   * @param index of its answer. What is kept may be that of an earlier one with the same content
   */
  void write(Map<String, V> entries, long index) {
    Path own = folder;
    if (own == null) {
      return;
    }
    Instant now = clock.instant();
    try {
      JsonElement json = form.writer.apply(entries);
      if (!json.equals(written)) {
        JsonObject kept = new JsonObject();
        kept.addProperty(INDEX, Long.toUnsignedString(index));
        kept.add(ENTRIES, json);
        replace(own, name, kept.toString());
        written = json;
      } else if (confirmed.plus(CONFIRM_EVERY).isBefore(now)) {
        Files.setLastModifiedTime(own.resolve(name), FileTime.from(now));
      } else {
        return;
      }
      confirmed = now;
      warned = false;
    } catch (IOException | RuntimeException e) {
      // It may be gone, and is then to be written again.
      written = null;
      if (!warned) {
        warned = true;
        log.warn(
            "{} cannot be kept, so no process can start from it: {}",
            own.resolve(name),
            e.toString());
      }
    }
  }

  private static void replace(Path folder, String name, String text) throws IOException {
    if (!Files.exists(folder)) {
      // Never what it is in: who removes all that a system keeps is not to find a part of it again.
      Files.createDirectory(folder, OWNER_FOLDER);
    }
    requireOwnersOnly(folder);
    // Another process may have been given the same folder.
    Path fresh = folder.resolve(name + "." + ProcessHandle.current().pid());
    Files.deleteIfExists(fresh);
    try (FileChannel channel =
        FileChannel.open(
            fresh, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), OWNER_FILE)) {
      ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      // Before it has its name: the registry and this machine may lose their power together.
      channel.force(true);
    }
    Files.move(fresh, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
  }

  private static void requireOwnersOnly(Path folder) throws IOException {
    for (PosixFilePermission permission : Files.getPosixFilePermissions(folder)) {
      if (OTHERS.contains(permission)) {
        throw new IOException(folder + " is open to others (expected: rwx------)");
      }
    }
    // Permissions do not keep root out of what is another's.
    Path own = Files.createTempFile(folder, "owner", "", OWNER_FILE);
    try {
      if (!Files.getOwner(own).equals(Files.getOwner(folder))) {
        throw new IOException(folder + " is another user's (expected: this process's own)");
      }
    } finally {
      Files.delete(own);
    }
  }
}
