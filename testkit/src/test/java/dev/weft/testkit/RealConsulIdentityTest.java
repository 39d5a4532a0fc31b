package dev.weft.testkit;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** The contract, with a real Consul. */
@NullUnmarked // set before the first test
final class RealConsulIdentityTest extends IdentityContract {
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
  URI registry() {
    return consul.url();
  }
}
