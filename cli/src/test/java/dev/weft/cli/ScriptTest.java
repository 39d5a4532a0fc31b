package dev.weft.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The {@code weft} script, in a checkout of one source file. Its JDK and its Maven are scripts that
 * say which version they are; that JDK's programs hold on until their input ends.
 */
class ScriptTest {
  private static final Path SCRIPT = Path.of("..", "weft").toAbsolutePath().normalize();
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final List<String> MODULES =
      List.of(
          "consul/dev-agent",
          "user-svc",
          "inventory-svc",
          "payment-svc",
          "order-svc",
          "card-network",
          "edge-gateway",
          "cli",
          "operator");
  // What any Unix has; java and mvn are what these tests give or take away.
  private static final List<String> TOOLS =
      List.of(
          "bash",
          "cat",
          "chmod",
          "cp",
          "cut",
          "date",
          "dirname",
          "find",
          "grep",
          "head",
          "ls",
          "mkdir",
          "mv",
          "paste",
          "ps",
          "readlink",
          "rm",
          "sed",
          "sh",
          "sha256sum",
          "shasum",
          "sleep",
          "sort",
          "touch",
          "tr",
          "xargs");

  private final List<Process> started = new ArrayList<>();
  private Path root;
  private Path path;
  private Path jdks;

  @BeforeEach
  void checkout(@TempDir Path temporary) throws IOException {
    root = Files.createDirectories(temporary.resolve("a checkout"));
    path = Files.createDirectories(temporary.resolve("bin"));
    jdks = Files.createDirectories(temporary.resolve("jdks"));
    Files.copy(SCRIPT, root.resolve("weft"));
    for (String tool : TOOLS) {
      Optional<Path> file =
          Stream.of("/usr/bin", "/bin")
              .map(folder -> Path.of(folder, tool))
              .filter(Files::isExecutable)
              .findFirst();
      if (file.isPresent()) {
        program(path.resolve(tool), "exec " + file.get() + " \"$@\"");
      }
    }
    for (String module : MODULES) {
      Path target = Files.createDirectories(root.resolve(module).resolve("target"));
      Files.writeString(target.resolve(module.replace('/', '-') + "-0.1.0.jar"), "first");
      Files.writeString(target.resolve("classpath.txt"), "");
    }
    for (String module : List.of("platform", "proto")) {
      Path contracts = Files.createDirectories(root.resolve(module).resolve("target/contracts"));
      Files.writeString(contracts.resolve(module + ".binpb"), "");
    }
    source("first");
  }

  @AfterEach
  void end() {
    started.forEach(Process::destroyForcibly);
  }

  @Test
  void aMissingJdkIsOneLineThatSaysWhatToInstall() throws Exception {
    assertThat(failure("status"))
        .isEqualTo(
            "weft: no JDK 25 or newer found: install one (Temurin 25 is fine) or point JAVA_HOME at"
                + " it\n");
  }

  @Test
  void aJdkThatIsTooOldIsNamed() throws Exception {
    Path old = jdk("old", "17.0.15");

    assertThat(failure("up"))
        .isEqualTo(
            "weft: no JDK 25 or newer found: install one (Temurin 25 is fine) or point JAVA_HOME at"
                + " it; JDK 17 in "
                + old
                + " is too old\n");
  }

  @Test
  void anOldJdkIsPassedOverForANewerOne() throws Exception {
    jdk("a-old", "21.0.2");
    Path good = jdk("b-good", "25");

    assertThat(weft("jdk").inputReader().readLine()).isEqualTo(good.toString());
  }

  @Test
  void aMissingMavenIsOneLineThatSaysWhatToInstall() throws Exception {
    jdk("good", "25.0.3");

    assertThat(failure("up"))
        .isEqualTo("weft: Maven is missing: install Maven 3.8 or newer and put mvn on the PATH\n");
  }

