package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.math.BigInteger;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import javax.security.auth.x500.X500Principal;
import org.jspecify.annotations.Nullable;

/**
 * The CA of Connect, as Consul's built-in one: a root that signs leafs, made when it is first asked
 * for. Its key is in the agent's state and leaves it nowhere else.
 *
 * <p>A leaf is kept, and renewed at a random moment between 60 and 90 % of its life, so that those
 * who wait for the next one have it in time. When the root changes, all leafs are made anew at
 * once; the new root signed by the old one goes with them for those who do not know it yet, and the
 * old root is told for as long as leafs of its may live, twice over.
 *
 * <p>Every method is called with the ledger's lock held.
 */
final class CertificateAuthority {
  /**
   * A root that is to be trusted.
   *
   * @param intermediates PEM, what its leafs need for those who know only an older root
   * @param rotatedOut null while it signs
   */
  record Root(
      X509Certificate certificate,
      List<String> intermediates,
      @Nullable Instant rotatedOut,
      long createIndex,
      long modifyIndex) {
    String id() {
      return Certificates.fingerprint(certificate);
    }

    boolean active() {
      return rotatedOut == null;
    }

    String pem() {
      return Certificates.pem(certificate);
    }

    /** {@code cluster} is what the trust domain begins with. */
    Map<String, @Nullable Object> json(String cluster) {
      return object(
          "ID",
          id(),
          "Name",
          "Consul CA Root Cert",
          "SerialNumber",
          Json.Decimal.unsigned(certificate.getSerialNumber().longValue()),
          "SigningKeyID",
          Certificates.hex(Keys.id(certificate.getPublicKey())),
          "ExternalTrustDomain",
          cluster,
          "NotBefore",
          certificate.getNotBefore().toInstant().toString(),
          "NotAfter",
          certificate.getNotAfter().toInstant().toString(),
          "RootCert",
          pem(),
          "IntermediateCerts",
          intermediates.isEmpty() ? null : intermediates,
          "Active",
          active(),
          "PrivateKeyType",
          "ec",
          "PrivateKeyBits",
          256,
          "CreateIndex",
          createIndex,
          "ModifyIndex",
          modifyIndex);
    }

    Map<String, @Nullable Object> saved() {
      return object(
          "RootCert",
          pem(),
          "IntermediateCerts",
          intermediates,
          "RotatedOut",
          rotatedOut == null ? "" : rotatedOut.toString(),
          "CreateIndex",
          createIndex,
          "ModifyIndex",
          modifyIndex);
    }

    static Root restore(@Nullable Object saved) throws CertificateException {
      Fields fields =
          new Fields(
              saved,
              List.of("RootCert", "IntermediateCerts", "RotatedOut", "CreateIndex", "ModifyIndex"));
      String rotatedOut = fields.text("RotatedOut");
      return new Root(
          Certificates.read(fields.text("RootCert").getBytes(StandardCharsets.US_ASCII)),
          fields.texts("IntermediateCerts"),
          rotatedOut.isEmpty() ? null : Instant.parse(rotatedOut),
          fields.unsigned("CreateIndex"),
          fields.unsigned("ModifyIndex"));
    }
  }

  /** A certificate that was given out, with its key. */
  record Leaf(
      String service,
      String uri,
      X509Certificate certificate,
      String chainPem,
      String keyPem,
      Instant renewAt,
      long createIndex,
      long modifyIndex) {
    Map<String, @Nullable Object> json() {
      return object(
          "SerialNumber",
          Certificates.serial(certificate),
          "CertPEM",
          chainPem,
          "PrivateKeyPEM",
          keyPem,
          "Service",
          service,
          "ServiceURI",
          uri,
          "ValidAfter",
          certificate.getNotBefore().toInstant().toString(),
          "ValidBefore",
          certificate.getNotAfter().toInstant().toString(),
          "CreateIndex",
          createIndex,
          "ModifyIndex",
          modifyIndex);
    }
  }

  private static final int LEAFS_MAX = 1_024;
  private static final int COMMON_NAME_MAX = 64;

  /** Before now, so that a clock that is a little behind accepts a certificate at once. */
  private static final Duration DRIFT = Duration.ofMinutes(1);

  /** The longest a leaf of the old root can need the new root signed by it. */
  private static final Duration CROSS_SIGNED_LIFE = Duration.ofDays(7);

