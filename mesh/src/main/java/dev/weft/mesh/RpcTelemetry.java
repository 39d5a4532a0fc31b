package dev.weft.mesh;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Contexts;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.opentelemetry.context.propagation.TextMapSetter;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Spans and durations of gRPC calls on both sides, by the semantic conventions for RPC 1.44.
 *
 * <p>Written here because the instrumentation library follows these names only behind a system
 * property, leaves {@code error.type} off its metrics, has no bound on method names, and costs
 * every process 60 ms of start-up.
 */
final class RpcTelemetry {
  /** To be renamed {@code rpc.status_code} by the next release of the conventions. */
  static final AttributeKey<String> STATUS = AttributeKey.stringKey("rpc.response.status_code");

  static final AttributeKey<String> SYSTEM = AttributeKey.stringKey("rpc.system.name");
  static final AttributeKey<String> METHOD = AttributeKey.stringKey("rpc.method");
  static final AttributeKey<String> ERROR_TYPE = AttributeKey.stringKey("error.type");
  static final AttributeKey<String> SERVER_ADDRESS = AttributeKey.stringKey("server.address");

  /** Stands for every method once {@value #MAX_METHODS} are known; names come from callers, too. */
  static final String OTHER = "_OTHER";

  static final int MAX_METHODS = 1_000;

  private static final List<Double> SECONDS =
      List.of(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0);

  /** What the conventions call an error of the server; any other status is the client's doing. */
  private static final Set<Status.Code> SERVER_ERRORS =
      EnumSet.of(
          Status.Code.UNKNOWN,
          Status.Code.DEADLINE_EXCEEDED,
          Status.Code.UNIMPLEMENTED,
          Status.Code.INTERNAL,
          Status.Code.UNAVAILABLE,
          Status.Code.DATA_LOSS);

  private static final Set<Status.Code> CLIENT_ERRORS =
      EnumSet.complementOf(EnumSet.of(Status.Code.OK));

  private final Tracer tracer;
  private final TextMapPropagator propagator;
  private final DoubleHistogram serverDuration;
  private final DoubleHistogram clientDuration;
  private final Methods served = new Methods(SERVER_ERRORS, null);

  RpcTelemetry(OpenTelemetry openTelemetry, String scope) {
    tracer = openTelemetry.getTracer(scope);
    propagator = openTelemetry.getPropagators().getTextMapPropagator();
    Meter meter = openTelemetry.getMeter(scope);
    serverDuration =
        duration(
            meter, "rpc.server.call.duration", "How long calls took that this process served.");
    clientDuration =
        duration(meter, "rpc.client.call.duration", "How long calls took that this process made.");
  }

  private static DoubleHistogram duration(Meter meter, String name, String description) {
    return meter
        .histogramBuilder(name)
        .setUnit("s")
        .setDescription(description)
        .setExplicitBucketBoundariesAdvice(SECONDS)
        .build();
  }

  ServerInterceptor serverInterceptor() {
    return new Server();
  }

  ClientInterceptor clientInterceptor(String target) {
    return new Client(new Methods(CLIENT_ERRORS, target));
  }

