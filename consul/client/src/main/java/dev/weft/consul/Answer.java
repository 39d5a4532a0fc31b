package dev.weft.consul;

import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One answer of the agent.
 *
 * @param index {@code X-Consul-Index}, unsigned; null where the call has none
 * @param leaderKnown false when the agent says it knows no leader
 * @param filtered the agent says that it left out what the token may not see (Consul 1.11 and
 *     newer)
 * @param defaultPolicy the agent's {@code acl.default_policy}, whether it has ACLs or not (Consul
 *     1.9 and newer); otherwise empty
 */
record Answer(
    String request,
    int status,
    String body,
    @Nullable Long index,
    boolean leaderKnown,
    boolean filtered,
    String defaultPolicy) {

  /** This answer, if it has the status; otherwise what went wrong. */
  Answer require(int expected) {
    if (status != expected) {
      throw ConsulException.refused(status, request, body);
    }
    return this;
  }

  /** Whether the agent itself says that something may be missing. */
  boolean doubtful() {
    return !leaderKnown || filtered;
  }

  /** Reads the body; what cannot be read is the answer's fault, never a bug of ours. */
  <T> T read(Function<JsonElement, T> reader) {
    try {
      return reader.apply(JsonParser.parseString(body));
    } catch (JsonParseException
        | IllegalStateException
        | IllegalArgumentException
        | UnsupportedOperationException e) {
      throw ConsulException.unreadable(status, request, String.valueOf(e.getMessage()));
    }
  }

  /** The index of a blocking query. */
  long requireIndex() {
    if (index == null) {
      throw ConsulException.unreadable(status, request, "no X-Consul-Index");
    }
    return index;
  }
}
