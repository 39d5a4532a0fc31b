package dev.weft.consul.agent;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The end of a service, as told by a real Consul. Its clock cannot be moved: this takes a minute
 * and a half, of waiting only, so it is not among the tests that everybody runs.
 */
@Tag("minutes")
@NullUnmarked // set before the first test
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RealConsulReapContractTest implements ReapContract {
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

  @Override
  public void pass(Duration time) {
    await().pollDelay(time).atMost(time.plusSeconds(5)).until(() -> true);
  }
}
