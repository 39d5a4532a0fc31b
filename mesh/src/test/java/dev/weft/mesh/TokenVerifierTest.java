package dev.weft.mesh;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.nimbusds.jose.util.Base64URL;
import io.grpc.Status;
import java.math.BigInteger;
import java.security.KeyPair;
import java.security.interfaces.ECPublicKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/**
 * Hostile tokens, row by row, and how the verifier lives with an issuer that changes or is away.
 */
@Timeout(30)
class TokenVerifierTest {
  private static final String HEADER = "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}";
  private static final BigInteger ORDER =
      new BigInteger("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16);

  private final SettableClock clock = new SettableClock();
  private final TestIssuer issuer = new TestIssuer(clock);
  private final TokenVerifier verifier =
      TokenVerifier.open(TestIssuer.CONFIG, issuer, clock, clock);

  @AfterEach
  void close() {
    verifier.close();
  }

  private String refusal(String token) {
    Rejection rejection = catchThrowableOfType(Rejection.class, () -> verifier.verify(token));
    assertThat(rejection).as("accepted: %s", token).isNotNull();
    assertThat(rejection.code()).isIn(Status.Code.UNAUTHENTICATED, Status.Code.UNAVAILABLE);
    return rejection.reason();
  }

  @Test
  void acceptsATokenOfTheIssuer() {
    Caller.User user = verifier.verify(issuer.token());

    assertThat(user.id()).isEqualTo("user-1");
    assertThat(user.tokenId()).isEqualTo("jti-1");
    assertThat(user.roles()).containsExactly("customer");
    assertThat(user.expiresAt()).isEqualTo(clock.instant().plusSeconds(300));
    assertThat(user.admin()).isFalse();
  }

  @TestFactory
  Stream<DynamicTest> refusesWhatTheIssuerWouldNotHaveMade() throws Exception {
    return hostile().entrySet().stream()
        .map(
            row ->
                DynamicTest.dynamicTest(
                    row.getKey(),
                    () -> {
                      assertThat(refusal(row.getValue())).isEqualTo(TokenVerifier.INVALID);
                      // A second time, too: nothing of it was remembered.
                      assertThat(refusal(row.getValue())).isEqualTo(TokenVerifier.INVALID);
                      assertThat(issuer.fetches.get()).isLessThanOrEqualTo(2);
                      assertThatCode(() -> verifier.verify(issuer.token()))
                          .doesNotThrowAnyException();
                    }));
  }

  /** The rows of the table of bad input, A2 to A13; A1 is the interceptor's. */
  private Map<String, String> hostile() throws Exception {
    Map<String, String> rows = new TreeMap<>();
    String payload = issuer.payload("user-1", "jti-1");
    String good = issuer.token();
    String unsigned = good.substring(0, good.lastIndexOf('.') + 1);
    String signature = good.substring(unsigned.length());
    rows.put("A1 empty", "");
    for (String alg : List.of("none", "None", "nOnE")) {
      rows.put(
          "A2 alg " + alg,
          TestIssuer.base64(HEADER.replace("ES256", alg)) + "." + TestIssuer.base64(payload) + ".");
      rows.put(
          "A2 alg " + alg + " signed", issuer.sign(HEADER.replace("ES256", alg), payload, "k1"));
    }
    rows.put("A2 empty signature", unsigned);
    ECPublicKey publicKey = (ECPublicKey) issuer.key("k1").getPublic();
    byte[] der = publicKey.getEncoded();
    String pem =
        "-----BEGIN PUBLIC KEY-----\n"
            + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der)
            + "\n-----END PUBLIC KEY-----";
    rows.put("A3 HS256 with the DER of the public key", hmac(payload, der));
    rows.put("A3 HS256 with the PEM of the public key", hmac(payload, pem.getBytes(UTF_8)));
    rows.put("A3 HS256 with the PEM and a newline", hmac(payload, (pem + "\n").getBytes(UTF_8)));
    for (String alg : List.of("PS256", "ES384", "ES512", "RS256", "EdDSA", "es256", "XX")) {
      rows.put("A4 alg " + alg, issuer.sign(HEADER.replace("ES256", alg), payload, "k1"));
    }
    rows.put("A4 alg missing", issuer.sign("{\"typ\":\"at+jwt\",\"kid\":\"k1\"}", payload, "k1"));
    rows.put(
        "A4 alg not a string",
        issuer.sign(HEADER.replace("\"ES256\"", "[\"ES256\"]"), payload, "k1"));
    rows.put("A4 b64 false", withHeader(payload, "\"b64\":false,\"crit\":[\"b64\"]"));
    rows.put("A4 crit unknown", withHeader(payload, "\"crit\":[\"exp\"],\"exp\":1"));
    rows.put("A4 crit empty", withHeader(payload, "\"crit\":[]"));
    rows.put("A4 compressed", withHeader(payload, "\"zip\":\"DEF\""));
    rows.put("A4 JWE", "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSJ9.a.b.c.d");
    rows.put("A4 nested", issuer.sign(HEADER, "\"" + good + "\"", "k1"));
    rows.put("A4 nested by cty", withHeader(payload, "\"cty\":\"JWT\""));
    rows.put(
        "A4 JSON serialisation",
        "{\"payload\":\"" + TestIssuer.base64(payload) + "\",\"signature\":\"" + signature + "\"}");
    String jwk = ServiceKeys.jwks(Map.of("evil", publicKey));
    rows.put("A5 jku", withHeader(payload, "\"jku\":\"http://127.0.0.1:9/evil\""));
    rows.put("A5 x5u", withHeader(payload, "\"x5u\":\"http://127.0.0.1:9/evil\""));
    rows.put(
        "A5 jwk",
        withHeader(
            payload, "\"jwk\":" + jwk.substring(jwk.indexOf('[') + 1, jwk.lastIndexOf(']'))));
    rows.put("A5 x5c", withHeader(payload, "\"x5c\":[\"MIIB\"]"));
    for (String keyId :
        List.of(
            "\"unknown\"",
            "\"\"",
            "\"../../dev/null\"",
            "\"' UNION SELECT\"",
            "\"" + "k".repeat(10_000) + "\"",
            "\"" + "k".repeat(200) + "\"",
            "[\"k1\"]",
            "1",
            "null",
            "{}")) {
      rows.put(
          "A6 kid " + shortened(keyId),
          issuer.sign(HEADER.replace("\"k1\"", keyId), payload, "k1"));
    }
    rows.put(
        "A6 kid missing", issuer.sign("{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", payload, "k1"));
    rows.put(
        "A6 kid doubled",
        issuer.sign(
            "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k1\",\"kid\":\"k1\"}", payload, "k1"));
    long now = clock.instant().getEpochSecond();
    for (String exp :
        List.of(
            "\"" + (now + 300) + "\"",
            (now + 300) + ".0",
            (now + 300) + ".5",
            "1e400",
            "1e10",
            "-1",
            "9223372036854775807",
            "99999999999999999999",
            "true",
            "null",
            "[1]")) {
      rows.put("A7 exp " + exp, issuer.token(payload.replaceAll("\"exp\":\\d+", "\"exp\":" + exp)));
    }
    rows.put("A7 exp missing", issuer.token(payload.replaceAll("\"exp\":\\d+,", "")));
    rows.put("A7 iat missing", issuer.token(payload.replaceAll("\"iat\":\\d+,", "")));
    rows.put(
        "A7 iat in the future", issuer.token(issuer.payload("user-1", "j", now + 60, now + 300)));
    rows.put("A7 nbf in the future", with(payload, "\"nbf\":" + (now + 60)));
    rows.put("A7 nbf a string", with(payload, "\"nbf\":\"" + now + "\""));
    rows.put(
        "A7 lifetime over the policy", issuer.token(issuer.payload("user-1", "j", now, now + 601)));
    rows.put("A7 exp before iat", issuer.token(issuer.payload("user-1", "j", now, now - 1)));
    rows.put(
        "A8 iss wrong",
        issuer.token(payload.replace("https://weft.example", "https://weft.example/")));
    rows.put(
        "A8 iss missing", issuer.token(payload.replace("\"iss\":\"https://weft.example\",", "")));
    rows.put(
        "A8 iss an array",
        issuer.token(payload.replace("\"https://weft.example\"", "[\"https://weft.example\"]")));
    rows.put(
        "A8 aud wrong", issuer.token(payload.replace("\"aud\":\"weft\"", "\"aud\":\"other\"")));
    rows.put(
        "A8 aud an array", issuer.token(payload.replace("\"aud\":\"weft\"", "\"aud\":[\"weft\"]")));
    rows.put("A8 aud missing", issuer.token(payload.replace("\"aud\":\"weft\",", "")));
    rows.put("A8 typ missing", issuer.sign("{\"alg\":\"ES256\",\"kid\":\"k1\"}", payload, "k1"));
    for (String typ :
        List.of("JWT", "rt+jwt", "AT+JWT", "application/at+jwt", ServiceTokens.TYPE)) {
      rows.put("A8 typ " + typ, issuer.sign(HEADER.replace("at+jwt", typ), payload, "k1"));
    }
    TestIssuer elsewhere = new TestIssuer(clock);
    rows.put("A8 key of another environment", elsewhere.token());
    for (String sub :
        List.of("\"\"", "1", "null", "[\"user-1\"]", "\"" + "x".repeat(256) + "\"", "\"a\\nb\"")) {
      rows.put("A9 sub " + shortened(sub), issuer.token(payload.replace("\"user-1\"", sub)));
    }
    rows.put("A9 sub missing", issuer.token(payload.replace("\"sub\":\"user-1\",", "")));
    rows.put("A9 jti missing", issuer.token(payload.replace("\"jti\":\"jti-1\",", "")));
    byte[] raw = Base64.getUrlDecoder().decode(signature);
    rows.put("A10 signature truncated", good.substring(0, good.length() - 2));
    rows.put(
        "A10 signature of another token",
        unsigned + issuer.token(issuer.payload("user-2", "j")).substring(unsigned.length()));
    rows.put("A10 r and s zero", unsigned + TestIssuer.base64(new byte[64]));
    rows.put("A10 r and s the order", unsigned + TestIssuer.base64(rAndS(ORDER, ORDER)));
    rows.put("A10 s plus the order", unsigned + TestIssuer.base64(sPlusOrder(raw)));
    rows.put(
        "A10 signature in DER",
        unsigned
            + TestIssuer.base64(
                TestIssuer.signature(
                    "SHA256withECDSA",
                    issuer.key("k1").getPrivate(),
                    unsigned.substring(0, unsigned.length() - 1))));
    rows.put("A10 padding", good + "=");
    rows.put("A10 double padding", good + "==");
    rows.put("A10 white space at the end", good + " ");
    rows.put("A10 white space at the start", " " + good);
    rows.put("A10 newline within", good.substring(0, 20) + "\n" + good.substring(20));
    rows.put(
        "A10 standard alphabet",
        unsigned + Base64.getEncoder().withoutPadding().encodeToString(withByte(raw)));
    rows.put("A10 stray bits", unsigned + strayBits(signature));
    rows.put("A10 one dot more", good + ".");
    rows.put("A10 dots only", "..");
    rows.put("A10 not ASCII", good.replace('.', '\uff0e'));
    rows.put("A10 1 MB", good + "A".repeat(1_000_000));
    rows.put(
        "A10 just over 8 kB, well signed", with(payload, "\"pad\":\"" + "x".repeat(8_192) + "\""));
    rows.put(
        "A10 claims nested deeply",
        with(payload, "\"deep\":" + "[".repeat(2_500) + "]".repeat(2_500)));
    rows.put(
        "A10 header nested deeply",
        withHeader(payload, "\"deep\":" + "[".repeat(2_500) + "]".repeat(2_500)));
    rows.put("A10 not JSON", issuer.token("hello"));
    rows.put("A10 an array", issuer.token("[]"));
    rows.put("A10 trailing text", issuer.token(payload + "{}"));
    rows.put("A10 not UTF-8", notUtf8(payload));
    for (String roles :
        List.of(
            "\"admin\"",
            "{\"admin\":true}",
            "[[\"admin\"]]",
            "[{\"a\":1}]",
            "[1]",
            "[null]",
            "[\"\"]",
            "null",
            "true")) {
      rows.put("A13 roles " + roles, issuer.token(payload.replace("[\"customer\"]", roles)));
    }
    rows.put("A13 roles missing", issuer.token(payload.replace(",\"roles\":[\"customer\"]", "")));
    rows.put("A13 roles doubled", with(payload, "\"roles\":[\"admin\"]"));
    rows.put("A13 sub doubled", with(payload, "\"sub\":\"user-2\""));
    rows.put(
        "A13 too many roles",
        issuer.token(payload.replace("\"customer\"", "\"r\",".repeat(40) + "\"r\"")));
    return rows;
  }