  @Test
  void aMavenThatIsTooOldIsNamed() throws Exception {
    jdk("good", "25.0.3");
    Path mvn = maven("3.6.3", "exit 9");

    assertThat(failure("test"))
        .isEqualTo(
            "weft: Maven 3.6.3 ("
                + mvn
                + ") is too old: install Maven 3.8 or newer and put its mvn first on the PATH\n");
  }

  @Test
  void aNewerMavenIsTaken() throws Exception {
    jdk("good", "25.0.3");
    for (String version : List.of("3.8.1", "3.10.0", "4.0.0-rc-5")) {
      maven(version, "echo built by \"$JAVA_HOME\"");

      assertThat(weft("test").inputReader().readLine())
          .as(version)
          .isEqualTo("built by " + jdks.resolve("good"));
    }
  }

  @Test
  void aBuildLeavesAloneWhatRunsFromAnEarlierOne() throws Exception {
    jdk("good", "25.0.3");
    maven("3.8.7", "for jar in */target/*.jar; do echo second > \"$jar\"; done");
    Process running = running(weftBuilt("up"));
    Path first = onlyRunFolder();
    age(first);
    source("second");

    Process other = running(weft("up"));

    assertThat(runFolders()).hasSize(2).contains(first);
    assertThat(first.resolve("lib/cli-0.1.0.jar")).content().isEqualTo("first");
    assertThat(running.isAlive()).isTrue();
    assertThat(other.isAlive()).isTrue();

    stop(running);
    source("third");
    running(weft("up"));

    assertThat(runFolders()).hasSize(2).doesNotContain(first);
  }

  @Test
  void ofBuildsThatNobodyUsesAnyMoreThreeAreKeptForAnHour() throws Exception {
    jdk("good", "25.0.3");
    maven("3.8.7", "exit 0");
    for (int build = 1; build <= 6; build++) {
      source("build " + build);
      stop(running(weft("up")));
    }

    assertThat(runFolders()).hasSize(4);
    for (Path folder : runFolders()) {
      age(folder);
    }
    source("the last");
    running(weft("up"));
    assertThat(runFolders()).hasSize(1);
  }

  @Test
  void aFileSavedDuringABuildIsBuiltToo() throws Exception {
    jdk("good", "25.0.3");
    Path source = source("first");
    maven("3.8.7", "grep -q first '" + source + "' && echo second > '" + source + "'; exit 0");

    Process up = running(weft("up"));

    assertThat(up.errorReader().readLine()).startsWith("weft: building (");
    assertThat(up.errorReader().readLine())
        .isEqualTo("weft: the sources changed during the build; building again");
    Path built = onlyRunFolder();
    running(weftBuilt("up"));
    assertThat(onlyRunFolder()).isEqualTo(built);
  }

  @Test
  void aLinkToTheScriptRunsTheCheckoutItLeadsTo() throws Exception {
    jdk("good", "25.0.3");
    Path elsewhere = Files.createDirectories(root.resolveSibling("elsewhere"));
    Path first =
        Files.createSymbolicLink(elsewhere.resolve("first"), Path.of("../a checkout/weft"));
    Path second = Files.createSymbolicLink(path.resolve("weft"), first);

    Process up = running(start(second, true, "up"));

    assertThat(up.isAlive()).isTrue();
    assertThat(onlyRunFolder()).isDirectory();
    assertThat(elsewhere.toFile().list()).hasSize(1);
    assertThat(path.resolve(".weft")).doesNotExist();
  }

  @Test
  void helpNeedsNeitherAJdkNorABuild() throws Exception {
    for (String[] asked :
        new String[][] {{"--help"}, {"-h"}, {"up", "--help"}, {"dlq", "list", "-h"}}) {
      assertThat(words(0, asked).out()).as(String.join(" ", asked)).startsWith("usage: ./weft");
    }
    assertThat(words(0, "test", "--help").out()).startsWith("usage: ./weft test").hasLineCount(1);
    assertThat(root.resolve(".weft")).doesNotExist();
  }

