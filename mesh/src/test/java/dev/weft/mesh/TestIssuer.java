package dev.weft.mesh;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** An issuer that signs whatever a test wants, with keys that verifiers can fetch from it. */
final class TestIssuer implements KeySource {
  static final IdentityConfig CONFIG =
      IdentityConfig.withoutTls(
          "https://weft.example", "weft", "user-svc", Optional.empty(), Optional.empty());

  final Map<String, KeyPair> keys = new ConcurrentHashMap<>();
  final AtomicInteger fetches = new AtomicInteger();
  final AtomicInteger watches = new AtomicInteger();
  private final SettableClock clock;
  private final List<RevocationListener> listeners = new CopyOnWriteArrayList<>();
  volatile boolean away;

  TestIssuer(SettableClock clock) {
    this.clock = clock;
    addKey("k1");
  }

  KeyPair key(String keyId) {
    return Objects.requireNonNull(keys.get(keyId), keyId);
  }

  void addKey(String keyId) {
    keys.put(keyId, ServiceKeys.pair());
  }

  @Override
  public String jwks() {
    fetches.incrementAndGet();
    if (away) {
      throw new IllegalStateException("the issuer is away");
    }
    Map<String, ECPublicKey> publicKeys = new TreeMap<>();
    keys.forEach((keyId, pair) -> publicKeys.put(keyId, (ECPublicKey) pair.getPublic()));
    return ServiceKeys.jwks(publicKeys);
  }

  @Override
  public Watch watchRevocations(RevocationListener listener) {
    watches.incrementAndGet();
    listeners.add(listener);
    if (!away) {
      listener.caughtUp();
    }
    return () -> listeners.remove(listener);
  }

  void revoke(Revocation revocation) {
    listeners.forEach(listener -> listener.revoked(revocation));
  }

  void caughtUp() {
    listeners.forEach(RevocationListener::caughtUp);
  }

  /** A token as our issuer makes them. */
  String token() {
    return token(payload("user-1", "jti-1"));
  }

  String token(String payload) {
    return sign("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}", payload, "k1");
  }

  String payload(String subject, String tokenId) {
    long now = clock.instant().getEpochSecond();
    return payload(subject, tokenId, now, now + 300);
  }

  String payload(String subject, String tokenId, long issuedAt, long expiresAt) {
    return """
    {"iss":"https://weft.example","aud":"weft","sub":"%s","jti":"%s","iat":%d,"exp":%d,"roles":["customer"]}"""
        .formatted(subject, tokenId, issuedAt, expiresAt);
  }

  String sign(String header, String payload, String keyId) {
    String input = base64(header) + "." + base64(payload);
    return input
        + "."
        + base64(signature("SHA256withECDSAinP1363Format", key(keyId).getPrivate(), input));
  }

  static byte[] signature(String algorithm, PrivateKey key, String input) {
    try {
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(input.getBytes(StandardCharsets.US_ASCII));
      return signature.sign();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  static String base64(String text) {
    return base64(text.getBytes(StandardCharsets.UTF_8));
  }

  static String base64(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }
}
