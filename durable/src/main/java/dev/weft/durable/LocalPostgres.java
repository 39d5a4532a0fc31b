package dev.weft.durable;

import dev.weft.durable.LocalPostgresException.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A real PostgreSQL 18 in a directory of its own, nothing to install: durable ({@code fsync} and
 * {@code synchronous_commit} on), on loopback only, with a random password per role.
 *
 * <p>Two ways to run it. {@link #start} starts it as a child that ends with this process, however
 * it ends. {@link #prepare} makes everything ready and leaves it to the caller to run {@link
 * #command()} in the foreground; then {@link #awaitReady} and {@link #provision}.
 *
 * <p>One owner: while an object is open, its directory is locked, and the lock ends with the
 * process. A server that a killed owner left behind is stopped first, by its own fast shutdown, so
 * that there are never two on the same data. What is no database of ours is never touched.
 *
 * <p>The directory holds {@code data} and {@code passwords.properties} (0600); the programs are
 * unpacked once into the user's cache directory. Works as root too. Failures are {@link
 * LocalPostgresException}s. Thread-safe.
 */
public final class LocalPostgres implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(LocalPostgres.class);

  private static final String HOST = "127.0.0.1";
  private static final String MAJOR = "18";
  private static final Duration START_MAX = Duration.ofSeconds(30);
  private static final long NEEDED_BYTES = 200L << 20;

  // Small on purpose: the whole system shares two cores and little memory. Connections cost nothing
  // until they are made; there are enough for three instances of four services on many cores.
  private static final List<String> SETTINGS =
      List.of(
          "listen_addresses=" + HOST,
          "unix_socket_directories=",
          "max_connections=500",
          "shared_buffers=32MB",
          "max_wal_size=256MB",
          // What is read lies in memory, so a plan by an index is right long before statistics,
          // which lag a minute behind a young table, say so.
          "random_page_cost=1.1",
          "wal_level=minimal",
          "max_wal_senders=0",
          "max_logical_replication_workers=0",
          "max_parallel_workers_per_gather=0",
          "autovacuum_max_workers=1",
          "io_method=sync",
          "jit=off",
          // Nobody looks at the titles, and a server writes two of them for each statement.
          "update_process_title=off",
          "timezone=UTC",
          "log_timezone=UTC");
  private static final List<String> DURABLE = List.of("fsync=on", "synchronous_commit=on");
  private static final List<String> FLEETING =
      List.of("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off");

  // The server takes the place of this shell and keeps its number; a helper that has left the
  // family waits for the end of our pipe, which comes however this process ends.
  private static final String TIED_TO_US =
      """
      exec 3<&0
      ( ( cat <&3 >/dev/null
          read -r pid < "$PGDATA/postmaster.pid" && [ "$pid" = $$ ] && kill -INT $$
        ) >/dev/null 2>&1 & )
      exec "$@" </dev/null 3<&-
      """;

  private final Path home;
  private final Path data;
  private final int port;
  private final boolean fleeting;
  private final PostgresBinaries binaries;
  private final Passwords passwords;
  private final Postmaster postmaster;
  private final LocalDatabases databases;
  private final FileChannel lockFile;
  private @Nullable Process child;

  private LocalPostgres(Path home, int port, boolean fleeting) throws IOException {
    this.home = home;
    this.data = home.resolve("data");
    this.fleeting = fleeting;
    Files.createDirectories(
        home, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    lockFile = lock(home.resolve("owner.lock"));
    try {
      binaries = PostgresBinaries.unpack(cache(home));
      passwords = Passwords.in(home.resolve("passwords.properties"));
      postmaster =
          new Postmaster(
              data, binaries, fleeting ? List.of("immediate") : List.of("fast", "immediate"));
      if (Files.exists(data)) {
        insistOnOurs();
        postmaster.stopOrphan();
      } else {
        initialise();
      }
      this.port = port == 0 ? LocalPorts.free() : insistOnFree(port);
      databases = new LocalDatabases(HOST, this.port, passwords);
    } catch (IOException | RuntimeException e) {
      lockFile.close();
      throw e;
    }
  }

  /**
   * Makes a server ready to run: programs unpacked, data initialised when new, an orphan of a
   * killed owner stopped, the port free.
   *
   * @param home the directory to keep everything in; made if it is missing
   * @param port where to listen; 0 takes a free one
   */
  public static LocalPostgres prepare(Path home, int port) {
    try {
      return new LocalPostgres(home.toAbsolutePath(), port, false);
    } catch (IOException e) {
      throw new LocalPostgresException(Kind.FAILED, home + ": " + e.getMessage(), e);
    }
  }

  /** Prepares a server, starts it as a child of this process and waits until it answers. */
  public static LocalPostgres start(Path home, int port) {
    LocalPostgres server = prepare(home, port);
    server.startChild();
    return server;
  }

  /**
   * Starts a server for tests: in a new directory that {@link #close} deletes, fast instead of
   * durable.
   */
  public static LocalPostgres temporary() {
    try {
      Path home = Files.createTempDirectory("weft-postgres-");
      LocalPostgres server = new LocalPostgres(home, 0, true);
      server.startChild();
      return server;
    } catch (IOException e) {
      throw new LocalPostgresException(Kind.FAILED, "a temporary server: " + e.getMessage(), e);
    }
  }

  /** The command that runs the server in the foreground. */
  public List<String> command() {
    List<String> arguments = new ArrayList<>(List.of("-D", data.toString(), "-p", "" + port));
    for (String setting : SETTINGS) {
      arguments.addAll(List.of("-c", setting));
    }
    for (String setting : fleeting ? FLEETING : DURABLE) {
      arguments.addAll(List.of("-c", setting));
    }
    return binaries.command("postgres", arguments);
  }

  /** What that command needs in its environment beside what this process has. */
  public Map<String, String> environment() {
    return Map.of("PGDATA", data.toString(), "LC_ALL", "C");
  }

  /** The port it listens on, on 127.0.0.1. */
  public int port() {
    return port;
  }

  /** Waits until the server takes connections. */
  public void awaitReady(Duration limit) {
    long end = System.nanoTime() + limit.toNanos();
    while (true) {
      try (Connection connection = databases.connect()) {
        if (connection.isValid(1)) {
          return;
        }
      } catch (SQLException e) {
        Process process = child;
        if (process != null && !process.isAlive()) {
          throw new LocalPostgresException(
              Kind.FAILED, "PostgreSQL ended at start-up: " + lastWords());
        }
        if (System.nanoTime() > end) {
          throw new LocalPostgresException(
              Kind.FAILED, "PostgreSQL does not answer on port " + port, e);
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
      }
    }
  }

  /**
   * Makes a role and a database of the same name for each of the names, unless they exist: the role
   * owns this database and can enter no other.
   *
   * @return {@code DATABASE_URL} by name, in the order given
   */
  public Map<String, String> provision(Collection<String> names) {
    return databases.provision(names);
  }

  /**
   * Makes a copy of a database that nobody is connected to, owned by the given role.
   *
   * @return its {@code DATABASE_URL}
   */
  public String copy(String template, String name, String owner) {
    return databases.copy(template, name, owner);
  }

  /** Removes a database and ends whatever is connected to it. */
  public void drop(String name) {
    databases.drop(name);
  }

  /** Stops the server, whoever started it: open connections end, what was committed stays. */
  public void stop() {
    try {
      postmaster.stop();
    } catch (IOException e) {
      throw new LocalPostgresException(Kind.FAILED, "stopping: " + e.getMessage(), e);
    }
  }

  /** Stops the server and gives up the directory. */
  @Override
  public void close() {
    try {
      postmaster.stop();
      Process process = child;
      if (process != null) {
        process.getOutputStream().close();
        process.waitFor(10, TimeUnit.SECONDS);
      }
      lockFile.close();
      if (fleeting) {
        Directories.delete(home);
      }
    } catch (IOException e) {
      throw new LocalPostgresException(Kind.FAILED, "closing: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void startChild() {
    List<String> command = new ArrayList<>(List.of("sh", "-c", TIED_TO_US, "postgres"));
    command.addAll(command());
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(home.resolve("postgres.log").toFile());
      builder.environment().putAll(environment());
      child = builder.start();
      awaitReady(START_MAX);
    } catch (IOException | RuntimeException e) {
      close();
      throw e instanceof LocalPostgresException known
          ? known
          : new LocalPostgresException(Kind.FAILED, "starting: " + e.getMessage(), e);
    }
  }

  private void initialise() throws IOException {
    long usable = Files.getFileStore(home).getUsableSpace();
    if (usable < NEEDED_BYTES) {
      throw new LocalPostgresException(
          Kind.DISK_FULL,
          home + ": " + (usable >> 20) + " MB free, a new database needs " + (NEEDED_BYTES >> 20));
    }
    // Under another name until it is whole: a crash half way leaves no half database.
    Path fresh = home.resolve("data.new");
    Directories.delete(fresh);
    Path passwordFile = Files.createTempFile(home, "initdb-", ".tmp");
    try {
      Files.writeString(passwordFile, passwords.of(LocalDatabases.SUPERUSER));
      List<String> arguments =
          new ArrayList<>(
              List.of(
                  "-D",
                  fresh.toString(),
                  "-U",
                  LocalDatabases.SUPERUSER,
                  "--pwfile=" + passwordFile,
                  "--auth=scram-sha-256",
                  "--encoding=UTF8",
                  "--locale=C",
                  "--locale-provider=builtin",
                  "--builtin-locale=C.UTF-8",
                  "--no-instructions"));
      if (fleeting) {
        arguments.add("--no-sync");
      }
      PostgresBinaries.Result result = PostgresBinaries.run(binaries.command("initdb", arguments));
      if (result.exitCode() != 0) {
        throw new LocalPostgresException(
            result.output().contains("unshare") ? Kind.MACHINE : Kind.FAILED,
            result.output().contains("unshare")
                ? "PostgreSQL refuses to run as root and user namespaces are not permitted here: "
                    + "run as another user, or set DATABASE_URL"
                : "initdb failed: " + result.output());
      }
      Files.move(fresh, data);
    } finally {
      Files.delete(passwordFile);
    }
  }

  private void insistOnOurs() throws IOException {
    Path version = data.resolve("PG_VERSION");
    if (!Files.isRegularFile(version) || !passwords.knows(LocalDatabases.SUPERUSER)) {
      throw new LocalPostgresException(
          Kind.NOT_OUR_DATA,
          data + " was not made by Weft: move it away, or choose another directory");
    }
    String major = Files.readString(version).strip();
    if (!major.equals(MAJOR)) {
      throw new LocalPostgresException(
          Kind.OTHER_VERSION,
          data
              + " is from PostgreSQL "
              + major
              + ", this is "
              + MAJOR
              + ": move it away, or upgrade it with pg_upgrade");
    }
  }

  private int insistOnFree(int wanted) throws IOException {
    try (ServerSocket probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), wanted));
      return wanted;
    } catch (java.net.BindException e) {
      throw new LocalPostgresException(
          Kind.PORT_TAKEN, "port " + wanted + " is taken by another program", e);
    }
  }

  private static FileChannel lock(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      FileLock lock = channel.tryLock();
      if (lock != null) {
        return channel;
      }
    } catch (OverlappingFileLockException e) {
      log.debug("{} is locked by this very process", file, e);
    }
    channel.close();
    throw new LocalPostgresException(
        Kind.IN_USE, file.getParent() + " is in use by another running Weft");
  }

  private static Path cache(Path home) {
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path parent =
        xdg == null || xdg.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(xdg);
    try {
      Files.createDirectories(parent);
      return Files.isWritable(parent) ? parent.resolve("weft") : home.resolve("binaries");
    } catch (IOException e) {
      log.debug("no cache directory, the programs are unpacked for this run alone", e);
      return home.resolve("binaries");
    }
  }

  private String lastWords() {
    try {
      List<String> lines = Files.readAllLines(home.resolve("postgres.log"));
      return String.join(" | ", lines.subList(Math.max(0, lines.size() - 5), lines.size()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
