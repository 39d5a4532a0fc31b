package dev.weft.consul;

/**
 * Asks whether our token may read what an empty answer shows nothing of.
 *
 * <p>Consul answers who may read nothing of a catalog with status 200 and an empty list, as if
 * there were nothing. From 1.11 on a header may say so; before, and for who sends no token, nothing
 * does. A config entry is what tells: who has no right to a service is refused its {@code
 * service-resolver}, whether there is one or not, and whether there is such a service or not. So it
 * is with lists of config entries and of keys: one of them, asked for alone, is refused.
 *
 * <p>Every method returns if the right is there, and throws {@link ConsulException} if it is not or
 * if it cannot be told. Thread-safe.
 */
final class Rights {
  private final ConsulHttp http;

  Rights(ConsulHttp http) {
    this.http = http;
  }

  /**
   * For an empty list of instances, of which whoever may not read their nodes sees none, either.
   *
   * @param asked the service, as a segment of a path, with the query that was answered
   */
  void requireInstances(String asked) {
    int query = asked.indexOf('?');
    String service = query < 0 ? asked : asked.substring(0, query);
    String datacenter = datacenterIn(asked);
    requireName(service, datacenter);
    Answer nodes = http.get("/v1/catalog/nodes" + datacenter).require(200);
    if (nodes.read(body -> Wire.array(body).isEmpty())) {
      // A catalog without any does not exist.
      throw ConsulException.hidden(nodes.request(), "service " + asked, "it shows no node, either");
    }
  }

  /** For an empty list of names of services that held this one. */
  void requireName(String service) {
    requireName(ConsulHttp.segment(service), "");
  }

  private void requireName(String segment, String datacenter) {
    require("/v1/config/service-resolver/" + segment + datacenter, "service " + segment);
  }

  /**
   * For an empty list of config entries or of keys.
   *
   * @param list its path
   * @param one the path of one that it held
   */
  void requireOneOf(String list, String one) {
    require(one, list);
  }

  private void require(String path, String what) {
    Answer one = http.get(path);
    switch (one.status()) {
      case 200, 404 -> {}
      case 403 -> throw ConsulException.hidden(one.request(), what, "it refuses " + one.request());
      default -> throw ConsulException.refused(one.status(), one.request(), one.body());
    }
  }

  private static String datacenterIn(String asked) {
    int start = asked.indexOf("?dc=");
    int end = asked.indexOf('&');
    return start < 0 ? "" : asked.substring(start, end < 0 ? asked.length() : end);
  }
}
