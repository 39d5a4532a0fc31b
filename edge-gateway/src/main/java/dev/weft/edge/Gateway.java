package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way of one request: the steps of {@link Middleware}, route, representation, limits, identity,
 * body, transcoding, call, answer. In this order, so that what costs most comes last, and nothing
 * is read or called for somebody who may not.
 *
 * <p>Runs on the event loop of the request's connection. What may wait goes to other threads and
 * comes back. Thread-safe.
 */
final class Gateway {
  private static final Logger log = LoggerFactory.getLogger(Gateway.class);

  /**
   * What takes longer with more bytes is done on another thread above this: it takes milliseconds.
   */
  static final int INLINE_BYTES_MAX = 128 * 1024;

  private final Services services;
  private final BooleanSupplier caughtUp;
  private final Identity identity;
  private final Calls calls;
  private final RpcRequests rpcs;
  private final WebSockets webSockets;
  private final Optional<Mcp> mcp;
  private final Proxy proxy;
  private final Cors cors;
  private final HttpLimits limits;
  private final HttpTelemetry telemetry;
  private final ResponseCache cache;
  private final LongWork work;
  private final Room room;
  private final Consumer<Exchange> way;

  /**
   * @param steps that every request takes before its route is looked for
   * @param caughtUp whether a path that is not known is nobody's
   * @param rates by which callers are counted
   * @param tokenServices services that users' tokens are passed on to
   * @param hops before the edge
   * @param cache of answers
   * @param tools that programs find and call at {@link Mcp#PATH}; empty if there is no such path
   * @param threads for what may wait
   */
  Gateway(
      List<Middleware> steps,
      Services services,
      BooleanSupplier caughtUp,
      RateLimits rates,
      Tokens tokens,
      Predicate<String> tokenServices,
      TrustedHops hops,
      Cors cors,
      HttpLimits limits,
      HttpTelemetry telemetry,
      ResponseCache cache,
      Optional<McpTools> tools,
      Executor threads) {
    this.services = services;
    this.caughtUp = caughtUp;
    this.identity = new Identity(rates, tokens, threads);
    this.work = new LongWork(threads);
    this.calls = new Calls(services, tokenServices, hops, limits, cache.changes(), work);
    this.rpcs = new RpcRequests(identity, calls, work);
    this.webSockets = new WebSockets(identity, calls, cors, limits);
    this.mcp = tools.map(all -> new Mcp(all, identity, calls, cors, work));
    this.proxy = new Proxy(services, identity, tokenServices, hops, limits, work);
    this.cors = cors;
    this.limits = limits;
    this.telemetry = telemetry;
    this.cache = cache;
    this.room = new Room(limits.http2().sharedBytes());
    this.way = Middleware.chain(steps, this::route);
  }

  /** What connections share that keep bytes for their clients. */
  Room room() {
    return room;
  }

  Observation observe(HttpRequest request, String scheme) {
    return telemetry.begin(request, scheme);
  }

  Observation observeMalformed() {
    return telemetry.beginMalformed();
  }

  /** Answers the request, now or later. */
  void serve(Exchange exchange) {
    guarded(exchange, () -> way.accept(exchange));
  }

  private void route(Exchange exchange) {
    RequestTarget target = RequestTarget.parse(exchange.request().uri());
    RouteTable routes = services.routes();
    Route named = routes.named(target.path());
    if (mcp.isPresent() && target.path().equals(Mcp.PATH)) {
      if (exchange.method().equals("POST")) {
        mcp.get().serve(exchange, target);
      } else {
        wrongMethod(exchange, List.of("POST", "OPTIONS"));
      }
    } else if (named != null) {
      if (named.rpc().unary() || !openedWebSocket(exchange, routes, target)) {
        named(exchange, named, target);
      }
    } else if (!routed(exchange, routes, target)) {
      mounted(exchange, routes, target);
    }
  }

  /** Whether some contract has this path: then the request is answered. */
  private boolean routed(Exchange exchange, RouteTable routes, RequestTarget target) {
    return switch (routes.match(exchange.method(), target)) {
      case RouteTable.Unknown() -> false;
      case RouteTable.WrongMethod(var allowed) -> {
        if (!openedWebSocket(exchange, routes, target)) {
          wrongMethod(exchange, allowed);
        }
        yield true;
      }
      case RouteTable.Found found -> {
        if (Cors.isPreflight(exchange.method(), exchange.request().headers())) {
          wrongMethod(exchange, List.of(found.route().httpMethod(), "OPTIONS"));
        } else if (found.route().rpc().unary() || !openedWebSocket(exchange, routes, target)) {
          found(exchange, found, target);
        }
        yield true;
      }
    };
  }

