package dev.weft.edge;

import io.grpc.Status;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import org.jspecify.annotations.Nullable;

/**
 * How a request ended, as far as metrics tell requests apart: the same for many of them.
 *
 * @param route the template; empty when there was none
 * @param status 0 when there was none
 * @param code how the call ended, where the status does not say it
 * @param left whether the client did not wait for the end
 */
record Outcome(
    String method,
    String scheme,
    String route,
    int status,
    Status.@Nullable Code code,
    boolean left) {
  static final AttributeKey<String> METHOD = AttributeKey.stringKey("http.request.method");
  static final AttributeKey<String> SCHEME = AttributeKey.stringKey("url.scheme");

  static final AttributeKey<String> ROUTE = AttributeKey.stringKey("http.route");
  private static final AttributeKey<String> ERROR = AttributeKey.stringKey("error.type");
  private static final AttributeKey<Long> STATUS =
      AttributeKey.longKey("http.response.status_code");

  /** Named as mesh names it. */
  private static final AttributeKey<String> CODE =
      AttributeKey.stringKey("rpc.response.status_code");

  static Outcome of(Observation request) {
    return new Outcome(
        request.method(),
        request.scheme(),
        request.route(),
        request.status(),
        request.code(),
        request.left());
  }

  /** Whether it is for this side to mend. */
  boolean failed() {
    return status >= 500 || (code != null && HttpStatuses.of(code) >= 500);
  }

  Attributes attributes() {
    AttributesBuilder attributes = Attributes.builder().put(METHOD, method).put(SCHEME, scheme);
    if (!route.isEmpty()) {
      attributes.put(ROUTE, route);
    }
    if (status != 0) {
      attributes.put(STATUS, (long) status);
    }
    if (code != null) {
      attributes.put(CODE, code.name());
    }
    if (failed()) {
      attributes.put(ERROR, code == null ? Integer.toString(status) : code.name());
    } else if (left) {
      attributes.put(ERROR, "client_left");
    }
    return attributes.build();
  }
}
