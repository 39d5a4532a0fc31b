package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A part of the edge's paths that leads to a service by the word of operators: to one that speaks
 * HTTP itself, or to what the contract of one has at other paths. What a service sees is the path
 * without the prefix, behind its own.
 *
 * <p>Immutable.
 *
 * @param prefix the decoded segments that paths begin with; none for all that nobody else has
 * @param service its name in the registry
 * @param to what stands in the place of the prefix; empty if it is only taken away
 * @param access who may call, if the service speaks HTTP; contracts say so themselves
 * @param timeout how long a service that speaks HTTP may do nothing that a client waits for
 * @param bodyBytesMax largest body that is passed on to it
 * @param request headers that it gets in the place of the client's; an empty value means none
 * @param answer headers of answers in the place of the service's; an empty value means none
 */
record Mount(
    List<String> prefix,
    String service,
    String to,
    Access access,
    Duration timeout,
    long bodyBytesMax,
    Map<String, String> request,
    Map<String, String> answer) {

  Mount {
    prefix = List.copyOf(prefix);
    request = Map.copyOf(request);
    answer = Map.copyOf(answer);
  }

  /** Under which name logs, metrics and pages know it: {@code /legacy/**}. */
  String template() {
    return outsidePrefix() + "/**";
  }

  /** The prefix as it stands in a path; empty for all paths. */
  String outsidePrefix() {
    StringBuilder text = new StringBuilder();
    prefix.forEach(segment -> text.append('/').append(Uris.encode(segment)));
    return text.toString();
  }

  /** Whether a path, by its decoded segments, is here. */
  boolean covers(List<String> segments) {
    return segments.size() >= prefix.size() && segments.subList(0, prefix.size()).equals(prefix);
  }

  /** The path that the service sees, escaped as the client did, of one that is here. */
  String inside(RequestTarget target) {
    List<String> rest = target.segments().subList(prefix.size(), target.segments().size());
    String path = rest.isEmpty() ? to : to + "/" + String.join("/", rest);
    return path.isEmpty() ? "/" : path;
  }

  /**
   * The path that clients see of one that the service has.
   *
   * @return empty if clients cannot see it
   */
  Optional<String> outside(String path) {
    if (!path.startsWith(to) || !path.startsWith("/") || path.startsWith("//")) {
      return Optional.empty();
    }
    String rest = path.substring(to.length());
    if (!rest.isEmpty() && "/?#".indexOf(rest.charAt(0)) < 0) {
      return Optional.empty();
    }
    String seen = outsidePrefix() + rest;
    return Optional.of(seen.startsWith("/") ? seen : "/" + seen);
  }

  /** Gives a request the headers that operators want it to have. */
  void changeRequest(HttpHeaders headers) {
    request.forEach(
        (name, value) -> {
          if (value.isEmpty()) {
            headers.remove(name);
          } else {
            headers.set(name, value);
          }
        });
  }

  /** Gives an answer the headers that operators want it to have, and places that clients see. */
  void changeAnswer(Map<String, String> headers) {
    headers.computeIfPresent("Location", (_, place) -> outside(place).orElse(place));
    answer.forEach(
        (name, value) -> {
          headers.keySet().removeIf(name::equalsIgnoreCase);
          if (!value.isEmpty()) {
            headers.put(name, value);
          }
        });
  }
}
