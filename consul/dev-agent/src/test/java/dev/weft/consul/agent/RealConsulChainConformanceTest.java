package dev.weft.consul.agent;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/**
 * Chains as a real Consul compiles them: what is recorded is what it says. A Consul of another
 * version has other words and ids; then this is skipped and says so.
 */
@NullUnmarked // set before the first test
final class RealConsulChainConformanceTest extends ChainConformance {
  private static final String RECORD = System.getProperty("weft.chains.record", "");

  private RealConsul consul;
  private String version;

  @BeforeAll
  void start(@TempDir Path folder) throws IOException {
    consul = RealConsul.start(folder);
    version = String.valueOf(api().get("/v1/agent/self").isOk().at("Config", "Version"));
    if (!records() && !version.equals(recordedVersion())) {
      RealConsul.say(
          "SKIPPED: chains are recorded from Consul " + recordedVersion() + ", this is " + version);
      abort("chains are recorded from Consul " + recordedVersion());
    }
  }

  @AfterAll
  void stop() throws IOException {
    if (consul != null) {
      consul.close();
      if (records()) {
        Files.writeString(Path.of(RECORD), recording());
      }
    }
  }

  /** One answer a line, so that a change of one can be read. */
  private String recording() {
    StringBuilder text = new StringBuilder();
    answered.forEach(
        (set, answers) -> {
          text.append(text.isEmpty() ? "" : ",\n").append(line(set)).append(": [");
          String between = "\n  ";
          for (Object answer : answers) {
            text.append(between).append(line(answer));
            between = ",\n  ";
          }
          text.append("]");
        });
    return "{\"Consul\": " + line(version) + ", \"Answers\": {\n" + text + "}}\n";
  }

  @Override
  Api api() {
    return consul.api();
  }

  @Override
  boolean records() {
    return !RECORD.isEmpty();
  }
}