  /** A path that no contract has: it may lead somewhere by the word of operators. */
  private void mounted(Exchange exchange, RouteTable routes, RequestTarget target) {
    Optional<Mount> here =
        services.mounts().at(target).filter(mount -> routes.allows(target, mount.service()));
    // As long as a contract may still come that has this path, it is no mount's.
    if (here.isEmpty() || rpcs.isOne(exchange) || !caughtUp.getAsBoolean()) {
      throw new Refused(unknown(exchange));
    }
    Mount mount = here.get();
    exchange.onAnswer(mount::changeAnswer);
    Optional<RouteTable> ofService = routes.onlyOf(mount.service());
    if (ofService.isPresent()) {
      mount.changeRequest(exchange.request().headers());
      if (!routed(exchange, ofService.get(), target.at(mount.inside(target)))) {
        throw new Refused(unknown(exchange));
      }
    } else if (Proxy.METHODS.contains(exchange.method()) && !exchange.method().equals("OPTIONS")) {
      proxy.serve(exchange, mount, mount.inside(target) + query(exchange));
    } else {
      wrongMethod(exchange, Proxy.METHODS);
    }
  }

  private static String query(Exchange exchange) {
    String uri = exchange.request().uri();
    int mark = uri.indexOf('?');
    return mark < 0 ? "" : uri.substring(mark);
  }