  private final class Server implements ServerInterceptor {
    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
      Method method = served.of(call.getMethodDescriptor().getFullMethodName());
      Context caller = propagator.extract(Context.root(), headers, MetadataAccess.INSTANCE);
      Measured measured =
          new Measured(method, serverDuration, start(method, SpanKind.SERVER, caller), caller);
      io.grpc.Context context = Spans.in(io.grpc.Context.current(), measured.context);
      String requestId = headers.get(RequestId.HEADER);
      if (requestId != null) {
        context = RequestId.in(context, requestId);
      }
      ServerCall<Q, P> observed =
          new SimpleForwardingServerCall<>(call) {
            @Override
            public void close(Status status, Metadata trailers) {
              measured.end(status.getCode());
              super.close(status, trailers);
            }
          };
      try (Scope _ = measured.context.makeCurrent()) {
        return new InScope<>(Contexts.interceptCall(context, observed, headers, next), measured);
      } catch (RuntimeException | Error e) {
        // The transport will close the call as UNKNOWN, past our observed call.
        measured.end(Status.Code.UNKNOWN);
        throw e;
      }
    }
  }

  /** Runs a served call's callbacks with its trace on the thread, and hears how the call ended. */
  private static final class InScope<Q> extends SimpleForwardingServerCallListener<Q> {
    private final Measured measured;

    InScope(ServerCall.Listener<Q> delegate, Measured measured) {
      super(delegate);
      this.measured = measured;
    }

    @Override
    public void onMessage(Q message) {
      try (Scope _ = measured.context.makeCurrent()) {
        super.onMessage(message);
      }
    }

    @Override
    public void onHalfClose() {
      try (Scope _ = measured.context.makeCurrent()) {
        super.onHalfClose();
      }
    }

    @Override
    public void onReady() {
      try (Scope _ = measured.context.makeCurrent()) {
        super.onReady();
      }
    }

    @Override
    public void onCancel() {
      try (Scope _ = measured.context.makeCurrent()) {
        super.onCancel();
      } finally {
        measured.end(Status.Code.CANCELLED);
      }
    }

    @Override
    public void onComplete() {
      try (Scope _ = measured.context.makeCurrent()) {
        super.onComplete();
      }
    }
  }

  private final class Client implements ClientInterceptor {
    private final Methods methods;

    Client(Methods methods) {
      this.methods = methods;
    }

    @Override
    public <Q, P> ClientCall<Q, P> interceptCall(
        MethodDescriptor<Q, P> descriptor, CallOptions options, Channel next) {
      Method method = methods.of(descriptor.getFullMethodName());
      return new SimpleForwardingClientCall<>(next.newCall(descriptor, options)) {
        @Override
        public void start(Listener<P> listener, Metadata headers) {
          Context parent = Spans.context();
          Measured measured =
              new Measured(
                  method,
                  clientDuration,
                  RpcTelemetry.this.start(method, SpanKind.CLIENT, parent),
                  parent);
          propagator.inject(measured.context, headers, MetadataAccess.INSTANCE);
          RequestId.current()
              .ifPresent(
                  id -> {
                    headers.discardAll(RequestId.HEADER);
                    headers.put(RequestId.HEADER, id);
                  });
          try (Scope _ = measured.context.makeCurrent()) {
            super.start(
                new SimpleForwardingClientCallListener<>(listener) {
                  @Override
                  public void onClose(Status status, Metadata trailers) {
                    measured.end(status.getCode());
                    super.onClose(status, trailers);
                  }
                },
                headers);
          } catch (RuntimeException | Error e) {
            measured.end(Status.Code.UNKNOWN);
            throw e;
          }
        }
      };
    }
  }

  private Span start(Method method, SpanKind kind, Context parent) {
    if (!method.traced) {
      return Span.fromContext(parent);
    }
    return tracer
        .spanBuilder(method.name)
        .setSpanKind(kind)
        .setParent(parent)
        .setAllAttributes(method.atStart)
        .startSpan();
  }

  /** One call from its start to its single end. */
  private static final class Measured {
    final Context context;
    private final Method method;
    private final DoubleHistogram duration;
    private final Span span;
    private final long began = System.nanoTime();
    private final AtomicBoolean ended = new AtomicBoolean();

    Measured(Method method, DoubleHistogram duration, Span span, Context parent) {
      this.method = method;
      this.duration = duration;
      this.span = span;
      this.context = method.traced ? parent.with(span) : parent;
    }

    void end(Status.Code code) {
      if (!ended.compareAndSet(false, true)) {
        return;
      }
      double seconds = (System.nanoTime() - began) / (double) TimeUnit.SECONDS.toNanos(1);
      duration.record(seconds, method.atEnd(code), context);
      if (method.traced) {
        span.setAttribute(STATUS, code.name());
        if (method.errors.contains(code)) {
          span.setAttribute(ERROR_TYPE, code.name());
          span.setStatus(StatusCode.ERROR);
        }
        span.end();
      }
    }
  }

  /** The methods of one side, each with its attributes made once. */
  private static final class Methods {
    private final Map<String, Method> known = new ConcurrentHashMap<>();
    private final Set<Status.Code> errors;
    private final @Nullable String target;
    private final Method other;

    Methods(Set<Status.Code> errors, @Nullable String target) {
      this.errors = errors;
      this.target = target;
      this.other = new Method(OTHER, errors, target);
    }

    Method of(String name) {
      Method method = known.get(name);
      if (method != null) {
        return method;
      }
      // Some threads may pass the check together: a bound, not an exact one.
      return known.size() < MAX_METHODS
          ? known.computeIfAbsent(name, n -> new Method(n, errors, target))
          : other;
    }
  }

  private static final class Method {
    final String name;
    final Set<Status.Code> errors;
    final Attributes atStart;

    /** Probes come every few seconds from every side; their spans would bury the others. */
    final boolean traced;

    private final Attributes[] atEnd = new Attributes[Status.Code.values().length];

    Method(String name, Set<Status.Code> errors, @Nullable String target) {
      this.name = name;
      this.errors = errors;
      AttributesBuilder attributes = Attributes.builder().put(SYSTEM, "grpc").put(METHOD, name);
      if (target != null) {
        attributes.put(SERVER_ADDRESS, target);
      }
      atStart = attributes.build();
      traced = !name.startsWith("grpc.health.") && !name.startsWith("grpc.reflection.");
      for (Status.Code code : Status.Code.values()) {
        AttributesBuilder ended = atStart.toBuilder().put(STATUS, code.name());
        if (errors.contains(code)) {
          ended.put(ERROR_TYPE, code.name());
        }
        atEnd[code.value()] = ended.build();
      }
    }

    Attributes atEnd(Status.Code code) {
      return atEnd[code.value()];
    }
  }

  /** Lets OpenTelemetry read and write gRPC's metadata. */
  private enum MetadataAccess implements TextMapGetter<Metadata>, TextMapSetter<Metadata> {
    INSTANCE;

    private static final Map<String, Metadata.Key<String>> KEYS = new ConcurrentHashMap<>();

    private static Metadata.Key<String> key(String name) {
      // Only the propagators' own few names come here.
      return KEYS.computeIfAbsent(name, n -> Metadata.Key.of(n, Metadata.ASCII_STRING_MARSHALLER));
    }

    @Override
    public Iterable<String> keys(Metadata headers) {
      return headers.keys();
    }

    @Override
    public @Nullable String get(@Nullable Metadata headers, String name) {
      return headers == null ? null : headers.get(key(name));
    }

    @Override
    public void set(@Nullable Metadata headers, String name, String value) {
      if (headers != null) {
        headers.discardAll(key(name));
        headers.put(key(name), value);
      }
    }
  }
}
