package dev.weft.consul;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import dev.weft.consul.Intention.Action;
import dev.weft.consul.LastKnown.Page;
import dev.weft.consul.LastKnown.View;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Who may call a service, as Consul's operators say it, whichever of Consul's APIs they said it
 * with.
 *
 * <p>The newest answer of the agent counts whole: what it no longer holds is gone at once. Single
 * calls throw {@link ConsulException} when they fail. Thread-safe.
 */
public final class Intentions {
  /** Nobody is called that, so only intentions about everybody apply to it. */
  private static final String NOBODY = "weft-" + UUID.randomUUID();

  private static final Gson GSON = new Gson();

  private static final DiskSnapshot.Form<IntentionMatch> MATCH =
      new DiskSnapshot.Form<>(
          entries -> GSON.toJsonTree(entries.get(""), IntentionMatch.class),
          json -> Map.of("", GSON.fromJson(json, IntentionMatch.class)),
          _ -> Instant.MAX);

  private final ConsulHttp http;
  private final SharedWatches<IntentionMatch, IntentionMatch> watches;

  /** Whether the match API says an index, as it does from Consul 1.9 on. */
  private volatile boolean indexed = true;

  Intentions(ConsulHttp http, Semaphore slots, Optional<Path> snapshots) {
    this.http = http;
    watches =
        new SharedWatches<>(
            destination -> {
              DiskSnapshot<IntentionMatch> snapshot =
                  DiskSnapshot.in(
                      snapshots,
                      "intentions-" + ConsulHttp.segment(destination),
                      MATCH,
                      InstantSource.system());
              return new Watch<>(
                  "the intentions of " + destination,
                  (index, wait) -> poll(destination, index, wait),
                  LastKnown.whole(snapshot::read),
                  Intentions::shown,
                  slots,
                  snapshot);
            });
  }

  /** The intentions about the service right now. */
  public IntentionMatch match(String destination) {
    return read(destination, http.get(matchPath(destination)));
  }

  /**
   * Calls the listener with the intentions about the service from the agent's first answer on,
   * after each change, and when they turn stale or fresh. Threads as for {@link
   * Consul#watchService}.
   */
  public Subscription watch(String destination, Consumer<IntentionMatch> listener) {
    return watches.subscribe(destination, listener);
  }

  private static @Nullable IntentionMatch shown(View<IntentionMatch> view) {
    IntentionMatch match = view.entries().get("");
    return match == null ? null : match.withStale(view.stale());
  }

  private Page<IntentionMatch> poll(String destination, long index, Duration wait) {
    if (index == 0 || indexed) {
      Answer match = http.poll(matchPath(destination), index, wait).require(200);
      indexed = match.index() != null;
      if (indexed) {
        return page(read(destination, match), match);
      }
    }
    // Consul 1.8 has no index on matches, but on the list, where any intention moves it. What is
    // read after the list's answer is at least as new as its index.
    Answer list = http.poll(listPath(destination), index, wait).require(200);
    return page(match(destination), list);
  }

  private static Page<IntentionMatch> page(IntentionMatch match, Answer indexed) {
    return new Page<>(Map.of("", match), indexed.requireIndex(), indexed.doubtful());
  }

  private IntentionMatch read(String destination, Answer answer) {
    List<Intention> intentions =
        answer.require(200).read(body -> IntentionWire.matches(body, destination));
    boolean aboutEverybody = intentions.stream().anyMatch(Intention::appliesToAll);
    return new IntentionMatch(
        destination,
        intentions,
        defaultFor(destination, aboutEverybody, answer.defaultPolicy()),
        false);
  }

  /**
   * What counts for calls that no intention is about.
   *
   * <p>Up to Consul 1.8 that is what the agent says about a caller that nobody knows, unless an
   * intention about everybody hides it. From 1.18 on a {@code default_intention_policy} may say
   * otherwise, which the check does not know (hashicorp/consul#23868). So newer agents are asked
   * for their configuration first, and so is one whose default is hidden; where that takes a right
   * that our token does not have, it is their {@code acl.default_policy} that counts.
   *
   * @param hidden whether there is an intention about everybody. The default then counts only for
   *     calls that no permission of it matches
   * @param acls the {@code acl.default_policy}; empty if the agent is too old to say it. What is
   *     hidden and not said is taken for deny
   */
  private Action defaultFor(String destination, boolean hidden, String acls) {
    if (!hidden && acls.isEmpty()) {
      return checked(destination);
    }
    Answer self = http.get("/v1/agent/self");
    if (self.status() == 403) {
      return hidden ? Action.of(acls) : checked(destination);
    }
    return self.require(200)
        .read(body -> configured(Wire.object(body.getAsJsonObject(), "DebugConfig")));
  }

  private static Action configured(JsonObject debugConfig) {
    String own = Wire.text(debugConfig, "DefaultIntentionPolicy");
    if (!own.isEmpty()) {
      return Action.of(own);
    }
    return Agent.aclsEnabled(debugConfig)
        ? Action.of(Agent.aclDefaultPolicy(debugConfig))
        : Action.ALLOW;
  }

  /** What the agent says about a caller that no intention knows, which needs no further right. */
  private Action checked(String destination) {
    String query = "?source=" + NOBODY + "&destination=" + ConsulHttp.segment(destination);
    return http.get("/v1/connect/intentions/check" + query)
        .require(200)
        .read(body -> Wire.flag(body.getAsJsonObject(), "Allowed") ? Action.ALLOW : Action.DENY);
  }

  private static String matchPath(String destination) {
    return "/v1/connect/intentions/match?by=destination&name=" + ConsulHttp.segment(destination);
  }

  /** The list is asked for its index only, so it may be short. */
  private static String listPath(String destination) {
    return "/v1/connect/intentions?filter="
        + ConsulHttp.segment("DestinationName == \"" + destination + "\"");
  }

  void close() {
    watches.close();
  }
}
