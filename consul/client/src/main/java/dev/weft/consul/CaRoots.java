package dev.weft.consul;

import java.security.cert.X509Certificate;
import java.util.List;

/**
 * Everything that is to be trusted in this cluster at one moment.
 *
 * @param trustDomain the authority of every SPIFFE id that this cluster gives out, as {@code
 *     9bb48758-….consul}
 * @param activeId the id of the root that signs now
 * @param roots the active one, and those that were rotated out and still have leafs in use
 */
public record CaRoots(String trustDomain, String activeId, List<CaRoot> roots) {
  public CaRoots {
    roots = List.copyOf(roots);
    if (trustDomain.isEmpty()) {
      throw new IllegalArgumentException("trustDomain: empty (expected: a host name)");
    }
    if (roots.stream().noneMatch(root -> root.id().equals(activeId))) {
      throw new IllegalArgumentException("activeId: " + activeId + " (expected: one of the roots)");
    }
  }

  /** The root that signs now. */
  public CaRoot active() {
    return roots.stream().filter(root -> root.id().equals(activeId)).findFirst().orElseThrow();
  }

  /** The certificates of all roots: trust every one of them. */
  public List<X509Certificate> certificates() {
    return roots.stream().map(CaRoot::certificate).toList();
  }

  /** All root certificates as PEM, for tools that take a file. */
  public String pem() {
    return Pem.text(certificates());
  }
}
