package dev.weft.mesh;

import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Who a certificate of Consul Connect is for: {@code
 * spiffe://TRUST-DOMAIN/ns/default/dc/DC/svc/SERVICE}. A service of another namespace or partition
 * is not one of these: it may have the name of one of ours.
 *
 * @param trustDomain the cluster's, in lower case
 * @param service its name in the registry
 */
record SpiffeId(String trustDomain, String service) {
  private static final int LENGTH_MAX = 2_048;

  private static final Pattern FORM =
      Pattern.compile(
          "[Ss][Pp][Ii][Ff][Ff][Ee]://(?<domain>[A-Za-z0-9._-]{1,255})(?:/ap/default)?/ns/default"
              + "/dc/[A-Za-z0-9_-]{1,255}/svc/(?<service>[A-Za-z0-9._-]{1,255})");

  /** {@code GeneralName} of RFC 5280 §4.2.1.6. */
  private static final int URI = 6;

  static Optional<SpiffeId> parse(String uri) {
    Matcher form = FORM.matcher(uri);
    return uri.length() <= LENGTH_MAX && form.matches()
        ? Optional.of(
            new SpiffeId(form.group("domain").toLowerCase(Locale.ROOT), form.group("service")))
        : Optional.empty();
  }

  /** The one name that the certificate has; a second one would be somebody else. */
  static SpiffeId of(X509Certificate certificate) throws PeerRefused {
    List<String> uris;
    try {
      uris = uris(certificate.getSubjectAlternativeNames());
    } catch (CertificateParsingException e) {
      throw new PeerRefused(
          PeerRefused.Reason.CERTIFICATE_WITHOUT_SERVICE,
          "the names in the certificate cannot be read",
          e);
    }
    Optional<SpiffeId> id = uris.size() == 1 ? parse(uris.getFirst()) : Optional.empty();
    return id.orElseThrow(
        () ->
            new PeerRefused(
                PeerRefused.Reason.CERTIFICATE_WITHOUT_SERVICE,
                "the certificate is not for one service of the mesh, but for " + shown(uris)));
  }

  private static List<String> uris(@Nullable Collection<List<?>> names) {
    return names == null
        ? List.of()
        : names.stream()
            .filter(name -> name.get(0) instanceof Integer kind && kind == URI)
            .map(name -> String.valueOf(name.get(1)))
            .toList();
  }

  private static String shown(List<String> uris) {
    return uris.isEmpty() ? "nobody" : ErrorDetails.shortened(String.join(", ", uris));
  }

  /** Names of services are the same to Consul in upper and lower case. */
  boolean isService(String name) {
    return service.equalsIgnoreCase(name);
  }
}
