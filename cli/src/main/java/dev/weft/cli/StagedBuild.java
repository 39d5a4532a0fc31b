package dev.weft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The copy of the build that this run uses, in a folder of its own named by the hash of the
 * sources. The {@code weft} script makes it; a later build makes another.
 */
record StagedBuild(Path folder) {
  private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");

  static StagedBuild current() {
    String folder = System.getenv("WEFT_RUN");
    if (folder == null) {
      throw new Trouble("WEFT_RUN is not set: start this through ./weft");
    }
    return new StagedBuild(Path.of(folder));
  }

  /**
   * The command that runs a module's main class.
   *
   * @param heapMegabytes a bound, not a reservation
   */
  List<String> java(String module, String mainClass, int heapMegabytes) {
    List<String> command = new ArrayList<>();
    command.add(JAVA.toString());
    command.add("-Xmx" + heapMegabytes + "m");
    // Small processes on few cores: the serial collector and the first compiler tier cost the
    // least memory and start the quickest.
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:ReservedCodeCacheSize=32m",
            "-Xss512k",
            "-XX:+ExitOnOutOfMemoryError",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-cp",
            classpath(module),
            mainClass));
    return command;
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