  private final Ledger ledger;
  private final InstantSource clock;
  private final String datacenter;
  private final LinkedHashMap<String, Leaf> leafs =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Leaf> eldest) {
          return size() > LEAFS_MAX;
        }
      };
  private String cluster = UUID.randomUUID().toString();
  private long serial;
  private List<Root> roots = List.of();
  private @Nullable KeyPair key;
  private CaSettings settings = CaSettings.DEFAULT;
  private long rootsIndex;
  private long settingsCreateIndex;
  private long settingsModifyIndex;

  CertificateAuthority(Ledger ledger, InstantSource clock, String datacenter) {
    this.ledger = ledger;
    this.clock = clock;
    this.datacenter = datacenter;
  }

  // ---- Roots

  /** Whether there is a root already. */
  boolean exists() {
    return key != null;
  }

  /** Makes the first root if there is none. */
  void ensure() {
    if (key == null) {
      long index = ledger.advance();
      settingsCreateIndex = index;
      settingsModifyIndex = index;
      install(settings.newRoot(this::selfSigned), List.of(), index);
    }
  }

  String trustDomain() {
    return cluster + ".consul";
  }

  /** Moves when a root comes or goes, or the configuration changes. */
  long rootsIndex() {
    return rootsIndex;
  }

  /** The newest last. */
  List<Root> roots() {
    return roots;
  }

  private Root active() {
    return roots.getLast();
  }

  Map<String, @Nullable Object> rootsJson() {
    return object(
        "ActiveRootID",
        active().id(),
        "TrustDomain",
        trustDomain(),
        "Roots",
        roots.stream().map(root -> root.json(cluster)).toList());
  }

  private X509Certificate selfSigned(KeyPair pair) {
    Instant now = now();
    X500Principal name =
        new X500Principal(
            "CN=pri-%s.consul.ca.%s.consul"
                .formatted(UUID.randomUUID().toString().substring(0, 8), cluster.substring(0, 8)));
    return Certificates.sign(
        new Certificates.Content(
            Certificates.Role.AUTHORITY,
            nextSerial(),
            name,
            pair.getPublic(),
            name,
            pair.getPublic(),
            "spiffe://" + trustDomain(),
            now,
            now.plus(settings.rootLife())),
        pair.getPrivate());
  }

  private void install(CaSettings.Signer signer, List<String> intermediates, long index) {
    Instant now = now();
    List<Root> next = new ArrayList<>();
    for (Root old : roots) {
      next.add(
          new Root(
              old.certificate(),
              old.intermediates(),
              old.rotatedOut() == null ? now : old.rotatedOut(),
              old.createIndex(),
              index));
    }
    next.add(new Root(signer.certificate(), intermediates, null, index, index));
    roots = List.copyOf(next);
    key = signer.pair();
    rootsIndex = index;
  }

  private BigInteger nextSerial() {
    serial++;
    return BigInteger.valueOf(serial);
  }

  /** Certificates count in seconds. */
  private Instant now() {
    return clock.instant().truncatedTo(ChronoUnit.SECONDS);
  }

  // ---- Configuration

  Map<String, @Nullable Object> settingsJson() {
    Map<String, @Nullable Object> json = settings.json();
    json.put("CreateIndex", settingsCreateIndex);
    json.put("ModifyIndex", settingsModifyIndex);
    return json;
  }

  /**
   * Takes the configuration, with another root if it asks for another key.
   *
   * @throws ApiError if it cannot be used; then nothing has changed
   */
  void configure(CaSettings wanted) {
    ensure();
    if (wanted.equals(settings)) {
      return;
    }
    boolean rotates = !wanted.sameSigner(settings);
    CaSettings before = settings;
    settings = wanted; // the lives of what is signed from here on
    try {
      CaSettings.Signer signer = rotates ? wanted.newRoot(this::selfSigned) : null;
      long index = ledger.advance();
      settingsModifyIndex = index;
      rootsIndex = index;
      if (signer != null) {
        install(signer, wanted.crossSigns() ? List.of(crossSigned(signer)) : List.of(), index);
        List.copyOf(leafs.keySet()).forEach(this::issue);
      }
    } catch (IllegalArgumentException e) {
      settings = before;
      throw new ApiError(500, "error generating CA root certificate: " + e.getMessage());
    }
  }

  /** The new root as the old one, which still signs, vouches for it. */
  private String crossSigned(CaSettings.Signer fresh) {
    X509Certificate old = active().certificate();
    Instant now = now();
    return Certificates.pem(
        Certificates.sign(
            new Certificates.Content(
                Certificates.Role.AUTHORITY,
                nextSerial(),
                old.getSubjectX500Principal(),
                old.getPublicKey(),
                fresh.certificate().getSubjectX500Principal(),
                fresh.certificate().getPublicKey(),
                "spiffe://" + trustDomain(),
                now.minus(DRIFT),
                now.minus(DRIFT).plus(CROSS_SIGNED_LIFE)),
            signingKey().getPrivate()));
  }

  private KeyPair signingKey() {
    if (key == null) {
      throw new IllegalStateException("there is no root yet");
    }
    return key;
  }

  // ---- Leafs

  /** The certificate of the service, a new one if need be; any name will do. */
  Leaf leaf(String service) {
    Leaf known = leafs.get(service);
    return known == null || !clock.instant().isBefore(known.renewAt()) ? issue(service) : known;
  }

  private Leaf issue(String service) {
    KeyPair pair = Keys.generate();
    Instant from = now().minus(DRIFT);
    Duration life = settings.leafLife();
    String uri = uri(service);
    X509Certificate certificate =
        Certificates.sign(
            new Certificates.Content(
                Certificates.Role.LEAF,
                nextSerial(),
                active().certificate().getSubjectX500Principal(),
                active().certificate().getPublicKey(),
                new X500Principal("CN=" + commonName(service)),
                pair.getPublic(),
                uri,
                from,
                from.plus(life)),
            signingKey().getPrivate());
    long index = ledger.advance();
    Leaf known = leafs.get(service);
    Leaf leaf =
        new Leaf(
            service,
            uri,
            certificate,
            Certificates.pem(certificate) + String.join("", active().intermediates()),
            Keys.pem(pair),
            from.plus(
                life.multipliedBy(ThreadLocalRandom.current().nextLong(60, 90)).dividedBy(100)),
            known == null ? index : known.createIndex(),
            index);
    leafs.put(service, leaf);
    return leaf;
  }

  private String uri(String service) {
    try {
      return new URI(
              "spiffe", trustDomain(), "/ns/default/dc/" + datacenter + "/svc/" + service, null)
          .toASCIIString();
    } catch (URISyntaxException e) {
      throw new ApiError(400, "no SPIFFE id can be made of the service's name");
    }
  }

  /** {@code ordersvc.svc.default.9bb48758.consul}, short enough for every reader. */
  private String commonName(String service) {
    String rest = ".svc.default." + cluster.substring(0, 8) + ".consul";
    String name = service.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]", "");
    return name.substring(0, Math.min(name.length(), COMMON_NAME_MAX - rest.length())) + rest;
  }

  /** Renews what is due, and forgets roots whose leafs are all long dead. */
  void keepUp() {
    Instant now = clock.instant();
    for (Leaf leaf : List.copyOf(leafs.values())) {
      if (!now.isBefore(leaf.renewAt())) {
        issue(leaf.service());
      }
    }
    List<Root> left =
        roots.stream()
            .filter(
                root ->
                    root.rotatedOut() == null
                        || now.isBefore(
                            root.rotatedOut().plus(settings.leafLife().multipliedBy(2))))
            .toList();
    if (left.size() < roots.size()) {
      roots = left;
      rootsIndex = ledger.advance();
    }
  }

  // ---- Over a restart

  /**
   * What {@link #restore} takes back; the leafs are made anew. Empty as long as there is no root.
   */
  Map<String, @Nullable Object> saved() {
    return key == null
        ? Map.of()
        : object(
            "Cluster",
            cluster,
            "Serial",
            serial,
            "PrivateKey",
            Keys.pem(key),
            "Roots",
            roots.stream().map(Root::saved).toList(),
            "Settings",
            settings.saved(),
            "CreateIndex",
            settingsCreateIndex,
            "ModifyIndex",
            settingsModifyIndex);
  }

  /**
   * Takes back what {@link #saved} returned.
   *
   * @throws RuntimeException if it makes no sense
   */
  void restore(Map<String, @Nullable Object> saved) {
    if (saved.isEmpty()) {
      return;
    }
    Fields fields =
        new Fields(
            saved,
            List.of(
                "Cluster",
                "Serial",
                "PrivateKey",
                "Roots",
                "Settings",
                "CreateIndex",
                "ModifyIndex"));
    try {
      List<Root> restored = new ArrayList<>();
      for (Object root : fields.list("Roots")) {
        restored.add(Root.restore(root));
      }
      KeyPair pair = Keys.parse(fields.text("PrivateKey"));
      if (restored.isEmpty()
          || !restored.getLast().active()
          || !Keys.fits(pair.getPrivate(), restored.getLast().certificate().getPublicKey())) {
        throw new IllegalArgumentException("its CA has no root that its key fits");
      }
      cluster = UUID.fromString(fields.text("Cluster")).toString();
      serial = fields.unsigned("Serial");
      roots = List.copyOf(restored);
      key = pair;
      settings = CaSettings.restore(fields.object("Settings"));
      settingsCreateIndex = fields.unsigned("CreateIndex");
      settingsModifyIndex = fields.unsigned("ModifyIndex");
      rootsIndex = ledger.index();
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("its CA cannot be read", e);
    }
  }
}
