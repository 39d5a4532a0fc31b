package dev.weft.edge;

import dev.weft.mesh.CallPolicy;
import dev.weft.mesh.Caller;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.RequestId;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor.MethodType;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import io.opentelemetry.context.Scope;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way of one request: checks of HTTP, route, representation, identity, body, transcoding, call,
 * answer. In this order, so that what costs most comes last, and nothing is read or called for
 * somebody who may not.
 *
 * <p>Runs on the event loop of the request's connection. What may wait goes to other threads and
 * comes back. Thread-safe.
 */
final class Gateway {
  private static final Logger log = LoggerFactory.getLogger(Gateway.class);

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private static final Pattern HOST =
      Pattern.compile("([A-Za-z0-9._-]{1,255}|\\[[0-9A-Fa-f:.]{2,45}])(:[0-9]{1,5})?");

  private static final Pattern GRPC_TIMEOUT = Pattern.compile("[0-9]{1,8}[HMSmun]");

  private static final Set<String> NEVER = Set.of("TRACE", "CONNECT");

  /** Above it, a body is turned into a message on another thread: it takes milliseconds. */
  private static final int INLINE_BYTES_MAX = 128 * 1024;

  private final Services services;
  private final BooleanSupplier caughtUp;
  private final Tokens tokens;
  private final Set<String> tokenServices;
  private final Cors cors;
  private final HttpLimits limits;
  private final HttpTelemetry telemetry;
  private final Executor threads;
  private final AtomicInteger inFlight = new AtomicInteger();
  private final Slots streamsOfPrincipals;
  private final Slots streamsOfRoutes;

  /**
   * @param caughtUp whether a path that is not known is nobody's
   * @param tokenServices services that users' tokens are passed on to
   * @param threads for what may wait
   */
  Gateway(
      Services services,
      BooleanSupplier caughtUp,
      Tokens tokens,
      Set<String> tokenServices,
      Cors cors,
      HttpLimits limits,
      HttpTelemetry telemetry,
      Executor threads) {
    this.services = services;
    this.caughtUp = caughtUp;
    this.tokens = tokens;
    this.tokenServices = Set.copyOf(tokenServices);
    this.cors = cors;
    this.limits = limits;
    this.telemetry = telemetry;
    this.threads = threads;
    this.streamsOfPrincipals = new Slots(limits.streamsPerPrincipal());
    this.streamsOfRoutes = new Slots(limits.streamsPerRoute());
  }

  Observation observe(HttpRequest request) {
    return telemetry.begin(request);
  }

  Observation observeMalformed() {
    return telemetry.beginMalformed();
  }

  /** Answers the request, now or later. */
  void serve(Exchange exchange) {
    guarded(
        exchange,
        () -> {
          HttpRequest request = exchange.request();
          cors.headers(request.headers()).forEach(exchange::alsoAnswer);
          checkHttp(exchange);
          RequestTarget target = RequestTarget.parse(request.uri());
          switch (services.routes().match(exchange.method(), target)) {
            case RouteTable.Unknown() ->
                throw new Refused(
                    caughtUp.getAsBoolean() ? Problems.noRoute() : Problems.starting());
            case RouteTable.WrongMethod(var allowed) -> wrongMethod(exchange, allowed);
            case RouteTable.Found found -> {
              if (Cors.isPreflight(exchange.method(), request.headers())) {
                wrongMethod(exchange, List.of(found.route().httpMethod(), "OPTIONS"));
              } else {
                found(exchange, found, target);
              }
            }
          }
        });
  }

  private void checkHttp(Exchange exchange) {
    HttpRequest request = exchange.request();
    HttpHeaders headers = request.headers();
    HttpVersion version = request.protocolVersion();
    if (!version.equals(HttpVersion.HTTP_1_1) && !version.equals(HttpVersion.HTTP_1_0)) {
      exchange.closeAfterThis();
      throw new Refused(Problems.httpVersion());
    }
    if (headers.size() > limits.headerFields()) {
      exchange.closeAfterThis();
      throw new Refused(Problems.headerTooLong());
    }
    if (request.uri().length() > limits.uriBytes()) {
      exchange.closeAfterThis();
      throw new Refused(Problems.targetTooLong(limits.uriBytes()));
    }
    List<String> hosts = headers.getAll("host");
    boolean hostless = hosts.isEmpty() && version.equals(HttpVersion.HTTP_1_0);
    if (!hostless && (hosts.size() != 1 || !HOST.matcher(hosts.getFirst()).matches())) {
      exchange.closeAfterThis();
      throw new Refused(Problems.badHost());
    }
    List<String> expected = headers.getAll("expect");
    if (!expected.isEmpty()
        && (expected.size() > 1 || !expected.getFirst().equalsIgnoreCase("100-continue"))) {
      exchange.closeAfterThis();
      throw new Refused(Problems.expectation());
    }
    if (NEVER.contains(exchange.method())) {
      throw new Refused(Problems.methodUnknown());
    }
  }

