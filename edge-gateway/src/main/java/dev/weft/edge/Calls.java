package dev.weft.edge;

import dev.weft.mesh.CallPolicy;
import dev.weft.mesh.RequestId;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.netty.handler.codec.http.HttpHeaders;
import io.opentelemetry.context.Scope;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * The calls that requests become: room for each, its deadline, its metadata, and its end when the
 * client leaves. Thread-safe; a call is started and answered on its connection's event loop.
 */
final class Calls {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Services services;
  private final Predicate<String> tokenServices;
  private final HttpLimits limits;
  private final Executor threads;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final Slots streamsOfPrincipals;
  private final Slots streamsOfRoutes;

  /**
   * @param tokenServices services that users' tokens are passed on to
   * @param threads for work that takes long
   */
  Calls(Services services, Predicate<String> tokenServices, HttpLimits limits, Executor threads) {
    this.services = services;
    this.tokenServices = tokenServices;
    this.limits = limits;
    this.threads = threads;
    this.streamsOfPrincipals = new Slots(limits.streamsPerPrincipal());
    this.streamsOfRoutes = new Slots(limits.streamsPerRoute());
  }

  /**
   * Starts the call of a request; its answer becomes that of the exchange.
   *
   * @throws Refused if nobody can be called, or there is no room
   */
  void start(Exchange exchange, Asked asked, byte[] request) {
    if (!services.available(asked.rpc().service())) {
      throw new Refused(Problems.noInstance(asked.rpc().service()));
    }
    Once ended = new Once(asked.rpc().serverStreaming() ? takeStream(exchange, asked) : takeCall());
    try {
      io.grpc.Context named =
          RequestId.in(io.grpc.Context.ROOT, exchange.observation().requestId());
      try (Scope _ = exchange.observation().context().makeCurrent()) {
        named.run(
            () -> {
              if (asked.rpc().serverStreaming()) {
                startStream(exchange, asked, request, ended);
              } else {
                startUnary(exchange, asked, request, ended);
              }
            });
      }
    } catch (RuntimeException e) {
      ended.run();
      throw e;
    }
  }

  /** Takes room for a unary call. Returns what gives it back. */
  private Runnable takeCall() {
    if (inFlight.incrementAndGet() > limits.inFlight()) {
      inFlight.decrementAndGet();
      throw new Refused(Problems.overloaded());
    }
    return inFlight::decrementAndGet;
  }

  /** Takes room for a stream, of the principal's and of the route's. Returns what gives it back. */
  private Runnable takeStream(Exchange exchange, Asked asked) {
    String principal = exchange.user().map(user -> "user " + user.id()).orElseGet(exchange::peer);
    String route = asked.route().key();
    if (!streamsOfPrincipals.take(principal)) {
      throw new Refused(Problems.tooManyStreams(limits.streamsPerPrincipal()));
    }
    if (!streamsOfRoutes.take(route)) {
      streamsOfPrincipals.release(principal);
      throw new Refused(Problems.overloaded());
    }
    return () -> {
      streamsOfPrincipals.release(principal);
      streamsOfRoutes.release(route);
    };
  }

  private void startUnary(Exchange exchange, Asked asked, byte[] request, Runnable ended) {
    CallPolicy policy = asked.rpc().policy();
    Duration timeout =
        asked.timeout().filter(t -> t.compareTo(policy.timeout()) < 0).orElse(policy.timeout());
    ClientCall<byte[], byte[]> call =
        services
            .channel(asked.rpc().service())
            .newCall(asked.rpc().grpc(), options(exchange, asked, timeout));
    exchange.onGone(() -> call.cancel("the client left", null));
    call.start(new UnaryCall(exchange, asked, threads, ended), metadata(exchange, asked.rpc()));
    call.request(2);
    call.sendMessage(request);
    call.halfClose();
  }

  private void startStream(Exchange exchange, Asked asked, byte[] request, Runnable ended) {
    CallOptions options =
        asked
            .timeout()
            .map(timeout -> options(exchange, asked, timeout))
            .orElseGet(() -> options(exchange, asked));
    ClientCall<byte[], byte[]> call =
        services.streamChannel(asked.rpc().service()).newCall(asked.rpc().grpc(), options);
    exchange.onGone(() -> call.cancel("the client left", null));
    new StreamCall(exchange, asked, StreamFormat.of(asked.accept()), call, ended)
        .start(metadata(exchange, asked.rpc()), request);
  }

  private static CallOptions options(Exchange exchange, Asked asked) {
    // On the loop of the connection: an exchange knows no locks.
    return CallOptions.DEFAULT
        .withExecutor(exchange.loop())
        .withOption(CallPolicy.KEY, asked.rpc().policy());
  }

  private static CallOptions options(Exchange exchange, Asked asked, Duration timeout) {
    return options(exchange, asked)
        .withDeadline(Deadline.after(timeout.toNanos(), TimeUnit.NANOSECONDS));
  }

  private Metadata metadata(Exchange exchange, Rpc rpc) {
    HttpHeaders headers = exchange.request().headers();
    Metadata metadata = MetadataRules.toMetadata(headers, exchange.peer());
    if (exchange.user().isPresent() && tokenServices.test(rpc.service())) {
      // In the one form that every service knows, however the client wrote it.
      Tokens.bearer(headers.get("authorization"))
          .ifPresent(token -> metadata.put(AUTHORIZATION, "Bearer " + token));
    }
    return metadata;
  }

  /** Runs once, however often it is asked to. */
  private static final class Once implements Runnable {
    private final Runnable action;
    private boolean done;

    Once(Runnable action) {
      this.action = action;
    }

    @Override
    public synchronized void run() {
      if (!done) {
        done = true;
        action.run();
      }
    }
  }
}
