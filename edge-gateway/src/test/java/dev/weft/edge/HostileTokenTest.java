package dev.weft.edge;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.testkit.TestIdentity;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tokens that the issuer did not make, and good ones where none is looked for, at an edge that
 * verifies them itself. None lets anybody in, and after each a good one does.
 */
class HostileTokenTest {
  private static final TestIdentity IDENTITY = new TestIdentity();
  private static final TestIdentity ELSEWHERE = new TestIdentity();
  private static final String HEADER = "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"test\"}";

  /** Of an attacker's, who waits for somebody to fetch keys from there. */
  private static final ServerSocketChannel ATTACKER = attacker();

  private static final TestIssuer ISSUER = new TestIssuer(IDENTITY.jwks());
  private static long now;
  private static String expires;
  private static String claims;
  private static String good;

  /** What is signed of it, with the dot behind it, and the signature. */
  private static String unsigned;

  private static String signature;
  private static EdgeFixture fixture;
  private static EdgeServer edge;
  private static Held before;

  private static ServerSocketChannel attacker() {
    try {
      ServerSocketChannel channel = ServerSocketChannel.open();
      channel.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      channel.configureBlocking(false);
      return channel;
    } catch (IOException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @BeforeAll
  static void open() throws Exception {
    now = Instant.now().getEpochSecond();
    expires = "\"exp\":" + (now + 300);
    claims =
        "{\"iss\":\"https://weft.example\",\"aud\":\"weft\",\"sub\":\"ann\",\"jti\":\"j\",\"iat\":"
            + now
            + ","
            + expires
            + ",\"roles\":[\"customer\"]}";
    good = IDENTITY.signed(HEADER, claims);
    unsigned = good.substring(0, good.lastIndexOf('.') + 1);
    signature = good.substring(unsigned.length());
    fixture = EdgeFixture.with(new LibraryService());
    fixture.add("user-svc", ISSUER);
    edge = fixture.verifying();
    await().untilAsserted(HostileTokenTest::assertServed);
    before = Held.now();
  }

  @AfterAll
  static void close() throws Exception {
    try (ATTACKER;
        EdgeServer verifying = edge) {
      assertThat(ATTACKER.accept()).as("who asked there for keys").isNull();
      before.assertGivenBack(verifying);
    } finally {
      fixture.close();
    }
  }

  @AfterEach
  void stillServes() throws Exception {
    assertServed();
  }

  private static void assertServed() throws IOException {
    try (RawHttp client = new RawHttp(edge.port())) {
      client.send(lend("Authorization: Bearer " + good));
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
  }

  /** A request that any user may make, with a header more. */
  private static String lend(String header) {
    return asked("b1:lend", header);
  }

  private static String asked(String what, String header) {
    return "POST /library/books/"
        + what
        + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        + header
        + "\r\n\r\n{}";
  }

  static Stream<Arguments> tokens() {
    return Stream.of(
        header("no algorithm", "ES256", "none"),
        header("no algorithm, in capitals", "ES256", "None"),
        header("no algorithm, in both", "ES256", "nOnE"),
        Arguments.of("no algorithm and no signature", unsignedBy("none")),
        Arguments.of("no signature", unsigned),
        Arguments.of("the public key as a secret", hmac(IDENTITY.publicKey().getEncoded())),
        Arguments.of("its PEM as a secret", hmac(pem().getBytes(US_ASCII))),
        Arguments.of("its PEM and a line end", hmac((pem() + "\n").getBytes(US_ASCII))),
        header("PS256", "ES256", "PS256"),
        header("ES384", "ES256", "ES384"),
        header("an unknown algorithm", "ES256", "XX"),
        header("a payload that is not coded", "}", ",\"b64\":false,\"crit\":[\"b64\"]}"),
        header("an unknown crit", "}", ",\"crit\":[\"x\"],\"x\":1}"),
        Arguments.of("one that is encrypted", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0.a.b.c.d"),
        Arguments.of("one within another", IDENTITY.signed(HEADER, "\"" + good + "\"")),
        Arguments.of("JSON", "{\"payload\":\"" + unsigned + "\",\"signature\":\"x\"}"),
        header("keys from elsewhere", "}", ",\"jku\":\"" + attackers() + "\"}"),
        header("a certificate from elsewhere", "}", ",\"x5u\":\"" + attackers() + "\"}"),
        header("a key of its own", "}", ",\"jwk\":" + jwk() + "}"),
        header("a certificate of its own", "}", ",\"x5c\":[\"MIIB\"]}"),
        header("an unknown key", "\"test\"", "\"other\""),
        header("a key that is a path", "\"test\"", "\"../../dev/null\""),
        header("a key that is SQL", "\"test\"", "\"' UNION SELECT 'x\""),
        header("a key that is a list", "\"test\"", "[\"test\"]"),
        header("a long name of a key", "\"test\"", "\"" + "k".repeat(4_000) + "\""),
        header("no key", ",\"kid\":\"test\"", ""),
        claim("one that has expired", expires, "\"exp\":" + (now - 3_000)),
        claim("no end", expires + ",", ""),
        claim("an end in text", expires, "\"exp\":\"" + (now + 300) + "\""),
        claim("an end with a fraction", expires, expires + ".5"),
        claim("an end beyond any", expires, "\"exp\":1e400"),
        claim("a negative end", expires, "\"exp\":-1"),
        claim("a life that is too long", expires, "\"exp\":" + (now + 86_400)),
        claim("not yet", expires, expires + ",\"nbf\":" + (now + 3_000)),
        claim("made in the future", "\"iat\":" + now, "\"iat\":" + (now + 3_000)),
        claim("another issuer", "weft.example", "evil.example"),
        claim("for somebody else", "\"aud\":\"weft\"", "\"aud\":\"other\""),
        claim("for several", "\"aud\":\"weft\"", "\"aud\":[\"weft\",\"other\"]"),
        header("no type", "\"typ\":\"at+jwt\",", ""),
        header("one for refreshing", "at+jwt", "rt+jwt"),
        header("one that names a person", "at+jwt", "JWT"),
        Arguments.of("one of another environment", ELSEWHERE.signed(HEADER, claims)),
        claim("nobody's", "\"sub\":\"ann\",", ""),
        claim("of somebody without a name", "\"ann\"", "\"\""),
        claim("of a number", "\"ann\"", "1"),
        Arguments.of("half a signature", good.substring(0, good.length() - 40)),
        Arguments.of("the signature of another", unsigned + other().substring(unsigned.length())),
        Arguments.of("a signature of zeros", unsigned + "A".repeat(86)),
        Arguments.of("padding", good + "=="),
        Arguments.of("a letter of the other alphabet", unsigned + "+" + signature.substring(1)),
        Arguments.of("one dot more", good + "."),
        Arguments.of("dots", ".."),
        Arguments.of("a space within", unsigned + " " + signature),
        claim("claims that are deep", "}", ",\"x\":" + "[".repeat(2_000) + "]".repeat(2_000) + "}"),
        claim("a role that is text", "[\"customer\"]", "\"admin\""),
        claim("a role within a role", "[\"customer\"]", "[[\"admin\"]]"),
        claim("roles said twice", "}", ",\"roles\":[\"admin\"]}"));
  }

  private static Arguments header(String name, String from, String to) {
    return Arguments.of(name, IDENTITY.signed(changed(HEADER, from, to), claims));
  }

  private static Arguments claim(String name, String from, String to) {
    return Arguments.of(name, IDENTITY.signed(HEADER, changed(claims, from, to)));
  }

  private static String changed(String text, String from, String to) {
    assertThat(text).contains(from);
    return text.replace(from, to);
  }

  private static String unsignedBy(String algorithm) {
    return base64(changed(HEADER, "ES256", algorithm)) + "." + base64(claims) + ".";
  }

  /** As who has read the public key could sign it, if that were taken for a secret. */
  private static String hmac(byte[] secret) {
    String signed = base64(changed(HEADER, "ES256", "HS256")) + "." + base64(claims);
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(secret, "HmacSHA256"));
      return signed + "." + base64(mac.doFinal(signed.getBytes(US_ASCII)));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String pem() {
    return "-----BEGIN PUBLIC KEY-----\n"
        + Base64.getMimeEncoder(64, new byte[] {'\n'})
            .encodeToString(IDENTITY.publicKey().getEncoded())
        + "\n-----END PUBLIC KEY-----";
  }

  private static String attackers() {
    return "http://127.0.0.1:" + ATTACKER.socket().getLocalPort() + "/keys";
  }

  private static String jwk() {
    String keys = ELSEWHERE.jwks();
    return keys.substring(keys.indexOf('[') + 1, keys.lastIndexOf(']'));
  }

  private static String other() {
    return IDENTITY.signed(HEADER, changed(claims, "\"ann\"", "\"ben\""));
  }

  private static String base64(String text) {
    return base64(text.getBytes(UTF_8));
  }

  private static String base64(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("tokens")
  void letsNobodyInWithATokenThatIsNone(String name, String token) throws Exception {
    assertNobodyIsIn("Authorization: Bearer " + token);
  }

  static Stream<String> noTokens() {
    return Stream.of(
        "X-Nothing: x",
        "Authorization: ",
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: " + good,
        "Authorization: Basic dTpw",
        "Authorization: Token " + good,
        "Authorization: BearerX " + good,
        "Authorization: Bearer " + good + ", Bearer " + good,
        "Authorization: Bearer " + good + "\r\nAuthorization: Bearer " + good,
        "Cookie: access_token=" + good + "; authorization=Bearer " + good,
        "Proxy-Authorization: Bearer " + good,
        "X-Access-Token: " + good,
        "Grpc-Metadata-Authorization: Bearer " + good,
        "Weft-Service-Token: " + good);
  }

  @ParameterizedTest(name = "{index}")
  @MethodSource("noTokens")
  void looksForATokenNowhereElse(String header) throws Exception {
    assertNobodyIsIn(header);
  }

  @Test
  void looksForNoneInTheTarget() throws Exception {
    for (String name : List.of("access_token", "token", "authorization", "key")) {
      try (RawHttp client = new RawHttp(edge.port())) {
        client.send(asked("b1:lend?" + name + "=" + good, "X-Nothing: x"));
        assertThat(client.answer()).as(name).startsWith("HTTP/1.1 401 ");
      }
    }
  }

  private static void assertNobodyIsIn(String header) throws IOException {
    try (RawHttp client = new RawHttp(edge.port())) {
      client.send(lend(header));
      assertThat(client.answer())
          .startsWith("HTTP/1.1 401 ")
          .containsIgnoringCase("www-authenticate: Bearer realm=\"weft\"")
          .containsPattern("\"reason\":\"TOKEN_(MISSING|INVALID|EXPIRED)\"")
          .doesNotContain(signature, "ES256", "JOSE", "Exception");

      client.send(lend("Authorization: Bearer " + good));
      assertThat(client.answer()).as("the next one").startsWith("HTTP/1.1 200 ");
    }
  }

  @Test
  void readsNoTokenThatIsLongerThanAnyHeader() throws Exception {
    for (int length : new int[] {10_000, 1_000_000}) {
      try (RawHttp client = new RawHttp(edge.port())) {
        client.send(lend("Authorization: Bearer " + good + "A".repeat(length)));
        assertThat(client.all()).startsWith("HTTP/1.1 431 ");
      }
    }
  }

  /** Names are free, and each could cost a call. */
  @Test
  void asksOnceForKeysThatNobodyHas() throws Exception {
    int asked = ISSUER.keysAsked.get();
    try (RawHttp client = new RawHttp(edge.port())) {
      for (int i = 0; i < 500; i++) {
        String header = changed(HEADER, "\"test\"", "\"random-" + i + "\"");
        client.send(lend("Authorization: Bearer " + IDENTITY.signed(header, claims)));
        assertThat(client.answer()).startsWith("HTTP/1.1 401 ");
      }
    }
    assertThat(ISSUER.keysAsked.get() - asked).isLessThanOrEqualTo(1);
  }

  @Test
  void aRoleThatNobodyKnowsOpensNothing() throws Exception {
    for (String roles : List.of("[\"Admin\"]", "[\"admin \"]", "[\"root\"]", "[]")) {
      try (RawHttp client = new RawHttp(edge.port())) {
        client.send(asked("b1:burn", "Authorization: Bearer " + as(roles)));
        assertThat(client.answer()).as(roles).startsWith("HTTP/1.1 403 ");

        client.send(asked("b1:burn", "Authorization: Bearer " + as("[\"admin\"]")));
        assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
      }
    }
  }

  private static String as(String roles) {
    return IDENTITY.signed(HEADER, changed(claims, "[\"customer\"]", roles));
  }

  @Test
  void letsNobodyInAnyMoreWhoWasIn() throws Exception {
    String leaving = IDENTITY.signed(HEADER, changed(claims, "\"ann\"", "\"leaving\""));
    try (RawHttp client = new RawHttp(edge.port())) {
      client.send(lend("Authorization: Bearer " + leaving));
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");

      ISSUER.revoke("leaving");

      await()
          .untilAsserted(
              () -> {
                client.send(lend("Authorization: Bearer " + leaving));
                assertThat(client.answer())
                    .startsWith("HTTP/1.1 401 ")
                    .contains("\"reason\":\"TOKEN_REVOKED\"");
              });
    }
  }
}
