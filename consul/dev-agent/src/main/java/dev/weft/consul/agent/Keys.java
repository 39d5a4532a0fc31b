package dev.weft.consul.agent;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.KeyAgreement;

/** Keys on the curve P-256, the only kind of this agent's CA, and how they are written. */
final class Keys {
  static final String SIGNATURE = "SHA256withECDSA";

  private static final String CURVE = "secp256r1";
  private static final int BITS = 256;
  private static final byte[] CURVE_ID = Der.objectId("1.2.840.10045.3.1.7");
  private static final byte[] ALGORITHM = Der.sequence(Der.objectId("1.2.840.10045.2.1"), CURVE_ID);
  private static final Pattern PEM =
      Pattern.compile("-----BEGIN ((?:EC )?PRIVATE KEY)-----([A-Za-z0-9+/=\\s]+)-----END \\1-----");
  private static final Base64.Encoder LINES =
      Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII));

  private Keys() {}

  /** A new pair. */
  static KeyPair generate() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec(CURVE));
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every JDK has the curve " + CURVE, e);
    }
  }

  /** By what one certificate refers to the key of another: Consul's choice, all of its SHA-256. */
  static byte[] id(PublicKey key) {
    return digest("SHA-256", key.getEncoded());
  }

  static byte[] digest(String algorithm, byte[] content) {
    try {
      return MessageDigest.getInstance(algorithm).digest(content);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every JDK has " + algorithm, e);
    }
  }

  static String pem(String type, byte[] der) {
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(type, LINES.encodeToString(der), type);
  }

  /** The private key as Go's tools write it: {@code EC PRIVATE KEY}, SEC 1. */
  static String pem(KeyPair pair) {
    byte[] point = pair.getPublic().getEncoded();
    return pem(
        "EC PRIVATE KEY",
        Der.sequence(
            Der.integer(BigInteger.ONE),
            Der.octets(scalar((ECPrivateKey) pair.getPrivate())),
            Der.explicit(0, CURVE_ID),
            Der.explicit(1, Der.bits(Arrays.copyOfRange(point, point.length - 65, point.length)))));
  }

  private static byte[] scalar(ECPrivateKey key) {
    byte[] bytes = key.getS().toByteArray(); // perhaps with a sign, perhaps short
    byte[] scalar = new byte[BITS / 8];
    int length = Math.min(bytes.length, scalar.length);
    System.arraycopy(bytes, bytes.length - length, scalar, scalar.length - length, length);
    return scalar;
  }

  /**
   * Reads a private key as SEC 1 or PKCS #8, and finds its public key.
   *
   * @throws IllegalArgumentException if it is anything but a key on P-256; the text is not repeated
   */
  static KeyPair parse(String text) {
    Matcher block = PEM.matcher(text);
    if (!block.find()) {
      throw new IllegalArgumentException("no PEM block of an EC private key");
    }
    byte[] der = Base64.getMimeDecoder().decode(block.group(2));
    byte[] pkcs8 =
        block.group(1).equals("PRIVATE KEY")
            ? der
            : Der.sequence(Der.integer(BigInteger.ZERO), ALGORITHM, Der.octets(der));
    try {
      PrivateKey key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      if (!(key instanceof ECPrivateKey ec)
          || ec.getParams().getOrder().bitLength() != BITS
          || ec.getS().signum() <= 0
          || ec.getS().compareTo(ec.getParams().getOrder()) >= 0) {
        throw new IllegalArgumentException("the private key must be one of EC P-256");
      }
      return new KeyPair(publicKey(ec), key);
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("the private key must be one of EC P-256", e);
    }
  }

  /**
   * The JDK multiplies a point only to agree on a secret, which is the product's x; with the base
   * point as the other side's key that is the public key, but for the sign of its y.
   */
  private static PublicKey publicKey(ECPrivateKey key) throws GeneralSecurityException {
    ECParameterSpec curve = key.getParams();
    KeyFactory factory = KeyFactory.getInstance("EC");
    KeyAgreement agreement = KeyAgreement.getInstance("ECDH");
    agreement.init(key);
    agreement.doPhase(
        factory.generatePublic(new ECPublicKeySpec(curve.getGenerator(), curve)), true);
    BigInteger x = new BigInteger(1, agreement.generateSecret());
    BigInteger prime = ((ECFieldFp) curve.getCurve().getField()).getP();
    BigInteger square =
        x.pow(3).add(curve.getCurve().getA().multiply(x)).add(curve.getCurve().getB()).mod(prime);
    // The prime of P-256 is 3 modulo 4.
    BigInteger y = square.modPow(prime.add(BigInteger.ONE).shiftRight(2), prime);
    PublicKey one = factory.generatePublic(new ECPublicKeySpec(new ECPoint(x, y), curve));
    return fits(key, one)
        ? one
        : factory.generatePublic(new ECPublicKeySpec(new ECPoint(x, prime.subtract(y)), curve));
  }

  /** Whether the two are halves of one pair. */
  static boolean fits(PrivateKey secret, PublicKey open) throws GeneralSecurityException {
    if (!(open instanceof ECPublicKey)) {
      return false;
    }
    Signature signature = Signature.getInstance(SIGNATURE);
    signature.initSign(secret);
    byte[] signed = signature.sign();
    signature.initVerify(open);
    return signature.verify(signed);
  }
}
