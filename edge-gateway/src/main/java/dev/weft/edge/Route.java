package dev.weft.edge;

import dev.weft.mesh.InstanceSet;
import dev.weft.transcoder.ReplyText;
import java.util.Optional;

/**
 * One HTTP method on one path template, and what it calls.
 *
 * @param httpMethod upper-case, or {@code *} for any
 * @param identifies how the path of a created resource is made, for rules that create one
 */
record Route(
    String httpMethod,
    PathTemplate template,
    Rpc rpc,
    Transcoder transcoder,
    Optional<Location> identifies) {

  /** Any method. */
  static final String ANY_METHOD = "*";

  /**
   * The path of a resource: that of its collection, a slash and its id.
   *
   * @param collection path without a slash at the end
   * @param id where in the resource
   */
  record Location(String collection, ReplyText id) {}

  /** The way to an RPC by its name. */
  static Route named(Rpc rpc, Transcoder transcoder) {
    PathTemplate path = PathTemplate.parse("/" + rpc.name());
    return new Route("POST", path, rpc, transcoder, Optional.empty());
  }

  /** What no two routes may have in common: method and shape. */
  String key() {
    return httpMethod + " " + template.shape();
  }

  /** The same, called at these instances. */
  Route at(Optional<InstanceSet> instances) {
    return new Route(httpMethod, template, rpc.at(instances), transcoder, identifies);
  }

  /** The same, but that variables of several segments are decoded with their slashes. */
  Route decodingSlashes() {
    return new Route(httpMethod, template.decodingSlashes(), rpc, transcoder, identifies);
  }

  Route withLocation(Location location) {
    return new Route(httpMethod, template, rpc, transcoder, Optional.of(location));
  }
}
