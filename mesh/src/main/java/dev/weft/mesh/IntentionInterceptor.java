package dev.weft.mesh;

import dev.weft.consul.IntentionMatch;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the registry's intentions about every call, and, when they change, about every stream that
 * is open. Belongs inside the interceptor that answers for a {@link Rejection}, behind {@link
 * PeerInterceptor}, which knows who calls.
 *
 * <ul>
 *   <li>{@link IntentionMode#ENFORCE}: what is not allowed is PERMISSION_DENIED INTENTION_DENIED,
 *       and a stream that no longer is ends with it. Before intentions were ever heard of, calls
 *       are UNAVAILABLE INTENTIONS_UNKNOWN; once they were, the last known ones stand while the
 *       registry is away.
 *   <li>{@link IntentionMode#SHADOW}: counted alike, logged once for each caller and method,
 *       served.
 *   <li>{@link IntentionMode#LEARN}: who calls what is kept, see {@link #learned}, and logged when
 *       it is new.
 * </ul>
 *
 * <p>Thread-safe.
 */
final class IntentionInterceptor implements ServerInterceptor {
  private static final Logger log = LoggerFactory.getLogger(IntentionInterceptor.class);

  private static final AttributeKey<String> SOURCE = AttributeKey.stringKey("source");
  private static final AttributeKey<String> SERVED = AttributeKey.stringKey("served");
  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  /** Callers and methods that are remembered; each is of the mesh, so there are hardly as many. */
  private static final int REMEMBERED_MAX = 10_000;

  private final String service;
  private final IntentionMode mode;
  private final LongCounter denied;
  private final Set<Open> open = ConcurrentHashMap.newKeySet();
  private final Set<Seen> seen = ConcurrentHashMap.newKeySet();
  private volatile @Nullable IntentionRules rules;

  private record Seen(String source, String path) {}

  /** A stream; equal to itself alone. */
  private static final class Open {
    private final ServerCall<?, ?> call;
    private final String source;
    private final Metadata headers;

    Open(ServerCall<?, ?> call, String source, Metadata headers) {
      this.call = call;
      this.source = source;
      this.headers = headers;
    }
  }

  IntentionInterceptor(String service, IntentionMode mode, Meter meter) {
    this.service = service;
    this.mode = mode;
    this.denied =
        meter
            .counterBuilder("weft.intentions.denied")
            .setUnit("{call}")
            .setDescription(
                "Calls that no intention allows; whether they were served all the same.")
            .build();
  }

  /** What is allowed from now on, open streams included. */
  void accept(IntentionMatch match) {
    IntentionRules now = new IntentionRules(match);
    rules = now;
    if (mode == IntentionMode.ENFORCE) {
      open.forEach(stream -> endUnlessAllowed(stream, now));
    }
  }

  /** Whether it knows enough to decide. */
  boolean ready() {
    return mode != IntentionMode.ENFORCE || rules != null;
  }

  @Override
  public <Q, P> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
    String source = PeerFilter.peer(call).orElseThrow().service();
    switch (mode) {
      case OFF -> {
        return next.startCall(call, headers);
      }
      case LEARN -> learn(source, path(call));
      case SHADOW -> shadow(source, path(call), headers);
      case ENFORCE -> {
        enforce(source, path(call), headers);
        if (call.getMethodDescriptor().getType() != MethodDescriptor.MethodType.UNARY) {
          return watched(new Open(call, source, headers), call, headers, next);
        }
      }
    }
    return next.startCall(call, headers);
  }

  private void enforce(String source, String path, Metadata headers) {
    IntentionRules now = rules;
    if (now == null) {
      throw Rejection.unavailable(
          "INTENTIONS_UNKNOWN",
          "the registry has not said yet who may call " + service,
          RETRY_AFTER);
    }
    IntentionRules.Verdict verdict = now.verdict(source, path, headers);
    if (!verdict.allowed()) {
      denied.add(1, Attributes.of(SOURCE, source, SERVED, "no"));
      log.debug("{} may not call {}: {}", source, path, verdict.because());
      throw refusal(source);
    }
  }

  private void shadow(String source, String path, Metadata headers) {
    IntentionRules now = rules;
    if (now == null) {
      return;
    }
    IntentionRules.Verdict verdict = now.verdict(source, path, headers);
    if (!verdict.allowed()) {
      denied.add(1, Attributes.of(SOURCE, source, SERVED, "yes"));
      if (isNew(source, path)) {
        log.warn(
            "{} would not be allowed to call {} of {}: {}",
            source,
            path,
            service,
            verdict.because());
      }
    }
  }

  private void learn(String source, String path) {
    if (isNew(source, path)) {
      log.info("{} calls {} of {}; what allows that: {}", source, path, service, learned());
    }
  }

  private boolean isNew(String source, String path) {
    Seen one = new Seen(source, path);
    return !seen.contains(one) && seen.size() < REMEMBERED_MAX && seen.add(one);
  }

  /**
   * The entry of Consul, kind {@code service-intentions}, that allows what was called since the
   * start and nothing else, as JSON. Consul before 1.9 takes the names of its sources only.
   */
  String learned() {
    Map<String, Set<String>> paths = new TreeMap<>();
    seen.forEach(one -> paths.computeIfAbsent(one.source(), _ -> new TreeSet<>()).add(one.path()));
    StringBuilder json = new StringBuilder("{");
    JsonText.field(json, "Kind", "service-intentions");
    JsonText.field(json.append(','), "Name", service);
    json.append(",\"Sources\":[");
    String separator = "";
    for (Map.Entry<String, Set<String>> source : paths.entrySet()) {
      JsonText.field(json.append(separator).append('{'), "Name", source.getKey());
      json.append(",\"Permissions\":[");
      String comma = "";
      for (String path : source.getValue()) {
        JsonText.field(json.append(comma).append('{'), "Action", "allow");
        JsonText.field(json.append(",\"HTTP\":{"), "PathExact", path);
        json.append("}}");
        comma = ",";
      }
      json.append("]}");
      separator = ",";
    }
    return json.append("]}").toString();
  }

  /** How it is set, and what it learned, for operators; JSON. */
  String page() {
    StringBuilder json = new StringBuilder("{");
    JsonText.field(json, "mode", mode.name().toLowerCase(Locale.ROOT));
    json.append(",\"known\":").append(rules != null);
    json.append(",\"streams\":").append(open.size());
    if (mode == IntentionMode.LEARN) {
      json.append(",\"learned\":").append(learned());
    }
    return json.append('}').toString();
  }

  private <Q, P> ServerCall.Listener<Q> watched(
      Open stream, ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
    ServerCall.Listener<Q> listener = next.startCall(call, headers);
    open.add(stream);
    IntentionRules now = rules;
    if (now != null) {
      // They may have changed since they were asked, when nobody knew of this stream.
      endUnlessAllowed(stream, now);
    }
    return new SimpleForwardingServerCallListener<>(listener) {
      @Override
      public void onComplete() {
        open.remove(stream);
        super.onComplete();
      }

      @Override
      public void onCancel() {
        open.remove(stream);
        super.onCancel();
      }
    };
  }

  private void endUnlessAllowed(Open stream, IntentionRules now) {
    if (!now.verdict(stream.source, path(stream.call), stream.headers).allowed()
        && open.remove(stream)) {
      denied.add(1, Attributes.of(SOURCE, stream.source, SERVED, "no"));
      log.info(
          "a stream of {} is ended: {} is not allowed any more", stream.source, path(stream.call));
      // UNKNOWN with a cause is what the layer of errors translates, as after onError.
      stream.call.close(Status.UNKNOWN.withCause(refusal(stream.source)), new Metadata());
    }
  }

  private Rejection refusal(String source) {
    return Rejection.forbidden(
        "INTENTION_DENIED", "no intention allows this call of " + source + " to " + service);
  }

  private static String path(ServerCall<?, ?> call) {
    return "/" + call.getMethodDescriptor().getFullMethodName();
  }
}
