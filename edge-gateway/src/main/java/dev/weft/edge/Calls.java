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
import java.util.Optional;
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
  private final TrustedHops hops;
  private final HttpLimits limits;
  private final Changes changes;
  private final LongWork work;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final Slots callsToServices;
  private final CallWindows callsOfMethods;
  private final Slots streamsOfPrincipals;
  private final Slots streamsOfRoutes;

  /**
   * @param tokenServices services that users' tokens are passed on to
   * @param changes learns what calls may have changed
   */
  Calls(
      Services services,
      Predicate<String> tokenServices,
      TrustedHops hops,
      HttpLimits limits,
      Changes changes,
      LongWork work) {
    this.services = services;
    this.tokenServices = tokenServices;
    this.hops = hops;
    this.limits = limits;
    this.changes = changes;
    this.work = work;
    this.callsToServices = new Slots(limits.inFlightPerService());
    this.callsOfMethods = new CallWindows(limits.inFlightPerMethod(), System::nanoTime);
    this.streamsOfPrincipals = new Slots(limits.streamsPerPrincipal());
    this.streamsOfRoutes = new Slots(limits.streamsPerRoute());
  }

  /** Starts a call that there is room for. */
  interface Starter {
    /**
     * Starts it.
     *
     * @param ended to be told how, once the call is over
     */
    void start(ClientCall<byte[], byte[]> call, Metadata metadata, Ended ended);
  }

  /** Gives back the room of a call that is over. */
  interface Ended {
    /**
     * It is over; only the first time counts.
     *
     * @param failure what it failed with, if it did
     */
    void with(Optional<Problem> failure);
  }

  /**
   * Refuses a request for whose call there will be no room, before anything is read or proved of
   * it; unless it may be answered without a call. It is a look and takes no room: that is found out
   * when the call is made.
   *
   * @throws Refused if there is none
   */
  void expectRoom(Rpc rpc) {
    if (rpc.unary()
        && rpc.fresh().isZero()
        && rpc.fallback().isEmpty()
        && callsOfMethods.isFull(rpc.name())) {
      throw new Refused(full(rpc));
    }
  }

  private Problem full(Rpc rpc) {
    return callsOfMethods.isLearned(rpc.name())
        ? Problems.overloaded(rpc.service())
        : Problems.busy(rpc.service());
  }

  /**
   * Starts the call of a request; its answer becomes that of the exchange.
   *
   * @throws Refused if nobody can be called, or there is no room
   */
  void start(Exchange exchange, Asked asked, byte[] request) {
    if (asked.rpc().oneReply()) {
      ToClient client = toClient(exchange, asked);
      client.having(() -> start(exchange, asked, request, client));
      return;
    }
    open(
        exchange,
        asked.route(),
        asked.timeout(),
        (call, metadata, ended) -> {
          StreamFormat format = StreamFormat.of(asked);
          call.start(replies(exchange, asked, format, call, ended).begin(), metadata);
          call.request(format.window());
          call.sendMessage(request);
          call.halfClose();
        });
  }

  /** What will answer a request with the replies of this call. */
  StreamCall replies(
      Exchange exchange,
      Asked asked,
      StreamFormat format,
      ClientCall<byte[], byte[]> call,
      Ended ended) {
    return new StreamCall(exchange, asked, format, call, limits.heartbeat(), ended);
  }

  /**
   * Starts the unary call of a request; somebody is told how it ends.
   *
   * @throws Refused if nobody can be called, or there is no room: then nobody is told anything
   */
  void start(Exchange exchange, Asked asked, byte[] request, Recipient recipient) {
    open(
        exchange,
        asked.route(),
        asked.timeout(),
        (call, metadata, ended) -> {
          call.start(new UnaryCall(exchange, asked, ended, recipient), metadata);
          call.request(2);
          call.sendMessage(request);
          call.halfClose();
        });
  }

  /** How long the unary call of a request may take, as its client and the mesh have it now. */
  Duration time(Exchange exchange, Asked asked) {
    Duration most = services.timeout(asked.rpc(), metadata(exchange, asked.rpc()));
    return asked.timeout().filter(t -> t.compareTo(most) < 0).orElse(most);
  }

  /** What answers a request with the only reply of its call. */
  ToClient toClient(Exchange exchange, Asked asked) {
    return new ToClient(exchange, asked, changes, work);
  }

  /**
   * Finds room for a call, makes it and has it started; it is cancelled when the client leaves.
   *
   * @param timeout that the client has; it makes the time of a unary call no longer
   * @throws Refused if nobody can be called, or there is no room
   */
  void open(Exchange exchange, Route route, Optional<Duration> timeout, Starter starter) {
    Rpc rpc = route.rpc();
    if (!services.available(rpc.service())) {
      throw new Refused(Problems.noInstance(rpc.service()));
    }
    Ended ended = new Once(rpc.unary() ? takeCall(rpc) : takeStream(exchange, route));
    try {
      io.grpc.Context named =
          RequestId.in(io.grpc.Context.ROOT, exchange.observation().requestId());
      try (Scope _ = exchange.observation().context().makeCurrent()) {
        named.run(
            () -> {
              ClientCall<byte[], byte[]> call = call(exchange, rpc, timeout);
              exchange.onGone(() -> call.cancel("the client left", null));
              starter.start(call, metadata(exchange, rpc), ended);
            });
      }
    } catch (RuntimeException e) {
      ended.with(Optional.of(Problem.internal()));
      throw e;
    }
  }

  /**
   * Takes room for a unary call, of its method's, of its service's and of all: what hangs fills its
   * own. Returns what gives it back.
   */
  private Ended takeCall(Rpc rpc) {
    int entered = callsOfMethods.enter(rpc.name());
    if (entered == CallWindows.FULL) {
      throw new Refused(full(rpc));
    }
    if (!callsToServices.take(rpc.service())) {
      callsOfMethods.leave(rpc.name(), entered, CallWindows.End.OTHER);
      throw new Refused(Problems.busy(rpc.service()));
    }
    Ended ended = failure -> release(rpc, entered, failure);
    if (inFlight.incrementAndGet() > limits.inFlight()) {
      Problem problem = Problems.overloaded();
      ended.with(Optional.of(problem));
      throw new Refused(problem);
    }
    return ended;
  }

  private void release(Rpc rpc, int entered, Optional<Problem> failure) {
    inFlight.decrementAndGet();
    callsToServices.release(rpc.service());
    callsOfMethods.leave(
        rpc.name(),
        entered,
        failure
            .map(p -> p.saysOverload() ? CallWindows.End.REFUSED : CallWindows.End.OTHER)
            .orElse(CallWindows.End.SERVED));
  }

  /** Takes room for a stream, of the principal's and of the route's. Returns what gives it back. */
  private Ended takeStream(Exchange exchange, Route route) {
    String principal =
        exchange.user().map(user -> "user " + user.id()).orElseGet(() -> client(exchange));
    String key = route.key();
    if (!streamsOfPrincipals.take(principal)) {
      throw new Refused(Problems.tooManyStreams(limits.streamsPerPrincipal()));
    }
    if (!streamsOfRoutes.take(key)) {
      streamsOfPrincipals.release(principal);
      throw new Refused(Problems.overloaded());
    }
    return _ -> {
      streamsOfPrincipals.release(principal);
      streamsOfRoutes.release(key);
    };
  }

  private ClientCall<byte[], byte[]> call(Exchange exchange, Rpc rpc, Optional<Duration> timeout) {
    // On the loop of the connection: an exchange knows no locks.
    CallOptions options =
        CallOptions.DEFAULT
            .withExecutor(new OnLoop(exchange.loop()))
            .withOption(CallPolicy.KEY, rpc.policy());
    Optional<Deadline> latest = timeout.map(t -> Deadline.after(t.toNanos(), TimeUnit.NANOSECONDS));
    if (rpc.unary()) {
      // What the method has without its client, contract and registry say, and mesh finds out.
      return services
          .channel(rpc)
          .newCall(
              rpc.grpc(),
              latest.map(by -> options.withOption(CallPolicy.LATEST, by)).orElse(options));
    }
    return services
        .streamChannel(rpc)
        .newCall(rpc.grpc(), latest.map(options::withDeadline).orElse(options));
  }

  private Metadata metadata(Exchange exchange, Rpc rpc) {
    return metadata(exchange, rpc, hops, tokenServices);
  }

  /** The metadata of a call that is made now. Throws {@link Refused} if a header cannot be. */
  static Metadata metadata(
      Exchange exchange, Rpc rpc, TrustedHops hops, Predicate<String> tokenServices) {
    HttpHeaders headers = exchange.request().headers();
    Metadata metadata =
        MetadataRules.toMetadata(headers, exchange.peer(), hops.client(headers, exchange.peer()));
    if (exchange.user().isPresent() && tokenServices.test(rpc.service())) {
      // In the one form that every service knows, however the client wrote it.
      Tokens.bearer(headers.get("authorization"))
          .ifPresent(token -> metadata.put(AUTHORIZATION, "Bearer " + token));
    }
    return metadata;
  }

  private String client(Exchange exchange) {
    return hops.client(exchange.request().headers(), exchange.peer());
  }

  /** Passes on the first time. */
  private static final class Once implements Ended {
    private final Ended action;
    private boolean done;

    Once(Ended action) {
      this.action = action;
    }

    @Override
    public synchronized void with(Optional<Problem> failure) {
      if (!done) {
        done = true;
        action.with(failure);
      }
    }
  }
}