  private String with(String payload, String claim) {
    return issuer.token(payload.substring(0, payload.length() - 1) + "," + claim + "}");
  }

  private String withHeader(String payload, String parameter) {
    return issuer.sign(
        HEADER.substring(0, HEADER.length() - 1) + "," + parameter + "}", payload, "k1");
  }

  private String notUtf8(String payload) {
    byte[] bytes = payload.getBytes(UTF_8);
    bytes[payload.indexOf("user-1")] = (byte) 0xff;
    String input = TestIssuer.base64(HEADER) + "." + TestIssuer.base64(bytes);
    return input
        + "."
        + TestIssuer.base64(
            TestIssuer.signature(
                "SHA256withECDSAinP1363Format", issuer.key("k1").getPrivate(), input));
  }

  private static String hmac(String payload, byte[] secret) throws Exception {
    String input =
        TestIssuer.base64(HEADER.replace("ES256", "HS256")) + "." + TestIssuer.base64(payload);
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(secret, "HmacSHA256"));
    return input + "." + TestIssuer.base64(mac.doFinal(input.getBytes(UTF_8)));
  }

  private static byte[] rAndS(BigInteger r, BigInteger s) {
    byte[] bytes = new byte[64];
    put(bytes, 0, r);
    put(bytes, 32, s);
    return bytes;
  }

  private static void put(byte[] bytes, int at, BigInteger value) {
    byte[] signed = value.toByteArray();
    int length = Math.min(signed.length, 32);
    System.arraycopy(signed, signed.length - length, bytes, at + 32 - length, length);
  }

  /** The same number modulo the order, in one byte more than a signature has. */
  private static byte[] sPlusOrder(byte[] raw) {
    byte[] s = new BigInteger(1, Arrays.copyOfRange(raw, 32, 64)).add(ORDER).toByteArray();
    byte[] longer = Arrays.copyOf(raw, 32 + s.length);
    System.arraycopy(s, 0, longer, 32, s.length);
    return longer;
  }

  /** A signature in whose standard encoding there is a plus sign. */
  private static byte[] withByte(byte[] raw) {
    byte[] changed = raw.clone();
    changed[0] = (byte) 0xfb;
    changed[1] = (byte) 0xef;
    changed[2] = (byte) 0xbe;
    return changed;
  }

  private static String strayBits(String signature) {
    String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int last = alphabet.indexOf(signature.charAt(signature.length() - 1));
    return signature.substring(0, signature.length() - 1) + alphabet.charAt(last + 1);
  }

  private static String shortened(String text) {
    return text.length() <= 40 ? text : text.substring(0, 20) + " of " + text.length();
  }

  @Test
  void acceptsTheOtherTextOfASignatureButRevokesBoth() {
    String good = issuer.token();
    int dot = good.lastIndexOf('.') + 1;
    byte[] raw = new Base64URL(good.substring(dot)).decode();
    BigInteger r = new BigInteger(1, Arrays.copyOfRange(raw, 0, 32));
    BigInteger s = new BigInteger(1, Arrays.copyOfRange(raw, 32, 64));
    String malleated = good.substring(0, dot) + TestIssuer.base64(rAndS(r, ORDER.subtract(s)));
    assertThat(malleated).isNotEqualTo(good);
    assertThat(verifier.verify(malleated)).isEqualTo(verifier.verify(good));

    issuer.revoke(new Revocation.Token("jti-1", clock.instant().plusSeconds(300)));

    assertThat(refusal(good)).isEqualTo(TokenVerifier.REVOKED);
    assertThat(refusal(malleated)).isEqualTo(TokenVerifier.REVOKED);
  }

  @Test
  void aTokenExpiresAlsoWhenItIsRemembered() {
    String token = issuer.token();
    verifier.verify(token);

    clock.advance(Duration.ofSeconds(309));
    assertThatCode(() -> verifier.verify(token)).doesNotThrowAnyException();
    clock.advance(Duration.ofSeconds(1));

    assertThat(refusal(token)).isEqualTo(TokenVerifier.EXPIRED);
  }

  /** And nothing of what it does not remember; it fetches nothing for either. */
  @Test
  void saysOfWhatItRemembersAllThatVerifyingSays() {
    String token = issuer.token(issuer.payload("user-1", "first"));
    String revoked = issuer.token(issuer.payload("user-2", "second"));
    assertThat(verifier.remembered(token)).isEmpty();
    assertThat(verifier.remembered("nonsense")).isEmpty();
    assertThat(issuer.fetches).hasValue(0);

    Caller.User user = verifier.verify(token);
    verifier.verify(revoked);
    int fetches = issuer.fetches.get();
    assertThat(verifier.remembered(token)).contains(user);
    issuer.revoke(
        new Revocation.Subject("user-2", clock.instant(), clock.instant().plusSeconds(600)));
    assertThatThrownBy(() -> verifier.remembered(revoked))
        .isInstanceOf(Rejection.class)
        .extracting(e -> ((Rejection) e).reason())
        .isEqualTo(TokenVerifier.REVOKED);
    assertThat(issuer.fetches).hasValue(fetches);
    clock.advance(Duration.ofSeconds(310));
    assertThatThrownBy(() -> verifier.remembered(token))
        .isInstanceOf(Rejection.class)
        .extracting(e -> ((Rejection) e).reason())
        .isEqualTo(TokenVerifier.EXPIRED);
  }

  @Test
  void anUnknownRoleIsARoleThatOpensNothing() {
    String token = issuer.token(issuer.payload("user-1", "j").replace("customer", "Admin"));

    assertThat(verifier.verify(token).admin()).isFalse();
    assertThat(verifier.verify(token).roles()).isEqualTo(Set.of("Admin"));
  }

  @Test
  void aUsersEarlierTokensAreRefusedAfterARevocationAndLaterOnesAreNot() {
    String before = issuer.token(issuer.payload("user-1", "before"));
    String other = issuer.token(issuer.payload("user-2", "other"));
    verifier.verify(before);
    issuer.revoke(
        new Revocation.Subject("user-1", clock.instant(), clock.instant().plusSeconds(600)));
    clock.advance(Duration.ofSeconds(1));
    String after = issuer.token(issuer.payload("user-1", "after"));

    assertThat(refusal(before)).isEqualTo(TokenVerifier.REVOKED);
    assertThatCode(() -> verifier.verify(after)).doesNotThrowAnyException();
    assertThatCode(() -> verifier.verify(other)).doesNotThrowAnyException();
  }

  @Test
  void anEarlierRevocationThatArrivesLaterTakesNothingBack() {
    String token = issuer.token();
    issuer.revoke(
        new Revocation.Subject("user-1", clock.instant(), clock.instant().plusSeconds(600)));
    issuer.revoke(
        new Revocation.Subject(
            "user-1", clock.instant().minusSeconds(100), clock.instant().plusSeconds(500)));

    assertThat(refusal(token)).isEqualTo(TokenVerifier.REVOKED);
  }

  @Test
  void aRevocationIsKeptNoLongerThanATokenCanLive() {
    Revocations revocations = new Revocations(clock, clock, TokenVerifier.MAX_LIFETIME);
    revocations.revoked(new Revocation.Token("t", clock.instant().plus(Duration.ofDays(1))));

    clock.advance(TokenVerifier.MAX_LIFETIME);
    assertThat(revocations.cover("t", "user", clock.instant())).isTrue();
    clock.advance(Claims.LEEWAY.multipliedBy(3));

    assertThat(revocations.cover("t", "user", clock.instant())).isFalse();
  }

  @Test
  void anIssuerThatIsAwayHindersNobodyWithAKnownKey() {
    verifier.verify(issuer.token());
    issuer.away = true;
    clock.advance(Duration.ofHours(3));

    assertThatCode(() -> verifier.verify(issuer.token(issuer.payload("user-1", "later"))))
        .doesNotThrowAnyException();
  }

  @Test
  void nothingIsDecidedBeforeKeysAndRevocationsWereLoaded() {
    SettableClock time = new SettableClock();
    TestIssuer late = new TestIssuer(time);
    late.away = true;
    try (TokenVerifier starting = TokenVerifier.open(TestIssuer.CONFIG, late, time, time)) {
      String token = late.token();
      Rejection noKeys = catchThrowableOfType(Rejection.class, () -> starting.verify(token));
      assertThat(noKeys.code()).isEqualTo(Status.Code.UNAVAILABLE);
      assertThat(noKeys.reason()).isEqualTo("ISSUER_UNAVAILABLE");
      assertThat(starting.verifyIfGood(token)).isEmpty();

      late.away = false;
      time.advance(IssuerKeys.FIRST);
      Rejection noRevocations = catchThrowableOfType(Rejection.class, () -> starting.verify(token));
      assertThat(noRevocations.reason()).isEqualTo("ISSUER_UNAVAILABLE");
      assertThat(starting.ready()).isFalse();

      late.caughtUp();
      assertThat(starting.ready()).isTrue();
      assertThat(starting.verify(token).id()).isEqualTo("user-1");
      assertThat(starting.verifyIfGood(token)).isPresent();
    }
  }

  @Test
  void aNewKeyIsFetchedWhenATokenNamesIt() {
    verifier.verify(issuer.token());
    clock.advance(IssuerKeys.UNKNOWN);
    issuer.addKey("k2");

    String token = issuer.sign(HEADER.replace("k1", "k2"), issuer.payload("user-1", "j"), "k2");

    assertThat(verifier.verify(token).id()).isEqualTo("user-1");
  }

  @Test
  void tenThousandUnknownKeysCauseOneFetchPerInterval() throws Exception {
    verifier.verify(issuer.token());
    int before = issuer.fetches.get();
    clock.advance(IssuerKeys.UNKNOWN);
    String signature = issuer.token().substring(issuer.token().lastIndexOf('.'));
    CountDownLatch done = new CountDownLatch(4);
    List<Throwable> unexpected = Collections.synchronizedList(new ArrayList<>());
    for (int thread = 0; thread < 4; thread++) {
      int first = thread * 2_500;
      Thread.ofVirtual()
          .start(
              () -> {
                try {
                  for (int i = first; i < first + 2_500; i++) {
                    String header = TestIssuer.base64(HEADER.replace("k1", "random-" + i));
                    assertThat(refusal(header + ".e30" + signature))
                        .isEqualTo(TokenVerifier.INVALID);
                  }
                } catch (Throwable e) {
                  unexpected.add(e);
                } finally {
                  done.countDown();
                }
              });
    }
    assertThat(done.await(20, TimeUnit.SECONDS)).isTrue();

    assertThat(unexpected).isEmpty();
    assertThat(issuer.fetches.get()).isEqualTo(before + 1);
  }

  @Test
  void aWithdrawnKeyTakesItsTokensWithIt() {
    String token = issuer.token();
    verifier.verify(token);
    issuer.keys.clear();
    issuer.addKey("k2");
    clock.advance(IssuerKeys.UNKNOWN);
    String other = issuer.sign(HEADER.replace("k1", "k2"), issuer.payload("user-1", "j"), "k2");
    verifier.verify(other);

    assertThat(refusal(token)).isEqualTo(TokenVerifier.INVALID);
  }

  @Test
  void anAnswerWithoutKeysChangesNothing() {
    verifier.verify(issuer.token());
    Map<String, KeyPair> keys = Map.copyOf(issuer.keys);
    issuer.keys.clear();
    clock.advance(IssuerKeys.UNKNOWN);
    refusal(TestIssuer.base64(HEADER.replace("k1", "k9")) + ".e30.e30");
    issuer.keys.putAll(keys);

    assertThatCode(() -> verifier.verify(issuer.token(issuer.payload("user-1", "new"))))
        .doesNotThrowAnyException();
  }

  @Test
  void keysOfOtherKindsInTheSetAreLeftAside() {
    ECPublicKey key = (ECPublicKey) ServiceKeys.pair().getPublic();
    String own = ServiceKeys.jwks(Map.of("k1", key));
    String ownKey = own.substring(own.indexOf('[') + 1, own.lastIndexOf(']'));
    String set =
        "{\"keys\":[%s,%s,%s,%s,%s]}"
            .formatted(
                "{\"kty\":\"oct\",\"kid\":\"secret\",\"k\":\"AAAA\"}",
                "{\"kty\":\"RSA\",\"kid\":\"rsa\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
                ownKey.replace("\"sig\"", "\"enc\"").replace("\"kid\":\"k1\"", "\"kid\":\"enc\""),
                ownKey.replace("\"kid\":\"k1\",", ""),
                ownKey);

    assertThat(KeySet.parse(set)).isEqualTo(Map.of("k1", key));
  }
}
