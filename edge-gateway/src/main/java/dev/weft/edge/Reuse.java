package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What an answer to a read says of its reuse (RFC 9111). For methods whose contract allows any: for
 * how long, and by whom. Shared caches may keep only what was answered to nobody in particular; an
 * answer to a request with a token, and of a method that needs one, is its user's. Its tag has a
 * digest of the body: a resource's own {@code etag} may leave out what changes often, such as the
 * stock of a product.
 *
 * <p>Other resources may not be kept, but those with an {@code etag} say it, so that a client who
 * looks again is told at little cost that nothing has changed.
 */
final class Reuse {
  private Reuse() {}

  /**
   * The answer with what is to be said of its reuse, or 304 if the client has it already.
   *
   * @param version the resource's own, if it has one
   * @throws Refused with 412 if the client wants another version only
   */
  static Answer of(Answer whole, Rpc rpc, Optional<EntityTag> version, HttpHeaders request) {
    return conditional(tagged(whole, rpc, version, request), request);
  }

  /**
   * The answer with what is to be said of its reuse.
   *
   * @param version the resource's own, if it has one
   */
  static Answer tagged(Answer whole, Rpc rpc, Optional<EntityTag> version, HttpHeaders request) {
    if (rpc.fresh().isZero()) {
      return version.map(own -> whole.with("ETag", own.text())).orElse(whole);
    }
    EntityTag tag =
        version
            .map(own -> own.withBody(whole.body()))
            .orElseGet(() -> EntityTag.ofBody(whole.body()));
    return whole.with("Cache-Control", control(rpc, request)).with("ETag", tag.text());
  }

  private static String control(Rpc rpc, HttpHeaders request) {
    boolean shared = rpc.access() instanceof Access.Public && !request.contains("authorization");
    String control = (shared ? "public" : "private") + ", max-age=" + rpc.fresh().toSeconds();
    return rpc.stale().isZero() ? control : control + ", stale-if-error=" + rpc.stale().toSeconds();
  }

  /**
   * The answer, or 304 if the client has it already.
   *
   * @param tagged what every client would be answered
   * @throws Refused with 412 if the client wants another version only
   */
  static Answer conditional(Answer tagged, HttpHeaders request) {
    String said = tagged.headers().get("ETag");
    if (said == null) {
      return tagged;
    }
    EntityTag tag = new EntityTag(said);
    List<String> wanted = EntityTag.list(request.getAll("if-match"));
    if (!wanted.isEmpty() && !tag.surelyAmong(wanted)) {
      throw new Refused(Problems.etagMismatch());
    }
    Optional<String> known = tag.among(EntityTag.list(request.getAll("if-none-match")));
    if (known.isEmpty()) {
      return tagged;
    }
    String told = known.get();
    Map<String, String> headers = new LinkedHashMap<>(tagged.headers());
    headers.put("ETag", told.equals("*") || tag.isWeak() ? tag.text() : strong(told));
    return Answer.empty(304, headers);
  }

  /** The tag as it was given out: clients may have weakened it on their way. */
  private static String strong(String tag) {
    return tag.startsWith("W/") ? tag.substring(2) : tag;
  }
}
