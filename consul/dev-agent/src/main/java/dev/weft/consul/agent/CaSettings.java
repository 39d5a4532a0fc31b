package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * How the CA is configured: Consul's provider {@code consul} with its own parameters, kept as they
 * were given. A key of its own, or a change of it, means another root.
 *
 * @param given the provider's parameters
 */
record CaSettings(Map<String, @Nullable Object> given, boolean forceWithoutCrossSigning) {
  /** The key that signs and the certificate that says so. */
  record Signer(KeyPair pair, X509Certificate certificate) {}

  static final CaSettings DEFAULT =
      new CaSettings(
          object("IntermediateCertTTL", "8760h", "LeafCertTTL", "72h", "RotationPeriod", "2160h"),
          false);

  private static final String PROVIDER = "consul";
  private static final Duration LEAF_MIN = Duration.ofHours(1);
  private static final Duration LEAF_MAX = Duration.ofDays(365);
  private static final Duration LEAF_DEFAULT = Duration.ofDays(3);
  private static final Duration ROOT_DEFAULT = Duration.ofDays(3_650);

  /** A PUT of {@code /v1/connect/ca/configuration}. */
  static CaSettings parse(@Nullable Object json) {
    Fields fields =
        new Fields(
            json,
            List.of(
                "Provider",
                "Config",
                "State",
                "ForceWithoutCrossSigning",
                "force_without_cross_signing",
                "CreateIndex",
                "ModifyIndex"));
    String provider = fields.text("Provider");
    if (!provider.equals(PROVIDER)) {
      throw new ApiError(
          500, "could not initialize provider: unknown CA provider \"" + provider + "\"");
    }
    CaSettings settings =
        new CaSettings(
            fields.object("Config"),
            fields.flag("ForceWithoutCrossSigning") || fields.flag("force_without_cross_signing"));
    settings.validate();
    return settings;
  }

  private void validate() {
    try {
      Duration leaf = leafLife();
      if (leaf.compareTo(LEAF_MIN) < 0) {
        throw new IllegalArgumentException("leaf cert TTL must be greater or equal than 1h0m0s");
      }
      if (leaf.compareTo(LEAF_MAX) > 0) {
        throw new IllegalArgumentException("leaf cert TTL must be less than 8760h0m0s");
      }
      if (rootLife().compareTo(leaf) < 0) {
        throw new IllegalArgumentException("root cert TTL must be longer than that of a leaf");
      }
      String type = text("PrivateKeyType");
      Object bits = given.get("PrivateKeyBits");
      if (!(type.isEmpty() || type.equals("ec"))
          || !(bits == null || bits.equals(256L) || bits.equals(0L))) {
        throw new IllegalArgumentException("this agent's CA has keys of EC P-256 only");
      }
      String key = text("PrivateKey");
      String root = text("RootCert");
      if (key.isEmpty() && !root.isEmpty()) {
        throw new IllegalArgumentException("must provide a private key when providing a root cert");
      }
    } catch (IllegalArgumentException e) {
      throw new ApiError(500, "error configuring provider: " + e.getMessage());
    }
  }

  private String text(String name) {
    return switch (given.get(name)) {
      case null -> "";
      case String text -> text;
      case Object _ -> throw new IllegalArgumentException(name + " must be a text");
    };
  }

  private Duration duration(String name, Duration unset) {
    String text = text(name);
    return text.isEmpty() ? unset : GoDuration.parse(text);
  }

  Duration leafLife() {
    return duration("LeafCertTTL", LEAF_DEFAULT);
  }

  Duration rootLife() {
    return duration("RootCertTTL", ROOT_DEFAULT);
  }

  boolean crossSigns() {
    return !forceWithoutCrossSigning && !Boolean.TRUE.equals(given.get("DisableCrossSigning"));
  }

  /** Whether both mean the same key, and so the same root. */
  boolean sameSigner(CaSettings other) {
    return text("PrivateKey").equals(other.text("PrivateKey"))
        && text("RootCert").equals(other.text("RootCert"));
  }

  /**
   * The key and certificate that are configured, or new ones.
   *
   * @throws IllegalArgumentException if they cannot be used
   */
  Signer newRoot(Function<KeyPair, X509Certificate> selfSigned) {
    String secret = text("PrivateKey");
    KeyPair pair = secret.isEmpty() ? Keys.generate() : Keys.parse(secret);
    String root = text("RootCert");
    if (root.isEmpty()) {
      return new Signer(pair, selfSigned.apply(pair));
    }
    try {
      X509Certificate certificate = Certificates.read(root.getBytes(StandardCharsets.US_ASCII));
      if (!Keys.fits(pair.getPrivate(), certificate.getPublicKey())) {
        throw new IllegalArgumentException("the private key does not fit the root certificate");
      }
      return new Signer(pair, certificate);
    } catch (CertificateException e) {
      throw new IllegalArgumentException("the root certificate cannot be read", e);
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("the private key cannot be used", e);
    }
  }

  /** As {@code GET /v1/connect/ca/configuration} shows it. */
  Map<String, @Nullable Object> json() {
    return object(
        "Provider",
        PROVIDER,
        "Config",
        given,
        "State",
        null,
        "ForceWithoutCrossSigning",
        forceWithoutCrossSigning);
  }

  Map<String, @Nullable Object> saved() {
    return object("Config", new LinkedHashMap<>(given), "Force", forceWithoutCrossSigning);
  }

  static CaSettings restore(Map<String, @Nullable Object> saved) {
    Fields fields = new Fields(saved, List.of("Config", "Force"));
    CaSettings settings = new CaSettings(fields.object("Config"), fields.flag("Force"));
    settings.validate();
    return settings;
  }
}
