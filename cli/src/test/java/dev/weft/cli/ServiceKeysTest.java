package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.AlgorithmParameters;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServiceKeysTest {
  @TempDir private Path dir;

  @Test
  void thePublishedKeyVerifiesWhatThePrivateKeySigned() throws Exception {
    ServiceKeys keys = ServiceKeys.in(dir, List.of("order-svc", "user-svc"));
    byte[] text = {1, 2, 3};
    var signer = Signature.getInstance("SHA256withECDSA");
    String pem =
        Files.readString(keys.privateKey("order-svc")).replaceAll("-----[^-]+-----|\\s", "");
    signer.initSign(
        KeyFactory.getInstance("EC")
            .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem))));
    signer.update(text);

    JsonNode jwk = new ObjectMapper().readTree(keys.set().toFile()).path("keys").get(0);

    assertThat(jwk.path("kid").asText()).isEqualTo("order-svc");
    var verifier = Signature.getInstance("SHA256withECDSA");
    var parameters = AlgorithmParameters.getInstance("EC");
    parameters.init(new ECGenParameterSpec("secp256r1"));
    var point = new ECPoint(coordinate(jwk, "x"), coordinate(jwk, "y"));
    verifier.initVerify(
        KeyFactory.getInstance("EC")
            .generatePublic(
                new ECPublicKeySpec(point, parameters.getParameterSpec(ECParameterSpec.class))));
    verifier.update(text);
    assertThat(verifier.verify(signer.sign())).isTrue();
  }

  @Test
  void keysOutliveARestartAndAreReadableByTheirOwnerOnly() throws Exception {
    ServiceKeys keys = ServiceKeys.in(dir, List.of("order-svc"));
    String before = Files.readString(keys.privateKey("order-svc"));

    ServiceKeys.in(dir, List.of("order-svc", "user-svc"));

    assertThat(keys.privateKey("order-svc")).content().isEqualTo(before);
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(keys.privateKey("order-svc"))))
        .isEqualTo("rw-------");
  }

  @Test
  void aKeyMadeLaterStaysInTheSetWhenTheSystemStartsAgain() throws Exception {
    List<String> services = List.of("order-svc", "user-svc");
    ServiceKeys.in(dir, services);
    ServiceKeys.in(dir, List.of("greeter-svc"));

    ServiceKeys keys = ServiceKeys.in(dir, services);

    assertThat(new ObjectMapper().readTree(keys.set().toFile()).findValuesAsText("kid"))
        .containsExactly("greeter-svc", "order-svc", "user-svc");
  }

  private static BigInteger coordinate(JsonNode jwk, String name) {
    return new BigInteger(1, Base64.getUrlDecoder().decode(jwk.path(name).asText()));
  }
}
