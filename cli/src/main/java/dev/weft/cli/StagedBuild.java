package dev.weft.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The copy of the build that this run uses, in a folder of its own named by the hash of the
 * sources. The {@code weft} script makes it; a later build makes another.
 *
 * <p>Beside the jars it keeps what the JVM learnt of their classes (JEP 350, JEP 310): the first
 * run writes an archive per process when it ends, every later one starts from it in about half the
 * processor time. The JVM checks the archive against itself and the jars, and does without one that
 * does not fit.
 */
final class StagedBuild implements AutoCloseable {
  private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");
  private static final int FIRST_HEAP_MEGABYTES = 24;

  /** Beside the heap; the JVM's own bound would be as much again as the heap may have. */
  private static final int DIRECT_MEGABYTES = 64;

  /** The JVM knows nothing of what these take, and each has a bound of its own. */
  private static final List<String> NETTYS = List.of("io.netty.", "io.grpc.netty.shaded.io.netty.");

  private final Path folder;
  // Held as long as this process lives; whoever runs beside it reads the archives only.
  private final @Nullable FileLock archiveWriter;

  private volatile boolean writesArchives;

  private StagedBuild(Path folder, @Nullable FileLock archiveWriter) {
    this.folder = folder;
    this.archiveWriter = archiveWriter;
  }

  static StagedBuild current() {
    String run = System.getenv("WEFT_RUN");
    if (run == null) {
      throw new Trouble("WEFT_RUN is not set: start this through ./weft");
    }
    return in(Path.of(run));
  }

  static StagedBuild in(Path folder) {
    return new StagedBuild(folder, lock(folder.resolve("archives.lock")));
  }

  /**
   * The command that runs a module's main class.
   *
   * @param heapMegabytes a bound, not a reservation
   */
  List<String> java(String module, String mainClass, int heapMegabytes) {
    List<String> command = new ArrayList<>();
    command.add(JAVA.toString());
    command.add("-Xms" + FIRST_HEAP_MEGABYTES + "m");
    command.add("-Xmx" + heapMegabytes + "m");
    command.add("-XX:MaxDirectMemorySize=" + DIRECT_MEGABYTES + "m");
    for (String netty : NETTYS) {
      command.add("-D" + netty + "maxDirectMemory=" + ((long) DIRECT_MEGABYTES << 20));
    }
    // Small processes on few cores: the serial collector and the first compiler tier cost the
    // least memory and start the quickest. What the compiler needed while everything was new is
    // given back, and gRPC takes buffers from the system by half a megabyte instead of two.
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:ReservedCodeCacheSize=32m",
            "-Xss512k",
            "-XX:TrimNativeHeapInterval=2000",
            "-Dio.grpc.netty.shaded.io.netty.allocator.maxOrder=6",
            "-XX:+ExitOnOutOfMemoryError",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow"));
    command.addAll(archive(module));
    command.addAll(List.of("-cp", classpath(module), mainClass));
    return command;
  }

  /** A folder of the contracts with their comments, as descriptor sets. */
  Path contracts() {
    return folder.resolve("contracts");
  }

  /** Whether a process that was made from this writes an archive when it ends: it had none. */
  boolean writesArchives() {
    return writesArchives;
  }

  /** Leaves the archives to the next process that wants to write them. */
  @Override
  public void close() {
    if (archiveWriter != null) {
      try {
        archiveWriter.acquiredBy().close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private List<String> archive(String module) {
    Path archive = folder.resolve(module + ".jsa");
    if (archiveWriter == null && !Files.exists(archive)) {
      return List.of();
    }
    if (!Files.exists(archive)) {
      writesArchives = true;
    }
    List<String> options = new ArrayList<>();
    options.add("-XX:SharedArchiveFile=" + archive);
    if (archiveWriter != null) {
      options.add("-XX:+AutoCreateSharedArchive");
    }
    // At the address that it was written for it is read in place, page by page as it is needed. The
    // JVM's own choice, another address for each process, writes to every page of it first.
    options.addAll(List.of("-XX:+UnlockDiagnosticVMOptions", "-XX:ArchiveRelocationMode=0"));
    options.add("-Xlog:cds*=off,aot*=off"); // what cannot be archived is no news to anybody
    return options;
  }

  private static @Nullable FileLock lock(Path file) {
    try {
      return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE).tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    } catch (IOException e) {
      throw new Trouble(file + " cannot be locked: " + e.getMessage());
    }
  }

  private String classpath(String module) {
    try {
      List<String> jars = new ArrayList<>();
      for (String jar : Files.readAllLines(folder.resolve(module + ".classpath"))) {
        jars.add(folder.resolve("lib").resolve(jar).toString());
      }
      return String.join(":", jars);
    } catch (IOException e) {
      throw new Trouble(folder + " is incomplete: remove it and run ./weft again");
    }
  }
}
