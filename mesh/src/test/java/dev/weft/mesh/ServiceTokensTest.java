package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPairGenerator;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServiceTokensTest {
  private final SettableClock clock = new SettableClock();
  @TempDir Path directory;

  @BeforeEach
  void makeKeys() {
    ServiceKeys.generate(directory, List.of("order-svc", "user-svc"));
  }

  private ServiceTokens of(String service) {
    return open(
        service,
        Optional.of(ServiceKeys.keyFile(directory, service)),
        Optional.of(ServiceKeys.keysFile(directory)));
  }

  private ServiceTokens open(String service, Optional<Path> key, Optional<Path> keys) {
    return ServiceTokens.open(
        service,
        IdentityConfig.withoutTls("https://weft.example", "weft", "user-svc", key, keys),
        clock,
        clock);
  }

  private static void assertRefused(ServiceTokens tokens, String token) {
    Rejection rejection = catchThrowableOfType(Rejection.class, () -> tokens.verify(token));
    assertThat(rejection).isNotNull();
    assertThat(rejection.reason()).isEqualTo("SERVICE_TOKEN_INVALID");
  }

  @Test
  void aServiceProvesItsNameToTheOneItCalls() {
    String token = of("order-svc").tokenFor("user-svc").orElseThrow();

    assertThat(of("user-svc").verify(token)).isEqualTo("order-svc");
  }

  @Test
  void aTokenIsGoodForOneTargetOnly() {
    String token = of("order-svc").tokenFor("user-svc").orElseThrow();

    assertRefused(of("order-svc"), token);
  }

  @Test
  void aTokenIsUsedForHalfItsLifeAndRefusedAfterIt() {
    ServiceTokens order = of("order-svc");
    ServiceTokens user = of("user-svc");
    String first = order.tokenFor("user-svc").orElseThrow();
    clock.advance(Duration.ofSeconds(29));
    assertThat(order.tokenFor("user-svc")).contains(first);
    clock.advance(Duration.ofSeconds(1));
    String second = order.tokenFor("user-svc").orElseThrow();

    assertThat(second).isNotEqualTo(first);
    assertThat(user.verify(first)).isEqualTo("order-svc");
    clock.advance(Duration.ofSeconds(40));
    assertRefused(user, first);
    assertThat(user.verify(second)).isEqualTo("order-svc");
  }

  @Test
  void aServiceCannotSpeakForAnother() throws Exception {
    var key = ServiceKeys.read(Files.readString(ServiceKeys.keyFile(directory, "order-svc")));
    long now = clock.instant().getEpochSecond();
    String claims =
        "{\"iss\":\"weft-services\",\"sub\":\"%s\",\"aud\":\"user-svc\",\"iat\":%d,\"exp\":%d}";
    ServiceTokens user = of("user-svc");

    assertThat(
            user.verify(
                Jws.sign(
                    "order-svc",
                    ServiceTokens.TYPE,
                    claims.formatted("order-svc", now, now + 60),
                    key)))
        .isEqualTo("order-svc");
    assertRefused(
        user,
        Jws.sign(
            "order-svc", ServiceTokens.TYPE, claims.formatted("user-svc", now, now + 60), key));
    assertRefused(
        user,
        Jws.sign("user-svc", ServiceTokens.TYPE, claims.formatted("user-svc", now, now + 60), key));
    assertRefused(
        user,
        Jws.sign(
            "order-svc", ServiceTokens.TYPE, claims.formatted("order-svc", now, now + 61), key));
    assertRefused(
        user, Jws.sign("order-svc", "at+jwt", claims.formatted("order-svc", now, now + 60), key));
    assertRefused(user, "");
  }

  @Test
  void onlyServicesOfOursGetAToken() {
    ServiceTokens order = of("order-svc");

    assertThat(order.ours("user-svc")).isTrue();
    assertThat(order.ours("foreign-svc")).isFalse();
    assertThat(order.tokenFor("foreign-svc")).isEmpty();
  }

  @Test
  void withoutKeysNothingIsSentAndNobodyIsBelieved() {
    String token = of("order-svc").tokenFor("user-svc").orElseThrow();
    ServiceTokens bare = open("user-svc", Optional.empty(), Optional.empty());

    assertThat(bare.tokenFor("order-svc")).isEmpty();
    assertRefused(bare, token);
  }

  @Test
  void keysThatChangeAreReadAgain() throws Exception {
    ServiceTokens user = of("user-svc");
    ServiceTokens old = of("order-svc");
    String before = old.tokenFor("user-svc").orElseThrow();
    user.verify(before);
    Path next = Files.createDirectory(directory.resolve("next"));
    ServiceKeys.generate(next, List.of("order-svc", "user-svc", "payment-svc"));
    for (String service : List.of("order-svc", "user-svc", "payment-svc")) {
      Files.move(
          ServiceKeys.keyFile(next, service),
          ServiceKeys.keyFile(directory, service),
          StandardCopyOption.REPLACE_EXISTING);
    }
    Files.move(
        ServiceKeys.keysFile(next),
        ServiceKeys.keysFile(directory),
        StandardCopyOption.REPLACE_EXISTING);
    clock.advance(Duration.ofSeconds(1));

    assertRefused(user, before);
    assertThat(user.verify(of("payment-svc").tokenFor("user-svc").orElseThrow()))
        .isEqualTo("payment-svc");
  }

  @Test
  void aKeysFileThatBreaksLeavesTheKnownKeysInUse() throws Exception {
    ServiceTokens user = of("user-svc");
    String token = of("order-svc").tokenFor("user-svc").orElseThrow();
    Files.writeString(ServiceKeys.keysFile(directory), "{\"keys\":[");
    clock.advance(Duration.ofSeconds(1));

    assertThat(user.verify(token)).isEqualTo("order-svc");
    Files.delete(ServiceKeys.keysFile(directory));
    clock.advance(Duration.ofSeconds(1));
    assertThat(user.verify(token)).isEqualTo("order-svc");
  }

  @Test
  void filesThatDoNotHoldKeysAreNamedButNotShown() throws Exception {
    Path secret = Files.writeString(directory.resolve("secret.pem"), "hunter2");
    Path keys = Files.writeString(directory.resolve("keys.json"), "hunter2");

    assertThatThrownBy(() -> open("order-svc", Optional.of(secret), Optional.empty()))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("WEFT_SERVICE_KEY_FILE")
        .hasMessageNotContaining("hunter2");
    assertThatThrownBy(() -> open("order-svc", Optional.empty(), Optional.of(keys)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("WEFT_SERVICE_KEYS_FILE")
        .hasMessageNotContaining("hunter2");
  }

  @Test
  void aKeyOfAnotherCurveIsRefused() throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp384r1"));
    String pem =
        "-----BEGIN PRIVATE KEY-----\n"
            + Base64.getMimeEncoder()
                .encodeToString(generator.generateKeyPair().getPrivate().getEncoded())
            + "\n-----END PRIVATE KEY-----\n";

    assertThatThrownBy(() -> ServiceKeys.read(pem)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void keyFilesAreTheirOwnersOnly() throws Exception {
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(ServiceKeys.keyFile(directory, "order-svc"))))
        .isEqualTo("rw-------");
    assertThatCode(() -> ServiceKeys.generate(directory, List.of("order-svc")))
        .doesNotThrowAnyException();
  }
}