  private void wrongMethod(Exchange exchange, Iterable<String> allowed) {
    List<String> methods = new ArrayList<>();
    allowed.forEach(methods::add);
    exchange.alsoAnswer("Allow", String.join(", ", methods));
    if (!exchange.method().equals("OPTIONS")) {
      throw new Refused(Problems.wrongMethod());
    }
    cors.preflight(exchange.request().headers(), methods).forEach(exchange::alsoAnswer);
    exchange.answer(Answer.empty(204, Map.of()));
  }

  /** A request that has a route, and what is known of it before its body. */
  private record Asked(
      RouteTable.Found found,
      RequestTarget target,
      Accept accept,
      Optional<String> requestId,
      Optional<Duration> timeout) {
    Route route() {
      return found.route();
    }

    Rpc rpc() {
      return found.route().rpc();
    }
  }

  private void found(Exchange exchange, RouteTable.Found found, RequestTarget target) {
    exchange.route(found.route());
    MethodType type = found.route().rpc().grpc().getType();
    if (type != MethodType.UNARY && type != MethodType.SERVER_STREAMING) {
      throw new Refused(Problems.streamingRequests());
    }
    HttpHeaders headers = exchange.request().headers();
    Asked asked =
        new Asked(
            found,
            target,
            Accept.parse(headers.getAll("accept")),
            IdempotencyKey.parse(headers.getAll("idempotency-key")),
            timeout(headers.getAll("grpc-timeout")));
    checkRepresentation(exchange, asked);
    authorise(
        exchange,
        asked.rpc().access(),
        () -> exchange.readBody(body -> guarded(exchange, () -> transcode(exchange, asked, body))));
  }

  private void checkRepresentation(Exchange exchange, Asked asked) {
    if (asked.rpc().serverStreaming()) {
      StreamFormat.of(asked.accept());
    } else if (!asked.accept().takes("application/json")) {
      throw new Refused(Problems.notAcceptable("application/json"));
    }
    HttpHeaders headers = exchange.request().headers();
    if (exchange.contentLength() > asked.rpc().requestBytesMax()) {
      exchange.closeAfterThis();
      throw new Refused(Problems.bodyTooLong(asked.rpc().requestBytesMax()));
    }
    if (asked.route().transcoder().takesBody() && exchange.announcesBody()) {
      List<String> encodings = headers.getAll("content-encoding");
      if (!isJson(headers.getAll("content-type"))
          || encodings.stream().anyMatch(e -> !e.equalsIgnoreCase("identity"))) {
        throw new Refused(Problems.mediaType());
      }
    }
  }

  private static boolean isJson(List<String> contentTypes) {
    if (contentTypes.size() != 1) {
      return false;
    }
    String[] parts = contentTypes.getFirst().toLowerCase(Locale.ROOT).split(";", -1);
    if (!parts[0].strip().equals("application/json")) {
      return false;
    }
    for (int i = 1; i < parts.length; i++) {
      String parameter = parts[i].strip().replace("\"", "");
      if (parameter.startsWith("charset=") && !parameter.equals("charset=utf-8")) {
        return false;
      }
    }
    return true;
  }

  private static Optional<Duration> timeout(List<String> values) {
    if (values.isEmpty()) {
      return Optional.empty();
    }
    String value = values.getFirst();
    if (values.size() > 1 || !GRPC_TIMEOUT.matcher(value).matches()) {
      throw Refused.badRequest("MALFORMED_HEADER", "Grpc-Timeout is not a time of gRPC");
    }
    long amount = Long.parseLong(value.substring(0, value.length() - 1));
    return Optional.of(
        switch (value.charAt(value.length() - 1)) {
          case 'H' -> Duration.ofHours(amount);
          case 'M' -> Duration.ofMinutes(amount);
          case 'S' -> Duration.ofSeconds(amount);
          case 'm' -> Duration.ofMillis(amount);
          case 'u' -> Duration.ofNanos(amount * 1_000);
          default -> Duration.ofNanos(amount);
        });
  }