  @Test
  void anUnknownCommandIsAUsageErrorThatBuildsNothing() throws Exception {
    assertThat(words(2, "nonsense").err())
        .startsWith("weft: unknown command nonsense\nusage: ./weft");
    assertThat(words(2).err()).startsWith("usage: ./weft");
    assertThat(root.resolve(".weft")).doesNotExist();
  }

  @Test
  void whatWasNeverBuiltDoesNotRun() throws Exception {
    jdk("good", "25.0.3");
    for (String command :
        List.of("status", "down", "key", "events", "dlq", "routes", "breaker", "split")) {
      assertThat(words(3, command).err()).isEqualTo("weft: not running: start it with ./weft up\n");
    }
    assertThat(root.resolve(".weft")).doesNotExist();
  }

  private record Words(String out, String err) {}

  /** All that a command says that ends with this code. */
  private Words words(int exitCode, String... arguments) throws Exception {
    Process process = weft(arguments);
    assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    var words =
        new Words(
            new String(process.getInputStream().readAllBytes(), UTF_8),
            new String(process.getErrorStream().readAllBytes(), UTF_8));
    assertThat(process.exitValue()).as("%s", words).isEqualTo(exitCode);
    return words;
  }

  /** The only line on stderr of a command that fails with nothing else said or made. */
  private String failure(String... arguments) throws Exception {
    Process process = weft(arguments);
    assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(1);
    assertThat(process.inputReader().lines()).isEmpty();
    return new String(process.getErrorStream().readAllBytes(), UTF_8);
  }

  private Process weft(String... arguments) throws IOException {
    return start(false, arguments);
  }

  private Process weftBuilt(String... arguments) throws IOException {
    return start(true, arguments);
  }

  private Process start(boolean built, String... arguments) throws IOException {
    return start(root.resolve("weft"), built, arguments);
  }

  private Process start(Path script, boolean built, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("bash", script.toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().put("PATH", path.toString());
    builder.environment().put("WEFT_JDK_FOLDERS", jdks.toString());
    if (built) {
      builder.environment().put("WEFT_BUILT", "1");
    }
    Process process = builder.start();
    started.add(process);
    return process;
  }

  /** Returns once the script has handed over to the program. */
  private static Process running(Process process) {
    await()
        .atMost(LIMIT)
        .until(
            () ->
                process
                    .info()
                    .arguments()
                    .map(List::of)
                    .filter(arguments -> arguments.contains("dev.weft.cli.Weft"))
                    .isPresent());
    return process;
  }

  private static void stop(Process process) throws Exception {
    process.getOutputStream().close();
    assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
  }

  private Path jdk(String name, String version) throws IOException {
    Path home = jdks.resolve(name);
    program(
        home.resolve("bin/java"),
        "if [ \"$1\" = -version ]; then echo 'openjdk version \"" + version + "\"' >&2; exit; fi",
        "read -r line");
    program(home.resolve("bin/javac"), "exit 0");
    return home;
  }

  private Path maven(String version, String build) throws IOException {
    return program(
        path.resolve("mvn"),
        "if [ \"$2\" = -version ]; then echo 'Apache Maven " + version + " (x)'; exit; fi",
        build);
  }

  private static Path program(Path file, String... lines) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/sh\n" + String.join("\n", lines) + "\n");
    assertThat(file.toFile().setExecutable(true)).isTrue();
    return file;
  }

  private Path source(String content) throws IOException {
    Path file = root.resolve("cli/src/main/Source.java");
    Files.createDirectories(file.getParent());
    return Files.writeString(file, content);
  }

  private static void age(Path folder) throws IOException {
    Files.setLastModifiedTime(folder, FileTime.from(Instant.now().minus(Duration.ofMinutes(90))));
  }

  private Path onlyRunFolder() throws IOException {
    assertThat(runFolders()).hasSize(1);
    return runFolders().getFirst();
  }

  private List<Path> runFolders() throws IOException {
    try (Stream<Path> folders = Files.list(root.resolve(".weft/run"))) {
      return folders.toList();
    }
  }
}
