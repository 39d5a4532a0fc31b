package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.LocalPostgresException.Kind;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.AbstractThrowableAssert;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalPostgresTest {
  @TempDir Path home;

  @Test
  void keepsWhatWasCommittedOverAStop() {
    try (LocalPostgres server = LocalPostgres.start(home, 0)) {
      execute(url(server, "orders"), "CREATE TABLE kept AS SELECT 42 AS answer");
    }
    try (LocalPostgres server = LocalPostgres.start(home, 0)) {
      assertThat(query(url(server, "orders"), "SELECT answer::text FROM kept")).isEqualTo("42");
    }
  }

  @Test
  void isDurableAndOnLoopbackOnly() {
    try (LocalPostgres server = LocalPostgres.start(home, 0)) {
      String url = url(server, "orders");
      assertThat(query(url, "SHOW fsync")).isEqualTo("on");
      assertThat(query(url, "SHOW synchronous_commit")).isEqualTo("on");
      assertThat(query(url, "SHOW full_page_writes")).isEqualTo("on");
      assertThat(query(url, "SHOW listen_addresses")).isEqualTo("127.0.0.1");
    }
  }

  /** A process that is restarted beside full pools has to find one. */
  @Test
  void hasConnectionsForThreeInstancesOfEachService() {
    int pools = 2;
    int others = 6;
    try (LocalPostgres server = LocalPostgres.start(home, 0)) {
      assertThat(Integer.parseInt(query(url(server, "orders"), "SHOW max_connections")))
          .isGreaterThanOrEqualTo(3 * 4 * (pools * DatabaseConfig.DEFAULT_POOL_MAX + others));
    }
  }

  @Test
  void letsEachRoleIntoItsOwnDatabaseOnlyAndOnlyWithItsPassword() throws IOException {
    try (LocalPostgres server = LocalPostgres.start(home, 0)) {
      String userUrl = url(server, "user_svc");
      String orderUrl = url(server, "order_svc");
      assertThat(query(orderUrl, "SELECT current_user")).isEqualTo("order_svc");
      assertThat(
              query(
                  orderUrl,
                  "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user"))
          .isEqualTo("f");
      execute(orderUrl, "CREATE TABLE own (id int)");
      DatabaseConfig order = DatabaseConfig.parse(orderUrl);
      for (String foreign : List.of("user_svc", "postgres", "template1")) {
        assertThatThrownBy(
                () ->
                    DriverManager.getConnection(
                        order.jdbcUrl().replaceAll("[^/]+$", foreign),
                        order.user(),
                        order.password()))
            .isInstanceOf(SQLException.class)
            .hasMessageContaining("permission denied for database");
      }
      assertThatThrownBy(() -> DriverManager.getConnection(order.jdbcUrl(), order.user(), "guess"))
          .hasMessageContaining("password authentication failed");
      assertThat(userUrl).doesNotContain(order.password());
      assertThat(
              PosixFilePermissions.toString(
                  Files.getPosixFilePermissions(home.resolve("passwords.properties"))))
          .isEqualTo("rw-------");
      assertThat(server.provision(List.of("order_svc"))).containsEntry("order_svc", orderUrl);
    }
  }

  @Test
  void runsAsTheChildOfItsCallerToo() throws Exception {
    try (LocalPostgres server = LocalPostgres.prepare(home, 0)) {
      ProcessBuilder builder =
          new ProcessBuilder(server.command())
              .redirectErrorStream(true)
              .redirectOutput(home.resolve("log").toFile());
      builder.environment().putAll(server.environment());
      Process process = builder.start();
      server.awaitReady(Duration.ofSeconds(20));
      assertThat(query(url(server, "orders"), "SELECT 'here'")).isEqualTo("here");
      server.stop();
      assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
    }
  }

  @Test
  void stopsAnOrphanOfAKilledOwnerAndKeepsItsData() throws Exception {
    Process owner = owner();
    long orphan = postmaster();
    // Take away what would end the server together with its owner.
    ProcessHandle watcher = watcherOf(orphan);
    assertThat(watcher.destroyForcibly()).isTrue();
    kill(owner);
    assertThat(ProcessHandle.of(orphan)).isPresent();
    try (LocalPostgres server = LocalPostgres.start(home, 0)) {
      assertThat(postmaster()).isNotEqualTo(orphan);
      await().until(() -> ProcessHandle.of(orphan).filter(ProcessHandle::isAlive).isEmpty());
      assertThat(query(url(server, "orders"), "SELECT answer::text FROM kept")).isEqualTo("42");
    }
  }

  @Test
  void endsWithItsOwnerEvenWhenThatIsKilled() throws Exception {
    Process owner = owner();
    ProcessHandle server = ProcessHandle.of(postmaster()).orElseThrow();
    kill(owner);
    await().atMost(Duration.ofSeconds(15)).until(() -> !server.isAlive());
  }

  @Test
  void startsAfterTheServerItselfWasKilled() throws Exception {
    try (LocalPostgres server = LocalPostgres.start(home, 0)) {
      execute(url(server, "orders"), "CREATE TABLE kept AS SELECT 42 AS answer");
      ProcessHandle postmaster = ProcessHandle.of(postmaster()).orElseThrow();
      assertThat(postmaster.destroyForcibly()).isTrue();
      postmaster.onExit().get(10, TimeUnit.SECONDS);
    }
    try (LocalPostgres server = LocalPostgres.start(home, 0)) {
      assertThat(query(url(server, "orders"), "SELECT answer::text FROM kept")).isEqualTo("42");
    }
  }

  @Test
  void leavesAProcessAloneThatHasTheNumberOfADeadServer() throws Exception {
    LocalPostgres.prepare(home, 0).close();
    Process bystander = new ProcessBuilder("sleep", "60").start();
    try {
      Files.write(
          home.resolve("data/postmaster.pid"),
          List.of(
              "" + bystander.pid(),
              home.resolve("data").toString(),
              "1",
              "1",
              "",
              "127.0.0.1",
              "0 0",
              "ready"));
      try (LocalPostgres server = LocalPostgres.start(home, 0)) {
        assertThat(query(url(server, "orders"), "SELECT 'here'")).isEqualTo("here");
      }
      assertThat(bystander.isAlive()).isTrue();
    } finally {
      bystander.destroyForcibly();
    }
  }

  @Test
  void startsOverWhenInitialisingWasCutShort() throws IOException {
    Files.createDirectories(home.resolve("data.new/base"));
    Files.writeString(home.resolve("data.new/PG_VERSION"), "18");
    try (LocalPostgres server = LocalPostgres.start(home, 0)) {
      assertThat(query(url(server, "orders"), "SELECT 'here'")).isEqualTo("here");
    }
  }

  @Test
  void refusesASecondOwner() {
    try (LocalPostgres first = LocalPostgres.start(home, 0)) {
      refuses(Kind.IN_USE, () -> LocalPostgres.start(home, 0));
      assertThat(query(url(first, "orders"), "SELECT 'here'")).isEqualTo("here");
    }
  }

  @Test
  void refusesASecondOwnerInAnotherProcess() throws Exception {
    Process owner = owner();
    try {
      refuses(Kind.IN_USE, () -> LocalPostgres.start(home, 0));
    } finally {
      ProcessHandle server = ProcessHandle.of(postmaster()).orElseThrow();
      kill(owner);
      await().atMost(Duration.ofSeconds(15)).until(() -> !server.isAlive());
    }
  }

  @Test
  void namesAPortThatIsTaken() throws IOException {
    try (ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      refuses(Kind.PORT_TAKEN, () -> LocalPostgres.start(home, other.getLocalPort()))
          .hasMessageContaining("" + other.getLocalPort());
    }
  }

  @Test
  void doesNotTouchWhatIsNotItsData() throws IOException {
    Path precious = home.resolve("data/thesis.txt");
    Files.createDirectories(precious.getParent());
    Files.writeString(precious, "years of work");
    refuses(Kind.NOT_OUR_DATA, () -> LocalPostgres.start(home, 0));
    assertThat(precious).hasContent("years of work");
    assertThat(home.resolve("data").toFile().list()).containsExactly("thesis.txt");
  }

  @Test
  void namesTheVersionOfDataItCannotRead() throws IOException {
    LocalPostgres.prepare(home, 0).close();
    Files.writeString(home.resolve("data/PG_VERSION"), "16\n");
    refuses(Kind.OTHER_VERSION, () -> LocalPostgres.start(home, 0)).hasMessageContaining("16");
  }

  private static AbstractThrowableAssert<?, LocalPostgresException> refuses(
      Kind kind, ThrowingCallable start) {
    return assertThatThrownBy(start)
        .asInstanceOf(type(LocalPostgresException.class))
        .satisfies(e -> assertThat(e.kind()).isEqualTo(kind))
        .asInstanceOf(
            org.assertj.core.api.InstanceOfAssertFactories.throwable(LocalPostgresException.class));
  }

  /** Another JVM that starts a server here and then waits for its own end. */
  private Process owner() throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                System.getProperty("java.home") + "/bin/java",
                "-cp",
                System.getProperty("java.class.path")));
    command.addAll(List.of(Owner.class.getName(), home.toString()));
    Process owner =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(home.resolve("owner.out").toFile())
            .start();
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> Files.readString(home.resolve("owner.out")).contains("ready"));
    return owner;
  }

  private static void kill(Process process) throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  private long postmaster() throws IOException {
    return Long.parseLong(
        Files.readAllLines(home.resolve("data/postmaster.pid")).getFirst().strip());
  }

  private static ProcessHandle watcherOf(long postmaster) {
    // The helper still carries the shell's command line, with the server's among its arguments.
    String command =
        ProcessHandle.of(postmaster).orElseThrow().info().arguments().map(a -> a[1]).orElseThrow();
    return ProcessHandle.allProcesses()
        .filter(p -> p.pid() != postmaster)
        .filter(p -> p.info().command().stream().anyMatch(c -> c.endsWith("sh")))
        .filter(p -> p.info().commandLine().stream().anyMatch(line -> line.contains(command)))
        .findFirst()
        .orElseThrow();
  }

  private static String url(LocalPostgres server, String name) {
    return Objects.requireNonNull(server.provision(List.of(name)).get(name));
  }

  private static void execute(String url, String sql) {
    jdbi(url).useHandle(handle -> handle.execute(sql));
  }

  private static String query(String url, String sql) {
    return jdbi(url).withHandle(handle -> handle.createQuery(sql).mapTo(String.class).one());
  }

  private static Jdbi jdbi(String url) {
    DatabaseConfig config = DatabaseConfig.parse(url);
    return Jdbi.create(config.jdbcUrl(), config.user(), config.password());
  }

  /** The main class of the other JVM. */
  static final class Owner {
    private Owner() {}

    public static void main(String[] arguments) throws InterruptedException {
      LocalPostgres server = LocalPostgres.start(Path.of(arguments[0]), 0);
      execute(url(server, "orders"), "CREATE TABLE kept AS SELECT 42 AS answer");
      System.out.println("ready");
      Thread.currentThread().join();
    }
  }
}