  /** Goes on if the caller may; where anybody may, a bad token is as none. */
  private void authorise(Exchange exchange, Access access, Runnable then) {
    List<String> given = exchange.request().headers().getAll("authorization");
    boolean open = access instanceof Access.Public;
    Optional<String> token = given.size() == 1 ? bearer(given.getFirst()) : Optional.empty();
    if (token.isEmpty()) {
      if (!open) {
        throw new Refused(given.isEmpty() ? Problems.tokenMissing() : Problems.tokenInvalid());
      }
      then.run();
      return;
    }
    verify(
        exchange,
        token.get(),
        user -> {
          exchange.user(user);
          if (access instanceof Access.Authenticated(Set<String> roles)
              && !roles.isEmpty()
              && roles.stream().noneMatch(user.roles()::contains)) {
            throw new Refused(Problems.roleRequired());
          }
          then.run();
        },
        problem -> {
          if (!open) {
            throw new Refused(problem);
          }
          then.run();
        });
  }

  private static Optional<String> bearer(String authorization) {
    return authorization.regionMatches(true, 0, "Bearer ", 0, 7)
        ? Optional.of(authorization.substring(7).strip()).filter(token -> !token.isEmpty())
        : Optional.empty();
  }

  private void verify(
      Exchange exchange, String token, Consumer<Caller.User> good, Consumer<Problem> bad) {
    threads.execute(
        () -> {
          Runnable then;
          try {
            Caller.User user = tokens.verify(token);
            then = () -> good.accept(user);
          } catch (Rejection e) {
            Problem problem = problem(e);
            then = () -> bad.accept(problem);
          } catch (RuntimeException e) {
            log.error("a token cannot be verified", e);
            then = () -> bad.accept(Problem.internal());
          }
          Runnable next = then;
          exchange.loop().execute(() -> guarded(exchange, next));
        });
  }

  private static Problem problem(Rejection rejection) {
    Problem problem =
        Problem.of(
            HttpStatuses.of(rejection.code()),
            rejection.code(),
            rejection.reason(),
            String.valueOf(rejection.getMessage()));
    return rejection.retryAfter().map(problem::withRetryAfter).orElse(problem);
  }

  private void transcode(Exchange exchange, Asked asked, byte[] body) {
    if (body.length <= INLINE_BYTES_MAX) {
      call(exchange, asked, request(asked, body));
      return;
    }
    threads.execute(
        () -> {
          Runnable then;
          try {
            byte[] request = request(asked, body);
            then = () -> call(exchange, asked, request);
          } catch (RuntimeException e) {
            then =
                () -> {
                  throw e;
                };
          }
          Runnable next = then;
          exchange.loop().execute(() -> guarded(exchange, next));
        });
  }

  private static byte[] request(Asked asked, byte[] body) {
    return asked
        .route()
        .transcoder()
        .request(asked.found().variables(), asked.target().query(), body, asked.requestId());
  }

  private void call(Exchange exchange, Asked asked, byte[] request) {
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
    call.start(new UnaryCall(exchange, asked.route(), ended), metadata(exchange, asked.rpc()));
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
    new StreamCall(exchange, asked.route(), StreamFormat.of(asked.accept()), call, ended)
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
    if (exchange.user().isPresent() && tokenServices.contains(rpc.service())) {
      // In the one form that every service knows, however the client wrote it.
      bearer(headers.get("authorization"))
          .ifPresent(token -> metadata.put(AUTHORIZATION, "Bearer " + token));
    }
    return metadata;
  }

  /** Does a part of the work; whatever it throws becomes the answer. */
  private static void guarded(Exchange exchange, Runnable work) {
    if (exchange.over()) {
      return;
    }
    try {
      work.run();
    } catch (Refused e) {
      exchange.refuse(e.problem());
    } catch (RuntimeException | StackOverflowError e) {
      log.error("a request failed", e);
      exchange.refuse(Problem.internal());
    }
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
