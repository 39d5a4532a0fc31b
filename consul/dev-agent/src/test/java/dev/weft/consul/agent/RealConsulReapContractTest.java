package dev.weft.consul.agent;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * The end of a service, as told by a real Consul. Its clock cannot be moved: this takes a minute
 * and a half, of waiting only, beside all other tests of the module.
 */
@NullUnmarked // set before the first test
@Execution(ExecutionMode.CONCURRENT)
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
