package dev.weft.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The keys services prove their names with: one EC P-256 key pair per service and installation, and
 * the set of all public ones.
 */
final class ServiceKeys {
  private static final String PUBLIC = ".pub";
  private static final int COORDINATE_BYTES = 32;

  private final Path folder;

  private ServiceKeys(Path folder) {
    this.folder = folder;
  }

  /**
   * Makes what is missing. A key pair, once made, stays, and its public half is in the set whether
   * or not it was asked for again.
   */
  static ServiceKeys in(Path folder, List<String> services) {
    var keys = new ServiceKeys(folder);
    SortedSet<String> all = new TreeSet<>(services);
    List<String> jwks = new ArrayList<>();
    try {
      all.addAll(keys.made());
      for (String service : all) {
        jwks.add(jwk(service, keys.publicKey(service)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (GeneralSecurityException e) {
      throw new Trouble(folder + " holds a key that cannot be read; remove the folder: " + e);
    }
    StateDir.write(keys.set(), "{\"keys\":[" + String.join(",", jwks) + "]}\n");
    return keys;
  }

  Path privateKey(String service) {
    return folder.resolve(service + ".key.pem");
  }

  Path set() {
    return folder.resolve("services.jwks.json");
  }

  private List<String> made() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(PUBLIC))
          .map(name -> name.substring(0, name.length() - PUBLIC.length()))
          .filter(service -> Files.exists(privateKey(service)))
          .toList();
    }
  }

  private ECPublicKey publicKey(String service) throws IOException, GeneralSecurityException {
    Path file = folder.resolve(service + PUBLIC);
    if (Files.exists(privateKey(service)) && Files.exists(file)) {
      byte[] der = Base64.getDecoder().decode(Files.readString(file).trim());
      return (ECPublicKey) KeyFactory.getInstance("EC").generatePublic(new X509EncodedKeySpec(der));
    }
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    KeyPair pair = generator.generateKeyPair();
    String pem =
        Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(pair.getPrivate().getEncoded());
    StateDir.write(
        privateKey(service),
        "-----BEGIN PRIVATE KEY-----\n" + pem + "\n-----END PRIVATE KEY-----\n");
    StateDir.write(file, Base64.getEncoder().encodeToString(pair.getPublic().getEncoded()) + "\n");
    return (ECPublicKey) pair.getPublic();
  }

  /** RFC 7517, RFC 7518 section 6.2. */
  private static String jwk(String kid, ECPublicKey key) {
    return "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}"
        .formatted(kid, coordinate(key.getW().getAffineX()), coordinate(key.getW().getAffineY()));
  }

  private static String coordinate(BigInteger number) {
    byte[] bytes = number.toByteArray();
    byte[] fixed = new byte[COORDINATE_BYTES];
    int length = Math.min(bytes.length, COORDINATE_BYTES);
    System.arraycopy(bytes, bytes.length - length, fixed, COORDINATE_BYTES - length, length);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(fixed);
  }
}
