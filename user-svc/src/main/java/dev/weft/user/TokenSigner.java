package dev.weft.user;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.time.Instant;
import java.util.Date;
import java.util.Locale;

/** Turns access tokens into JWTs: ES256, type {@code at+jwt} (RFC 9068). */
final class TokenSigner {
  private static final JOSEObjectType TYPE = new JOSEObjectType("at+jwt");

  /** There is one client, the shop's own; RFC 9068 wants it named. */
  private static final String CLIENT = "weft";

  private final String issuer;
  private final String audience;
  private final SigningKeys keys;

  TokenSigner(String issuer, String audience, SigningKeys keys) {
    this.issuer = issuer;
    this.audience = audience;
    this.keys = keys;
  }

  String sign(AccessToken token) {
    SigningKeys.Signer signer = keys.signer(token.issuedAt());
    SignedJWT jwt =
        new SignedJWT(
            new JWSHeader.Builder(JWSAlgorithm.ES256).type(TYPE).keyID(signer.kid()).build(),
            new JWTClaimsSet.Builder()
                .issuer(issuer)
                .audience(audience)
                .subject(token.userId().toString())
                .jwtID(token.id())
                .issueTime(date(token.issuedAt()))
                .expirationTime(date(token.expiresAt()))
                .claim("client_id", CLIENT)
                .claim(
                    "roles",
                    token.roles().stream()
                        .sorted()
                        .map(role -> role.name().toLowerCase(Locale.ROOT))
                        .toList())
                .build());
    try {
      jwt.sign(signer.signer());
    } catch (JOSEException e) {
      throw new IllegalStateException("an access token cannot be signed", e);
    }
    return jwt.serialize();
  }

  // The library knows times only as this.
  @SuppressWarnings("JavaUtilDate")
  private static Date date(Instant instant) {
    return Date.from(instant);
  }
}
