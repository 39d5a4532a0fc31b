package dev.weft.consul.agent;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The quiet part of the contract, kept by a real Consul. */
@NullUnmarked // set before the first test
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RealConsulQuietContractTest implements QuietContract {
  private RealConsul consul;

  @BeforeAll
  void start(@TempDir Path folder) throws IOException {
    consul = RealConsul.start(folder);
  }

  @AfterAll
  void stop() {
    if (consul != null) {
      consul.close();
    }
  }

  @Override
  public Api api() {
    return consul.api();
  }

  /** A real Consul's clock cannot be moved: the two minutes pass only where they are asked for. */
  @Override
  public void pass(Duration time) {
    if (System.getenv("WEFT_SLOW_TESTS") == null) {
      RealConsul.say(
          "SKIPPED on a real Consul, because it takes two minutes: the end of a service that stays"
              + " critical; set WEFT_SLOW_TESTS=1 to run it");
      abort("it takes two minutes: set WEFT_SLOW_TESTS=1");
    }
    await().pollDelay(time).atMost(time.plusSeconds(5)).until(() -> true);
  }
}
