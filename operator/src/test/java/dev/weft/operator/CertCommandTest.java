package dev.weft.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.consul.ConsulConfig;
import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code ./weft cert} against the agent that {@code ./weft up} starts. */
class CertCommandTest {
  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private DevAgent agent;

  @BeforeEach
  void start() throws IOException {
    agent = DevAgent.start(DevAgentConfig.inMemory());
  }

  @AfterEach
  void stop() {
    agent.close();
  }

  private int cert(String... arguments) {
    CommandLine command =
        Operator.commandLine(
                _ -> {
                  throw new AssertionError("no service is asked");
                },
                _ -> ConsulConfig.of(agent.url().toString(), Optional.empty()))
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true));
    List<String> all = new ArrayList<>(List.of("cert"));
    all.addAll(List.of(arguments));
    return command.execute(all.toArray(String[]::new));
  }

  private X509Certificate read(String name) throws IOException, GeneralSecurityException {
    try (InputStream in = Files.newInputStream(folder.resolve("certs").resolve(name))) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  @Test
  void writesACertificateItsKeyAndTheRoots() throws IOException, GeneralSecurityException {
    for (int again = 0; again < 2; again++) {
      assertThat(cert("order-svc", "--out", folder.resolve("certs").toString()))
          .as(err.toString())
          .isZero();
    }
    X509Certificate certificate = read("order-svc.crt");
    certificate.verify(read("roots.crt").getPublicKey());
    Path key = folder.resolve("certs").resolve("order-svc.key");
    assertThat(key).content().startsWith("-----BEGIN PRIVATE KEY-----\n");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(key)))
        .isEqualTo("rw-------");
    assertThat(out.toString())
        .contains("/ns/default/dc/dc1/svc/order-svc until ", "grpcurl -insecure -cert " + folder);
    assertThat(folder.resolve("certs")).isDirectoryNotContaining("glob:**.new");
  }

  @Test
  void saysWhatItCannotDo() {
    assertThat(cert("Order")).isEqualTo(Trouble.USAGE);
    agent.close();
    assertThat(cert("order-svc", "--out", folder.toString())).isEqualTo(Trouble.FAILED);
    assertThat(err.toString()).contains("weft: no certificate: ").contains("cannot connect");
  }
}
