package dev.weft.durable;

import dev.weft.durable.LocalPostgresException.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The server that works on a data directory, whoever started it: finds it, and ends it. There are
 * never two of them, and what is no server of this data is never touched.
 */
final class Postmaster {
  private static final Logger log = LoggerFactory.getLogger(Postmaster.class);
  private static final Path PROCESSES = Path.of("/proc");
  private static final Duration SESSIONS_LEAVE_MAX = Duration.ofSeconds(30);

  private final Path data;
  private final PostgresBinaries binaries;
  private final List<String> modes;

  /**
   * @param modes ways to end it, by the names that PostgreSQL has for them, each tried when the one
   *     before took too long
   */
  Postmaster(Path data, PostgresBinaries binaries, List<String> modes) {
    this.data = data;
    this.binaries = binaries;
    this.modes = modes;
  }

  /** Ends one whose owner was killed, and what such a one left behind. */
  void stopOrphan() throws IOException {
    Optional<ProcessHandle> orphan = running();
    if (orphan.isPresent()) {
      log.info("stopping PostgreSQL {} that a killed run left behind", orphan.get().pid());
      stop();
    }
    forgetTheDead();
  }

  /** Ends it, if one runs. */
  void stop() throws IOException {
    if (running().isEmpty()) {
      return;
    }
    for (String mode : modes) {
      PostgresBinaries.Result result =
          PostgresBinaries.run(
              binaries.command(
                  "pg_ctl", List.of("stop", "-D", data.toString(), "-m", mode, "-w", "-t", "20")));
      if (running().isEmpty()) {
        return;
      }
      log.warn("PostgreSQL did not stop ({}): {}", mode, result.output());
    }
    throw new LocalPostgresException(
        Kind.IN_USE, "the PostgreSQL on " + data + " does not stop: end it by hand");
  }

  /**
   * Removes the pid file of a server that was killed. PostgreSQL does so itself, but not when the
   * number belongs to another process by now or to a dead one that nobody has buried.
   */
  private void forgetTheDead() throws IOException {
    Path pidFile = data.resolve("postmaster.pid");
    if (!Files.exists(pidFile) || !Files.isDirectory(PROCESSES)) {
      return;
    }
    // The sessions of a killed server notice its death and leave; until then the data is theirs.
    long end = System.nanoTime() + SESSIONS_LEAVE_MAX.toNanos();
    while (ProcessHandle.allProcesses().anyMatch(this::worksOnOurData)) {
      if (System.nanoTime() > end) {
        throw new LocalPostgresException(
            Kind.IN_USE, "a session of a killed PostgreSQL still works on " + data);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
    Files.deleteIfExists(pidFile);
  }

  /**
   * It, if it lives. Its pid file alone proves nothing: after a crash the number may belong to
   * somebody else by now.
   */
  private Optional<ProcessHandle> running() throws IOException {
    Path pidFile = data.resolve("postmaster.pid");
    if (!Files.isRegularFile(pidFile)) {
      return Optional.empty();
    }
    List<String> lines = Files.readAllLines(pidFile);
    if (lines.isEmpty()) {
      return Optional.empty();
    }
    long pid = Long.parseLong(lines.getFirst().strip());
    return ProcessHandle.of(pid).filter(ProcessHandle::isAlive).filter(this::worksOnOurData);
  }

  private boolean worksOnOurData(ProcessHandle process) {
    // The working directory of the server and its sessions is their data directory.
    Path workingDirectory = PROCESSES.resolve("" + process.pid()).resolve("cwd");
    try {
      return Files.isSameFile(workingDirectory, data);
    } catch (IOException e) {
      return process.info().commandLine().stream()
          .anyMatch(line -> line.contains("bin/postgres") && line.contains(data.toString()));
    }
  }
}
