package dev.weft.mesh;

import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a verified token says, each claim of exactly the type it has to be. A claim of another type,
 * or one that is missing, makes the token malformed: nothing is converted and nothing is guessed.
 */
final class Claims {
  /** How far the clocks of two machines may be apart. */
  static final Duration LEEWAY = Duration.ofSeconds(10);

  private static final long LAST_SECOND = Instant.parse("9999-12-31T23:59:59Z").getEpochSecond();
  private static final int TEXT_LENGTH = 255;
  private static final int ROLES = 32;

  private final Map<String, Object> claims;

  /** From when to when a token is good. */
  record Validity(Instant issuedAt, Instant expiresAt) {
    boolean over(Instant now) {
      return !now.isBefore(expiresAt.plus(LEEWAY));
    }
  }

  Claims(Map<String, Object> claims) {
    this.claims = claims;
  }

  /** A string of 1 to 255 characters. */
  String text(String name) throws Jws.Malformed {
    if (claims.get(name) instanceof String text
        && !text.isEmpty()
        && text.length() <= TEXT_LENGTH
        && text.chars().noneMatch(c -> JsonText.unprintable((char) c))) {
      return text;
    }
    throw new Jws.Malformed("no usable " + name);
  }

  /** The claim has to be this very string; an array that holds it will not do. */
  void require(String name, String value) throws Jws.Malformed {
    if (!value.equals(claims.get(name))) {
      throw new Jws.Malformed(name + " is not " + value);
    }
  }

  /** An array of strings. */
  Set<String> texts(String name) throws Jws.Malformed {
    if (claims.get(name) instanceof List<?> list && list.size() <= ROLES) {
      Set<String> texts = new HashSet<>();
      for (Object element : list) {
        if (!(element instanceof String text) || text.isEmpty() || text.length() > TEXT_LENGTH) {
          throw new Jws.Malformed(name + " holds something that is not a name");
        }
        texts.add(text);
      }
      return Set.copyOf(texts);
    }
    throw new Jws.Malformed("no usable " + name);
  }

  /**
   * {@code iat} and {@code exp}, which have to be whole seconds at most {@code lifetime} apart;
   * {@code iat}, and {@code nbf} if there is one, may not be in the future.
   */
  Validity validity(Instant now, Duration lifetime) throws Jws.Malformed {
    Instant issuedAt = time("iat");
    Instant expiresAt = time("exp");
    if (!expiresAt.isAfter(issuedAt)
        || Duration.between(issuedAt, expiresAt).compareTo(lifetime) > 0) {
      throw new Jws.Malformed("a lifetime that is not up to " + lifetime.toSeconds() + " s");
    }
    Instant latest = now.plus(LEEWAY);
    if (issuedAt.isAfter(latest) || (claims.containsKey("nbf") && time("nbf").isAfter(latest))) {
      throw new Jws.Malformed("from the future");
    }
    return new Validity(issuedAt, expiresAt);
  }

  private Instant time(String name) throws Jws.Malformed {
    if (claims.get(name) instanceof Long seconds && seconds >= 0 && seconds <= LAST_SECOND) {
      return Instant.ofEpochSecond(seconds);
    }
    throw new Jws.Malformed("no usable " + name);
  }
}
