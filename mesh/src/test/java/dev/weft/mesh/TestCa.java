package dev.weft.mesh;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A certificate authority that writes what Consul's does, and what it never would. */
final class TestCa {
  static final String DOMAIN = "11111111-2222-3333-4444-555555555555.consul";

  private static final Duration LIFE = Duration.ofDays(3);
  private static final Duration LIFE_OF_ROOT = Duration.ofDays(3650);
  private static final AtomicInteger NUMBER = new AtomicInteger();
  private static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
  private static final String SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
  private static final DateTimeFormatter UTC_TIME =
      DateTimeFormatter.ofPattern("yyMMddHHmmss'Z'").withZone(ZoneOffset.UTC);

  private final String domain;
  private final String name = "Consul CA " + NUMBER.incrementAndGet();
  private final KeyPair key = ServiceKeys.pair();
  private final X509Certificate root;

  /** A certificate with all of its chain, and its key. */
  record Leaf(List<X509Certificate> chain, PrivateKey key) {
    /** As others than the mesh want it. */
    String chainPem() {
      StringBuilder pem = new StringBuilder();
      chain.forEach(certificate -> pem.append(TestCa.pem("CERTIFICATE", encoded(certificate))));
      return pem.toString();
    }

    String keyPem() {
      return TestCa.pem("PRIVATE KEY", key.getEncoded());
    }
  }

  TestCa(String domain) {
    this.domain = domain;
    this.root = authority(name, key.getPublic());
  }

  X509Certificate root() {
    return root;
  }

  String rootPem() {
    return pem("CERTIFICATE", encoded(root));
  }

  /** The certificate of another authority, signed by this one. */
  X509Certificate crossSigned(TestCa other) {
    return authority(other.name, other.key.getPublic());
  }

  /** As Consul writes it: back-dated a minute, and good for three days. */
  Leaf leaf(String service) {
    Instant from = Instant.now().minus(Duration.ofMinutes(1));
    return leaf(service, from, from.plus(LIFE));
  }

  Leaf leaf(String service, Instant from, Instant to) {
    return named(List.of(uri(service)), from, to, false);
  }

  /** The same certificate, with one that leads to another root. */
  Leaf leaf(String service, X509Certificate intermediate) {
    Leaf leaf = leaf(service);
    List<X509Certificate> chain = new ArrayList<>(leaf.chain);
    chain.add(intermediate);
    return new Leaf(chain, leaf.key);
  }

  /** One for these names, that may itself sign others if it is told so. */
  Leaf named(List<String> uris, boolean mayIssue) {
    Instant from = Instant.now().minus(Duration.ofMinutes(1));
    return named(uris, from, from.plus(LIFE), mayIssue);
  }

  private Leaf named(List<String> uris, Instant from, Instant to, boolean mayIssue) {
    KeyPair pair = ServiceKeys.pair();
    byte[][] names = new byte[uris.size()][];
    for (int i = 0; i < names.length; i++) {
      names[i] = tlv(0x86, uris.get(i).getBytes(StandardCharsets.US_ASCII));
    }
    List<byte[]> extensions = new ArrayList<>();
    extensions.add(extension("2.5.29.15", tlv(0x03, new byte[] {7, (byte) 0x80})));
    extensions.add(extension("2.5.29.37", sequence(oid(SERVER_AUTH), oid(CLIENT_AUTH))));
    extensions.add(
        extension("2.5.29.19", mayIssue ? sequence(tlv(0x01, new byte[] {-1})) : sequence()));
    if (names.length > 0) {
      extensions.add(extension("2.5.29.17", sequence(names)));
    }
    return new Leaf(
        List.of(certificate("leaf", pair.getPublic(), from, to, extensions)), pair.getPrivate());
  }

  String uri(String service) {
    return "spiffe://" + domain + "/ns/default/dc/dc1/svc/" + service;
  }

  private X509Certificate authority(String subject, PublicKey publicKey) {
    Instant from = Instant.now().minus(Duration.ofDays(1));
    return certificate(
        subject,
        publicKey,
        from,
        from.plus(LIFE_OF_ROOT),
        List.of(
            extension("2.5.29.15", tlv(0x03, new byte[] {1, 0x06})),
            extension("2.5.29.19", sequence(tlv(0x01, new byte[] {-1})))));
  }

  private X509Certificate certificate(
      String subject, PublicKey publicKey, Instant from, Instant to, List<byte[]> extensions) {
    byte[] algorithm = sequence(oid("1.2.840.10045.4.3.2"));
    byte[] body =
        sequence(
            tlv(0xa0, integer(2)),
            integer(NUMBER.incrementAndGet()),
            algorithm,
            distinguished(name),
            sequence(time(from), time(to)),
            distinguished(subject),
            publicKey.getEncoded(),
            tlv(0xa3, sequence(extensions.toArray(byte[][]::new))));
    try {
      Signature signature = Signature.getInstance("SHA256withECDSA");
      signature.initSign(key.getPrivate());
      signature.update(body);
      byte[] bits = concat(new byte[] {0}, signature.sign());
      return (X509Certificate)
          CertificateFactory.getInstance("X.509")
              .generateCertificate(
                  new ByteArrayInputStream(sequence(body, algorithm, tlv(0x03, bits))));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] encoded(X509Certificate certificate) {
    try {
      return certificate.getEncoded();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String pem(String what, byte[] der) {
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(what, Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der), what);
  }

  private static byte[] distinguished(String commonName) {
    byte[] text = tlv(0x0c, commonName.getBytes(StandardCharsets.UTF_8));
    return sequence(tlv(0x31, sequence(oid("2.5.4.3"), text)));
  }

  private static byte[] extension(String id, byte[] value) {
    return sequence(oid(id), tlv(0x04, value));
  }

  private static byte[] time(Instant instant) {
    return tlv(0x17, UTC_TIME.format(instant).getBytes(StandardCharsets.US_ASCII));
  }

  private static byte[] integer(long value) {
    return tlv(0x02, BigInteger.valueOf(value).toByteArray());
  }

  private static byte[] oid(String dotted) {
    String[] parts = dotted.split("\\.", -1);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(Integer.parseInt(parts[0]) * 40 + Integer.parseInt(parts[1]));
    for (int i = 2; i < parts.length; i++) {
      int value = Integer.parseInt(parts[i]);
      for (int shift = 28; shift > 0; shift -= 7) {
        if (value >>> shift != 0) {
          out.write(((value >>> shift) & 0x7f) | 0x80);
        }
      }
      out.write(value & 0x7f);
    }
    return tlv(0x06, out.toByteArray());
  }

  private static byte[] sequence(byte[]... parts) {
    return tlv(0x30, concat(parts));
  }

  private static byte[] tlv(int tag, byte[] value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(tag);
    if (value.length < 0x80) {
      out.write(value.length);
    } else if (value.length < 0x100) {
      out.write(0x81);
      out.write(value.length);
    } else {
      out.write(0x82);
      out.write(value.length >> 8);
      out.write(value.length);
    }
    out.writeBytes(value);
    return out.toByteArray();
  }

  private static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
