package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWKSet;
import dev.weft.durable.Database;
import dev.weft.mesh.ServiceKeys;
import dev.weft.testkit.PostgresExtension;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class SigningKeysTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir static Path directory;
  private final SigningKeyStore store = new SigningKeyStore();
  private final KeySeal seal = seal("user-svc");

  @BeforeEach
  void begin() {
    postgres.database().inTransactionVoid(tx -> tx.execute("DELETE FROM signing_key"));
  }

  @AfterEach
  void presentTime() {
    postgres.database().shiftClock(Duration.ZERO);
  }

  @Test
  void areMadeOnceForAllInstances() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<SigningKeys> instances = IntStream.range(0, 4).mapToObj(_ -> keys(seal)).toList();
      threads.invokeAll(instances.stream().map(keys -> Executors.callable(keys::refresh)).toList());

      assertThat(instances.stream().map(keys -> keys.signer(now()).kid()).distinct()).hasSize(1);
      assertThat(instances).allSatisfy(keys -> assertThat(keys.published()).hasSize(1));
    }
  }

  @Test
  void signWholeSecondsFromTheFirstOn() {
    SigningKeys keys = refreshed(seal);

    assertThat(keys.signer(Instant.ofEpochSecond(now().getEpochSecond())).kid()).isNotEmpty();
  }

  @Test
  void areFollowedByANextThatIsPublishedADayAhead() {
    SigningKeys keys = refreshed(seal);
    String first = keys.signer(now()).kid();

    shift(SigningKeys.PERIOD.minus(SigningKeys.LEAD).minus(Duration.ofMinutes(1)));
    keys.refresh();
    assertThat(keys.published()).hasSize(1);

    shift(SigningKeys.PERIOD.minus(SigningKeys.LEAD).plus(Duration.ofMinutes(1)));
    keys.refresh();
    assertThat(keys.published()).hasSize(2);
    assertThat(keys.signer(now()).kid()).isEqualTo(first);

    shift(SigningKeys.PERIOD.plus(Duration.ofSeconds(1)));
    keys.refresh();
    assertThat(keys.signer(now()).kid()).isNotEqualTo(first);
    assertThat(keys.published()).extracting(ECKey::getKeyID).contains(first);

    shift(SigningKeys.PERIOD.plus(Duration.ofMinutes(10)));
    keys.refresh();
    assertThat(keys.published()).extracting(ECKey::getKeyID).doesNotContain(first).hasSize(1);
    assertThat(postgres.database().inTransaction(store::sweep)).isEqualTo(1);
  }

  @Test
  void areReadAgainWhenTheClockHasMovedOn() {
    SigningKeys keys = refreshed(seal);
    String first = keys.signer(now()).kid();

    shift(SigningKeys.PERIOD.multipliedBy(3));
    assertThat(keys.signer(now()).kid()).isNotEqualTo(first);
  }

  @Test
  void areReplacedByDeletingThem() {
    SigningKeys keys = refreshed(seal);
    String leaked = keys.signer(now()).kid();

    begin();
    keys.refresh();
    assertThat(keys.signer(now()).kid()).isNotEqualTo(leaked);
    assertThat(keys.published()).extracting(ECKey::getKeyID).doesNotContain(leaked);
  }

  @Test
  void areMadeAnewWhenTheSealIsLostAndStillVerify() {
    String first = refreshed(seal).signer(now()).kid();

    SigningKeys others = refreshed(seal("order-svc"));
    assertThat(others.signer(now()).kid()).isNotEqualTo(first);
    assertThat(others.published()).extracting(ECKey::getKeyID).contains(first).hasSize(2);
  }

  @Test
  void areWaitedForByTheirOwnProcess() throws Exception {
    SigningKeys keys = keys(seal);
    RevocationFeed feed =
        new RevocationFeed(postgres.database(), new RevocationStore(), InstantSource.system());
    OwnKeys own = new OwnKeys(keys, feed);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<String> asked = threads.submit(own::jwks);
      keys.refresh();

      assertThat(asked.get()).isEqualTo(keys.jwks()).contains("\"kid\"");
    }
  }

  @Test
  void arePublishedWithoutTheirPrivateHalf() throws Exception {
    JWKSet jwks = JWKSet.parse(refreshed(seal).jwks());

    assertThat(jwks.getKeys()).hasSize(1).noneMatch(key -> key.isPrivate());
    assertThat(jwks.getKeys().getFirst().getKeyID()).isNotEmpty();
    assertThat(jwks.getKeys().getFirst().getAlgorithm().getName()).isEqualTo("ES256");
  }

  @Test
  void lieSealedInTheDatabase() throws Exception {
    String d = ECKey.parse(openedKey()).getD().toString();
    String row =
        postgres
            .database()
            .read(
                tx ->
                    tx.createQuery("SELECT signing_key::text FROM signing_key")
                        .mapTo(String.class)
                        .one());

    assertThat(row).doesNotContain(d).doesNotContain("\"d\"");
  }

  private String openedKey() {
    refreshed(seal);
    SigningKeyStore.Row row = postgres.database().inTransaction(store::all).getFirst();
    return seal.open(row.kid(), row.sealedKey()).orElseThrow();
  }

  private SigningKeys keys(KeySeal seal) {
    return new SigningKeys(postgres.database(), store, seal);
  }

  private SigningKeys refreshed(KeySeal seal) {
    SigningKeys keys = keys(seal);
    keys.refresh();
    return keys;
  }

  private static Instant now() {
    Database database = postgres.database();
    return database.inTransaction(UserStore::now);
  }

  private static void shift(Duration offset) {
    postgres.database().shiftClock(offset);
  }

  private static KeySeal seal(String service) {
    try {
      ServiceKeys.generate(directory, List.of(service));
      return KeySeal.of(Files.readString(ServiceKeys.keyFile(directory, service)));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
