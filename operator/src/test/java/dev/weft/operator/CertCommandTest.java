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
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
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
                _ -> ConsulConfig.of(agent.url().toString(), Optional.empty()),
                _ -> {
                  throw new AssertionError("no process is asked");
                })
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

  private PrivateKey key() throws IOException, GeneralSecurityException {
    String pem = Files.readString(folder.resolve("certs").resolve("order-svc.key"));
    assertThat(pem).startsWith("-----BEGIN PRIVATE KEY-----\n");
    byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
    return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
  }

  @Test
  void writesACertificateItsKeyAndTheRoots() throws IOException, GeneralSecurityException {
    assertThat(cert("order-svc", "--out", folder.resolve("certs").toString()))
        .as(err.toString())
        .isZero();
    X509Certificate certificate = read("order-svc.crt");
    certificate.verify(read("roots.crt").getPublicKey());
    certificate.checkValidity();
    String id = String.valueOf(certificate.getSubjectAlternativeNames());
    assertThat(id).startsWith("[[6, spiffe://").endsWith("/ns/default/dc/dc1/svc/order-svc]]");
    byte[] something = {1, 2, 3};
    Signature signature = Signature.getInstance("SHA256withECDSA");
    signature.initSign(key());
    signature.update(something);
    byte[] signed = signature.sign();
    signature.initVerify(certificate.getPublicKey());
    signature.update(something);
    assertThat(signature.verify(signed)).as("the key is the certificate's").isTrue();
    assertThat(out.toString())
        .contains(
            "/ns/default/dc/dc1/svc/order-svc until " + certificate.getNotAfter().toInstant(),
            "grpcurl -insecure -cert " + folder,
            "buf curl --insecure --cert " + folder);
  }

  @Test
  void takesThePlaceOfOlderFilesThatOthersCouldRead() throws Exception {
    Path certs = Files.createDirectories(folder.resolve("certs"));
    for (String name :
        List.of("order-svc.crt", "order-svc.key", "roots.crt", "order-svc.key.new")) {
      Files.writeString(certs.resolve(name), "old");
      Files.setPosixFilePermissions(
          certs.resolve(name), PosixFilePermissions.fromString("rw-rw-rw-"));
    }

    assertThat(cert("order-svc", "--out", certs.toString())).as(err.toString()).isZero();

    assertThat(read("order-svc.crt").getPublicKey().getAlgorithm()).isEqualTo(key().getAlgorithm());
    assertThat(certs).isDirectoryNotContaining("glob:**.new");
    try (Stream<Path> files = Files.list(certs)) {
      assertThat(files)
          .hasSize(3)
          .allSatisfy(
              file -> {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-------");
                assertThat(file).content().startsWith("-----BEGIN ");
              });
    }
  }

  @Test
  void saysWhatItCannotDoAndWritesNothing() throws IOException {
    for (String name : List.of("Order", "../order-svc", "")) {
      assertThat(cert(name, "--out", folder.toString())).as(name).isEqualTo(Trouble.USAGE);
    }
    assertThat(err.toString()).contains("Order is no name of a service");
    Path file = Files.createFile(folder.resolve("file"));
    assertThat(cert("order-svc", "--out", file.toString())).isEqualTo(Trouble.FAILED);
    assertThat(err.toString()).contains("weft: cannot write to " + file);
    agent.close();
    assertThat(cert("order-svc", "--out", folder.toString())).isEqualTo(Trouble.FAILED);
    assertThat(err.toString()).contains("weft: no certificate: ").contains("cannot connect");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }
}
