package dev.weft.mesh;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The key files by which services prove their names to each other: a private key for each service
 * (PKCS#8 in PEM, readable by its owner only) and one JWK set of all public keys, in which {@code
 * kid} is the service's name.
 */
public final class ServiceKeys {
  private static final String BEGIN = "-----BEGIN PRIVATE KEY-----";
  private static final String END = "-----END PRIVATE KEY-----";
  private static final int COORDINATE_BYTES = 32;
  private static final int P256_BITS = 256;
  private static final int PEM_LENGTH = 16 * 1024;

  private ServiceKeys() {}

  /** The private key's file of a service in {@code directory}. */
  public static Path keyFile(Path directory, String service) {
    return directory.resolve(service + ".pem");
  }

  /** The file of all public keys in {@code directory}. */
  public static Path keysFile(Path directory) {
    return directory.resolve("services.jwks.json");
  }

  /**
   * Makes new keys for these services and writes {@link #keyFile} of each, and {@link #keysFile}.
   */
  public static void generate(Path directory, Collection<String> services) {
    SortedMap<String, ECPublicKey> keys = new TreeMap<>();
    for (String service : services) {
      KeyPair pair = pair();
      keys.put(service, (ECPublicKey) pair.getPublic());
      writePrivately(keyFile(directory, service), pem(pair.getPrivate()));
    }
    writePrivately(keysFile(directory), jwks(keys));
  }

  /** A new EC P-256 key pair. */
  public static KeyPair pair() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JDK has no P-256", e);
    }
  }

  /** The JWK set of public keys by their {@code kid}. */
  public static String jwks(Map<String, ECPublicKey> keys) {
    List<String> jwks = new ArrayList<>();
    keys.forEach(
        (keyId, key) -> {
          StringBuilder jwk =
              new StringBuilder("{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",");
          JsonText.field(jwk, "kid", keyId);
          JsonText.field(jwk.append(','), "x", coordinate(key.getW().getAffineX()));
          JsonText.field(jwk.append(','), "y", coordinate(key.getW().getAffineY()));
          jwks.add(jwk.append('}').toString());
        });
    return "{\"keys\":[" + String.join(",", jwks) + "]}";
  }

  /**
   * Reads an EC P-256 key as {@link #generate} writes it; throws IllegalArgumentException if it is
   * not one.
   */
  static ECPrivateKey read(String pem) {
    String text = pem.strip();
    if (text.length() > PEM_LENGTH || !text.startsWith(BEGIN) || !text.endsWith(END)) {
      throw new IllegalArgumentException("not a private key in PEM");
    }
    try {
      byte[] der =
          Base64.getMimeDecoder()
              .decode(text.substring(BEGIN.length(), text.length() - END.length()));
      if (KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der))
              instanceof ECPrivateKey key
          && key.getParams().getOrder().bitLength() == P256_BITS) {
        return key;
      }
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("not an EC private key", e);
    }
    throw new IllegalArgumentException("not a P-256 key");
  }

  private static String pem(PrivateKey key) {
    return BEGIN
        + "\n"
        + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(key.getEncoded())
        + "\n"
        + END
        + "\n";
  }

  private static String coordinate(BigInteger value) {
    byte[] signed = value.toByteArray();
    byte[] fixed = new byte[COORDINATE_BYTES];
    int length = Math.min(signed.length, COORDINATE_BYTES);
    System.arraycopy(signed, signed.length - length, fixed, COORDINATE_BYTES - length, length);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(fixed);
  }

  private static void writePrivately(Path file, String text) {
    try {
      Files.deleteIfExists(file);
      Files.createFile(
          file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file, e);
    }
  }
}