  private Problem unknown(Exchange exchange) {
    boolean named = rpcs.isOne(exchange);
    if (!caughtUp.getAsBoolean()) {
      return Problems.starting();
    }
    return named ? Problems.rpcUnknown() : Problems.noRoute();
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

  /** Whether a WebSocket is asked for where there is a stream of messages: then it is answered. */
  private boolean openedWebSocket(Exchange exchange, RouteTable routes, RequestTarget target) {
    Optional<RouteTable.Found> stream =
        WebSockets.areAskedFor(exchange.request())
            ? WebSockets.stream(routes, target)
            : Optional.empty();
    stream.ifPresent(found -> webSockets.serve(exchange, found, target));
    return stream.isPresent();
  }

  private static void webSocketRequired(Exchange exchange) {
    // HTTP/2 has no such headers.
    if (!exchange.hasTrailers()) {
      exchange.alsoAnswer("Upgrade", "websocket");
      exchange.alsoAnswer("Connection", "Upgrade");
    }
    throw new Refused(Problems.webSocketRequired());
  }

  /** A path that names an RPC. */
  private void named(Exchange exchange, Route route, RequestTarget target) {
    List<String> methods = RpcRequests.methods(route);
    if (methods.contains(exchange.method()) && !exchange.method().equals("OPTIONS")) {
      rpcs.serve(exchange, route, target);
    } else {
      wrongMethod(exchange, methods);
    }
  }

  private void found(Exchange exchange, RouteTable.Found found, RequestTarget target) {
    exchange.route(found.route());
    boolean upload = !found.route().rpc().oneRequest();
    if (upload && (exchange.method().equals("GET") || exchange.isHead())) {
      webSocketRequired(exchange);
    }
    calls.expectRoom(found.route().rpc());
    Asked asked = asked(exchange, found, target);
    if (asked.prefer().timing()) {
      exchange.timed();
    }
    checkRepresentation(exchange, asked);
    if (upload) {
      exchange.body().hold();
    }
    identity.authorise(
        exchange,
        asked.rpc().access(),
        () -> {
          if (upload) {
            new Upload(exchange, asked, calls, limits.bodyWithin()).start();
          } else {
            exchange.body().read(body -> guarded(exchange, () -> transcode(exchange, asked, body)));
          }
        });
  }

  /** What is known of a request before its body. Throws {@link Refused} with what is wrong. */
  static Asked asked(Exchange exchange, RouteTable.Found found, RequestTarget target) {
    HttpHeaders headers = exchange.request().headers();
    return new Asked(
        found,
        target,
        Accept.parse(headers.getAll(HttpHeaderNames.ACCEPT)),
        new Transcoder.Headers(
            IdempotencyKey.parse(headers.getAll("idempotency-key")),
            IfMatch.version(found.route(), exchange.method(), headers),
            found.route().transcoder().takesAnything() ? contentType(headers) : ""),
        Prefer.parse(headers.getAll("prefer")),
        found.route().transcoder().fields(target.query()),
        coding(exchange, found.route()),
        Timeouts.grpc(headers.getAll("grpc-timeout")));
  }

  /** Throws {@link Refused} if the answer, or the body of the request, cannot be of this form. */
  static void checkRepresentation(Exchange exchange, Asked asked) {
    Transcoder transcoder = asked.route().transcoder();
    if (transcoder.answersAnything()) {
      // Of what type, the answer says.
    } else if (!asked.rpc().oneReply()) {
      StreamFormat.of(asked.accept());
    } else if (!asked.accept().takes("application/json")) {
      throw new Refused(Problems.notAcceptable("application/json"));
    }
    HttpHeaders headers = exchange.request().headers();
    long most =
        asked.rpc().oneRequest() ? asked.rpc().requestBytesMax() : asked.rpc().uploadBytesMax();
    if (exchange.body().length() > most) {
      exchange.closeAfterThis();
      throw new Refused(Problems.bodyTooLong(most));
    }
    if (!transcoder.takesBody() || transcoder.takesAnything() || !exchange.body().announced()) {
      return;
    }
    if (!asked.rpc().oneRequest()) {
      JsonElements.Form.of(headers);
    } else if (!MediaTypes.isText(headers.getAll("content-type"), "application/json")) {
      throw new Refused(Problems.mediaType());
    }
  }

  /** What a body says it is, where it may be anything. */
  private static String contentType(HttpHeaders headers) {
    List<String> said = headers.getAll("content-type");
    if (said.isEmpty()) {
      return "";
    }
    if (said.size() > 1 || !MediaTypes.isOne(said.getFirst())) {
      throw new Refused(Problems.contentType());
    }
    return said.getFirst();
  }

  /** How the body of the request is coded, if it is read. */
  private static Optional<ContentCoding> coding(Exchange exchange, Route route) {
    List<String> said = exchange.request().headers().getAll(HttpHeaderNames.CONTENT_ENCODING);
    if (said.isEmpty()
        || said.equals(List.of("identity"))
        || !route.transcoder().takesBody()
        || !exchange.body().announced()) {
      return Optional.empty();
    }
    // What is passed on in parts would have to be decoded in parts.
    Optional<ContentCoding> coding =
        said.size() == 1 && route.rpc().oneRequest()
            ? ContentCoding.named(said.getFirst().strip())
            : Optional.empty();
    if (coding.isEmpty()) {
      exchange.alsoAnswer("Accept-Encoding", ContentCoding.TAKEN);
      throw new Refused(Problems.contentCoding());
    }
    return coding;
  }

  private void transcode(Exchange exchange, Asked asked, byte[] body) {
    if (body.length == 0 && cache.covers(exchange, asked)) {
      cache.serve(
          exchange,
          asked,
          new ResponseCache.Calling() {
            @Override
            public Duration time() {
              return calls.time(exchange, asked);
            }

            @Override
            public void call(Asked within, Recipient recipient) {
              calls.start(exchange, within, request(exchange, within, body), recipient);
            }
          });
      return;
    }
    if (body.length <= INLINE_BYTES_MAX && asked.coding().isEmpty()) {
      calls.start(exchange, asked, request(exchange, asked, body));
      return;
    }
    work.run(
        exchange,
        () -> request(exchange, asked, body),
        request -> calls.start(exchange, asked, request));
  }

  /** The bytes of the request message. Throws {@link Refused} with what is wrong where. */
  static byte[] request(Exchange exchange, Asked asked, byte[] body) {
    long began = exchange.timing().now();
    byte[] plain =
        asked.coding().map(c -> c.decode(body, asked.rpc().requestBytesMax())).orElse(body);
    Transcoder transcoder = asked.route().transcoder();
    List<String> path = asked.found().variables();
    List<RequestTarget.Parameter> query = asked.target().query();
    Transcoder.Headers headers = asked.headers();
    byte[] request;
    if (Multipart.is(headers.contentType())) {
      UploadForm form = UploadForm.of(headers.contentType(), plain);
      List<RequestTarget.Parameter> all = new ArrayList<>(query);
      all.addAll(form.fields());
      request = transcoder.request(path, all, form.file(), headers.of(form.contentType()));
    } else {
      request = transcoder.request(path, query, plain, headers);
    }
    exchange.timing().transcoded(began);
    return request;
  }

  /** Does a part of the work; whatever it throws becomes the answer. */
  static void guarded(Exchange exchange, Runnable work) {
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
}
