package dev.weft.consul.agent;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The CA's part of the contract, kept by a real Consul. */
@NullUnmarked // set before the first test
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RealConsulConnectContractTest implements ConnectContract {
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
}
