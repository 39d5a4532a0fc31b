package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.cert.CertPathValidator;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.time.Duration;
import java.util.Base64;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The Connect CA. Its tests change the CA of the whole agent, so they have one of their own and run
 * one after the other. Each statement and its test:
 *
 * <ul>
 *   <li>the roots, the active one and the trust domain: {@link #tellsItsRoots}.
 *   <li>the same to operators, and as PEM: {@link #tellsItsRootsAsPem}.
 *   <li>what a leaf is, also of a service that nobody registered: {@link #givesALeafToAnyName}.
 *   <li>the same leaf until it has to be another: {@link #keepsALeaf}.
 *   <li>a query for a leaf waits for the next one: {@link #waitsForTheNextLeaf}.
 *   <li>a new key is a new root, signed by the old one, which stays; queries for the roots wake:
 *       {@link #rotatesItsRoot}.
 *   <li>who waits for a leaf gets one of the new root, good for those who know only one of the two:
 *       {@link #renewsLeafsWhenTheRootRotates}.
 *   <li>another configuration without another key keeps the root: {@link #keepsItsRootWithTheKey}.
 *   <li>what is wrong: {@link #saysWhatIsWrongWithAConfiguration}.
 * </ul>
 */
interface ConnectContract extends Contract {
  String ROOTS = "/v1/agent/connect/ca/roots";
  String LEAF = "/v1/agent/connect/ca/leaf/";
  String CONFIGURATION = "/v1/connect/ca/configuration";

  private static List<X509Certificate> certificates(String pem) {
    try {
      Collection<? extends Certificate> found =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(
                  new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)));
      return found.stream().map(X509Certificate.class::cast).toList();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<X509Certificate> leaf(Api.Answer answer) {
    return certificates(String.valueOf(answer.at("CertPEM")));
  }

  private static Map<?, ?> active(Api.Answer roots) {
    return roots.rows("Roots").stream()
        .map(root -> (Map<?, ?>) root)
        .filter(root -> Boolean.TRUE.equals(root.get("Active")))
        .findFirst()
        .orElseThrow();
  }

  private static X509Certificate certificate(Map<?, ?> root) {
    return certificates(String.valueOf(root.get("RootCert"))).getFirst();
  }

  /** Itself, and what leads from it to an older one. */
  private static Stream<X509Certificate> withIntermediates(Map<?, ?> root) {
    List<?> more = root.get("IntermediateCerts") instanceof List<?> some ? some : List.of();
    return Stream.concat(
        Stream.of(certificate(root)),
        more.stream().flatMap(pem -> certificates(String.valueOf(pem)).stream()));
  }

  /** Verifies as a TLS library does, with these roots and what is presented. */
  private static void verify(List<X509Certificate> presented, X509Certificate... roots)
      throws GeneralSecurityException {
    PKIXParameters parameters =
        new PKIXParameters(
            Set.of(roots).stream()
                .map(root -> new TrustAnchor(root, null))
                .collect(Collectors.toSet()));
    parameters.setRevocationEnabled(false);
    CertPathValidator.getInstance("PKIX")
        .validate(CertificateFactory.getInstance("X.509").generateCertPath(presented), parameters);
  }

  private static String names(X509Certificate certificate) throws GeneralSecurityException {
    return String.valueOf(certificate.getSubjectAlternativeNames());
  }

  /** A configuration with a key of its own, which nothing else has. */
  private static String rotation() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(256);
    KeyPair pair = generator.generateKeyPair();
    byte[] pkcs8 = pair.getPrivate().getEncoded();
    String key =
        "-----BEGIN PRIVATE KEY-----\\n"
            + Base64.getEncoder().encodeToString(pkcs8)
            + "\\n-----END PRIVATE KEY-----\\n";
    return "{\"Provider\":\"consul\",\"Config\":{\"PrivateKey\":\"%s\",\"LeafCertTTL\":\"72h\"}}"
        .formatted(key);
  }

  @Test
  default void tellsItsRoots() throws GeneralSecurityException {
    Api.Answer answer = api().get(ROOTS).isOk();
    assertThat(answer.index()).isPositive();
    String trustDomain = String.valueOf(answer.at("TrustDomain"));
    assertThat(trustDomain).matches("[0-9a-f-]{36}\\.consul");
    Map<?, ?> root = active(answer);
    assertThat(root.keySet().stream().map(String::valueOf))
        .contains(
            "ID",
            "Name",
            "SerialNumber",
            "SigningKeyID",
            "ExternalTrustDomain",
            "NotBefore",
            "NotAfter",
            "RootCert",
            "IntermediateCerts",
            "Active",
            "CreateIndex",
            "ModifyIndex");
    assertThat(root.get("ID")).isEqualTo(answer.at("ActiveRootID"));
    assertThat(answer.rows("Roots"))
        .filteredOn(one -> Boolean.TRUE.equals(((Map<?, ?>) one).get("Active")))
        .hasSize(1);
    assertThat(root.get("Name")).isEqualTo("Consul CA Root Cert");
    assertThat(root.get("ExternalTrustDomain") + ".consul").isEqualTo(trustDomain);
    X509Certificate certificate = certificate(root);
    long serial = certificate.getSerialNumber().longValue();
    assertThat(root.get("SerialNumber"))
        .isEqualTo(serial < 0 ? Json.Decimal.unsigned(serial) : (Object) serial);
    assertThat(root.get("NotBefore")).isEqualTo(certificate.getNotBefore().toInstant().toString());
    assertThat(root.get("ID"))
        .isEqualTo(hex(MessageDigest.getInstance("SHA-1").digest(certificate.getEncoded())));
    assertThat(root.get("SigningKeyID"))
        .isEqualTo(
            hex(
                MessageDigest.getInstance("SHA-256")
                    .digest(certificate.getPublicKey().getEncoded())));
    assertThat(root.get("NotAfter")).isEqualTo(certificate.getNotAfter().toInstant().toString());
    assertThat(certificate.getBasicConstraints()).isNotNegative();
    assertThat(certificate.getKeyUsage()).startsWith(true, false, false, false, false, true, true);
    assertThat(names(certificate)).isEqualTo("[[6, spiffe://" + trustDomain + "]]");
    assertThat(
            Duration.between(
                    certificate.getNotBefore().toInstant(), certificate.getNotAfter().toInstant())
                .toDays())
        .isBetween(3_640L, 3_660L);
    certificate.verify(certificate.getPublicKey());
  }

  private static String hex(byte[] bytes) {
    return HexFormat.ofDelimiter(":").formatHex(bytes);
  }

  @Test
  default void tellsItsRootsAsPem() throws GeneralSecurityException {
    String before = String.valueOf(api().get(ROOTS).isOk().at("ActiveRootID"));
    api().put(CONFIGURATION, rotation()).isOk();
    // The agent asks its cache, which hears of the change a moment later.
    await().until(() -> !before.equals(api().get(ROOTS).isOk().at("ActiveRootID")));
    Api.Answer json = api().get("/v1/connect/ca/roots").isOk();
    assertThat(json.at("ActiveRootID")).isEqualTo(api().get(ROOTS).at("ActiveRootID"));
    Api.Answer pem = api().get("/v1/connect/ca/roots?pem=true").isOk();
    assertThat(pem.header("Content-Type")).isEqualTo("application/pem-certificate-chain");
    List<X509Certificate> all =
        json.rows("Roots").stream().flatMap(root -> withIntermediates((Map<?, ?>) root)).toList();
    assertThat(all).as("two roots, and one signed by the other").hasSizeGreaterThanOrEqualTo(3);
    assertThat(certificates(pem.body())).containsExactlyInAnyOrderElementsOf(all);
    assertThat(api().get("/v1/connect/ca/roots?pem=false").isOk().json()).isEqualTo(json.json());
    Api.Answer neither = api().get("/v1/connect/ca/roots?pem=x");
    assertThat(neither.status()).isEqualTo(400);
    assertThat(neither.body())
        .isEqualTo("Bad request: The 'pem' query parameter must be a boolean value");
  }

  @Test
  default void givesALeafToAnyName() throws GeneralSecurityException {
    String name = unique("Order-svc");
    Api.Answer roots = api().get(ROOTS).isOk();
    Api.Answer answer = api().get(LEAF + name).isOk();
    assertThat(answer.names())
        .containsExactly(
            "SerialNumber",
            "CertPEM",
            "PrivateKeyPEM",
            "Service",
            "ServiceURI",
            "ValidAfter",
            "ValidBefore",
            "CreateIndex",
            "ModifyIndex");
    assertThat(answer.index()).isEqualTo(answer.at("ModifyIndex"));
    assertThat(answer.at("Service")).isEqualTo(name);
    String uri = "spiffe://" + roots.at("TrustDomain") + "/ns/default/dc/dc1/svc/" + name;
    assertThat(answer.at("ServiceURI")).isEqualTo(uri);
    X509Certificate certificate = leaf(answer).getFirst();
    assertThat(names(certificate)).isEqualTo("[[6, " + uri + "]]");
    assertThat(certificate.getExtendedKeyUsage())
        .containsExactlyInAnyOrder("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2");
    assertThat(certificate.getKeyUsage()).startsWith(true, false, true, true, true, false);
    assertThat(certificate.getBasicConstraints()).isEqualTo(-1);
    assertThat(certificate.getSubjectX500Principal().getName())
        .isEqualTo(
            "CN="
                + name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]", "")
                + ".svc.default."
                + String.valueOf(roots.at("TrustDomain")).substring(0, 8)
                + ".consul");
    assertThat(((ECPublicKey) certificate.getPublicKey()).getParams().getOrder().bitLength())
        .isEqualTo(256);
    assertThat(
            Duration.between(
                certificate.getNotBefore().toInstant(), certificate.getNotAfter().toInstant()))
        .isEqualTo(Duration.ofDays(3));
    assertThat(answer.at("ValidBefore"))
        .isEqualTo(certificate.getNotAfter().toInstant().toString());
    assertThat(answer.at("SerialNumber"))
        .isEqualTo(hex(certificate.getSerialNumber().toByteArray()));
    assertThat(String.valueOf(answer.at("PrivateKeyPEM")))
        .startsWith("-----BEGIN EC PRIVATE KEY-----\n");
    verify(leaf(answer).subList(0, 1), certificate(active(roots)));
    Api.Answer nobody = api().get(LEAF);
    assertThat(nobody.status()).isEqualTo(500);
    assertThat(nobody.body()).startsWith("URI must be either service");
  }

  @Test
  default void keepsALeaf() {
    String name = unique("kept");
    Api.Answer first = api().get(LEAF + name).isOk();
    Api.Answer second = api().get(LEAF + name).isOk();
    assertThat(first.header("X-Cache")).isEqualTo("MISS");
    assertThat(second.header("X-Cache")).isEqualTo("HIT");
    assertThat(second.body()).isEqualTo(first.body());
    assertThat(second.index()).isEqualTo(first.index());
  }

  @Test
  default void waitsForTheNextLeaf() {
    String name = unique("waits");
    Api.Answer first = api().get(LEAF + name).isOk();
    Api.Answer same = api().get(LEAF + name + "?wait=1s&index=" + first.index()).isOk();
    assertThat(same.took()).isGreaterThan(Duration.ofMillis(900));
    assertThat(same.body()).isEqualTo(first.body());
  }

  @Test
  default void rotatesItsRoot() throws Exception {
    Api.Answer before = api().get(ROOTS).isOk();
    Map<?, ?> old = active(before);
    Api.Pending waiting = api().after(ROOTS, before.index());
    assertThat(api().put(CONFIGURATION, rotation()).isOk().body()).isEmpty();
    waiting.wakes().isOk();
    Api.Answer after = api().get(ROOTS).isOk();
    assertThat(after.index()).isGreaterThan(before.index());
    assertThat(after.at("TrustDomain")).isEqualTo(before.at("TrustDomain"));
    Map<?, ?> fresh = active(after);
    assertThat(fresh.get("ID"))
        .isEqualTo(after.at("ActiveRootID"))
        .isNotEqualTo(before.at("ActiveRootID"));
    assertThat(after.rows("Roots"))
        .anySatisfy(
            root -> {
              assertThat(((Map<?, ?>) root).get("ID")).isEqualTo(old.get("ID"));
              assertThat(((Map<?, ?>) root).get("Active")).isEqualTo(false);
            });
    List<?> intermediates = (List<?>) Objects.requireNonNull(fresh.get("IntermediateCerts"));
    assertThat(intermediates).hasSize(1);
    X509Certificate crossed = certificates(String.valueOf(intermediates.getFirst())).getFirst();
    assertThat(crossed.getPublicKey()).isEqualTo(certificate(fresh).getPublicKey());
    crossed.verify(certificate(old).getPublicKey());
    Api.Answer leaf = api().get(LEAF + unique("fresh")).isOk();
    assertThat(leaf(leaf)).hasSize(2);
  }

  @Test
  default void renewsLeafsWhenTheRootRotates() throws Exception {
    String name = unique("renewed");
    X509Certificate oldRoot = certificate(active(api().get(ROOTS).isOk()));
    Api.Answer before = api().get(LEAF + name).isOk();
    // Consul spreads renewals over 30 s.
    Api.Pending waiting = api().query(LEAF + name + "?wait=38s&index=" + before.index());
    waiting.sleepsFor(Duration.ofMillis(200));
    api().put(CONFIGURATION, rotation()).isOk();
    Api.Answer after = waiting.future().get(40, TimeUnit.SECONDS).isOk();
    X509Certificate newRoot = certificate(active(api().get(ROOTS).isOk()));
    assertThat(after.index()).isGreaterThan(before.index());
    assertThat(after.at("PrivateKeyPEM")).isNotEqualTo(before.at("PrivateKeyPEM"));
    assertThat(leaf(after)).hasSize(2);
    verify(leaf(after), oldRoot);
    verify(leaf(after).subList(0, 1), newRoot);
    verify(leaf(before).subList(0, 1), newRoot, oldRoot);
    assertThatThrownBy(() -> verify(leaf(after).subList(0, 1), oldRoot))
        .isInstanceOf(GeneralSecurityException.class);
  }

  @Test
  default void keepsItsRootWithTheKey() throws GeneralSecurityException {
    String body = rotation();
    api().put(CONFIGURATION, body).isOk();
    Api.Answer before = api().get(ROOTS).isOk();
    api().put(CONFIGURATION, body.replace("72h", "24h")).isOk();
    Api.Answer configuration = api().get(CONFIGURATION).isOk();
    assertThat(configuration.at("Provider")).isEqualTo("consul");
    assertThat(configuration.at("Config", "LeafCertTTL")).isEqualTo("24h");
    assertThat(configuration.at("ForceWithoutCrossSigning")).isEqualTo(false);
    assertThat(api().get(ROOTS).at("ActiveRootID")).isEqualTo(before.at("ActiveRootID"));
    X509Certificate leaf = leaf(api().get(LEAF + unique("short")).isOk()).getFirst();
    assertThat(Duration.between(leaf.getNotBefore().toInstant(), leaf.getNotAfter().toInstant()))
        .isEqualTo(Duration.ofHours(24));
    api().put(CONFIGURATION, body).isOk();
  }

  @Test
  default void saysWhatIsWrongWithAConfiguration() {
    Object active = api().get(ROOTS).at("ActiveRootID");
    refused(
        "{\"Provider\":\"nope\",\"Config\":{}}",
        500,
        "could not initialize provider: unknown CA provider \"nope\"");
    refused(
        "{\"Provider\":\"consul\",\"Config\":{\"LeafCertTTL\":\"10m\"}}",
        500,
        "error configuring provider: leaf cert TTL must be greater or equal than 1h0m0s");
    refused(
        "{\"Provider\":\"consul\",\"Config\":{\"PrivateKey\":\"x\"}}",
        500,
        "error generating CA root certificate: ");
    refused("{\"X\":1}", 400, "Bad request: Request decode failed: json: unknown field \"X\"");
    refused("x", 400, "Bad request: Request decode failed: invalid character 'x'");
    assertThat(api().get(ROOTS).at("ActiveRootID")).isEqualTo(active);
  }

  private void refused(String body, int status, String complaint) {
    Api.Answer answer = api().put(CONFIGURATION, body);
    assertThat(answer.status()).as(body).isEqualTo(status);
    assertThat(answer.body()).startsWith(complaint);
  }
}
