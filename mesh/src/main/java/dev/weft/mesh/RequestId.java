package dev.weft.mesh;

import io.grpc.Context;
import io.grpc.Metadata;
import java.util.Optional;

/**
 * The id under which a user's request is known in logs, from the edge to the last service. Arrives
 * as metadata {@code x-request-id} and goes out with every call made while serving. One that is not
 * 1 to 128 letters, digits and {@code . _ -} is dropped.
 */
public final class RequestId {
  static final Metadata.Key<String> HEADER =
      Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);

  private static final Context.Key<String> KEY = Context.key("weft-request-id");
  private static final int MAX_LENGTH = 128;

  private RequestId() {}

  /** The id of the request this thread works for. */
  public static Optional<String> current() {
    return Optional.ofNullable(KEY.get());
  }

  /** The context with this id in it, or unchanged if the id is not fit to be one. */
  public static Context in(Context context, String id) {
    return valid(id) ? context.withValue(KEY, id) : context;
  }

  private static boolean valid(String id) {
    if (id.isEmpty() || id.length() > MAX_LENGTH) {
      return false;
    }
    for (int i = 0; i < id.length(); i++) {
      char c = id.charAt(i);
      boolean fit =
          (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || c == '.'
              || c == '_'
              || c == '-';
      if (!fit) {
        return false;
      }
    }
    return true;
  }
}
