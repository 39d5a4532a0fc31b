package dev.weft.edge;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One HTTP/1.1 connection: its requests one after the other in their order, its deadlines, and its
 * end. What is not HTTP beyond doubt is answered once and the connection closed, since nobody can
 * know where the next request would begin.
 */
final class Http1Connection extends ChannelInboundHandlerAdapter implements Carrier {
  private static final Logger log = LoggerFactory.getLogger(Http1Connection.class);

  private static final int DEFAULT_BODY = 64 * 1024;

  /** How long a closed connection still reads, so that the client gets to read our last answer. */
  private static final Duration LINGER = Duration.ofSeconds(1);

  /** What comes behind the last request is thrown away up to here. */
  private static final long THROWN_AWAY_MAX = 1024 * 1024;

  private final Gateway gateway;
  private final HttpLimits limits;
  private final StrictRequestDecoder decoder;
  private final Optional<Problem> refusal;

  /**
   * What was read and is not worked on yet: parts of requests, and problems with reading more.
   * Nothing more is read while something waits here, so it holds what came in one packet at most.
   */
  private final Deque<Object> inbox = new ArrayDeque<>();

  private @Nullable ChannelHandlerContext context;
  private @Nullable DeadlineTimer reading;
  private @Nullable DeadlineTimer stalled;
  private @Nullable DeadlineTimer waiting;
  private @Nullable Exchange current;
  private String scheme = "http";
  private Awaiting awaiting = Awaiting.NOTHING;
  private State state = State.OPEN;
  private boolean paused;
  private boolean bodyPaused;
  private int requests;
  private boolean draining;
  private boolean flushing;
  private long written;
  private long thrownAway;

  private enum Awaiting {
    NOTHING,
    REQUEST,
    HEAD,
    BODY
  }

  private enum State {
    /** As many requests as the client likes. */
    OPEN,
    /** The answer being given is the last. */
    LAST,
    /** All is said; what still comes is thrown away. */
    LINGERING
  }

  /**
   * @param refusal why it may not ask for anything; it is told so, and closed
   */
  Http1Connection(
      Gateway gateway, HttpLimits limits, StrictRequestDecoder decoder, Optional<Problem> refusal) {
    this.gateway = gateway;
    this.limits = limits;
    this.decoder = decoder;
    this.refusal = refusal;
  }

  /** What the requests of a connection with this pipeline come by. */
  static String scheme(ChannelPipeline pipeline) {
    return pipeline.get(SslHandler.class) == null ? "http" : "https";
  }

  // Reading.

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
    scheme = scheme(ctx.pipeline());
    reading = new DeadlineTimer(ctx.channel().eventLoop(), this::tooSlow);
    stalled = new DeadlineTimer(ctx.channel().eventLoop(), this::abort);
    waiting = new DeadlineTimer(ctx.channel().eventLoop(), this::waitedTooLong);
    refusal.ifPresentOrElse(this::refuse, () -> await(Awaiting.REQUEST, limits.idle()));
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (state == State.LINGERING || isBehindTheLast()) {
      throwAway(message);
      return;
    }
    inbox.add(message);
    work();
  }

  /** Whether all of the last request was read, so that nobody will ever work on what comes now. */
  private boolean isBehindTheLast() {
    return state == State.LAST && current != null && current.bodyEnded();
  }

  private void throwAway(Object message) {
    thrownAway += message instanceof HttpContent content ? content.content().readableBytes() : 1;
    ReferenceCountUtil.release(message);
    if (thrownAway > THROWN_AWAY_MAX) {
      abort();
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    if (current == null && state == State.OPEN && inbox.isEmpty()) {
      if (!decoder.inHead()) {
        await(Awaiting.REQUEST, limits.idle());
      } else {
        await(Awaiting.HEAD, limits.headerWithin());
      }
    }
  }

  /** Works on what was read, as far as the order of the answers allows. */
  private void work() {
    while (!inbox.isEmpty() && state != State.LINGERING) {
      Object next = inbox.peek();
      if (next instanceof HttpContent content && !(next instanceof HttpRequest)) {
        inbox.remove();
        content(content);
        continue;
      }
      if (current != null || !writable()) {
        pause();
        return;
      }
      inbox.remove();
      if (next instanceof HttpRequest request) {
        begin(request);
      } else if (next instanceof Problem problem) {
        refuse(problem);
      }
    }
    resume();
  }

  /** A request waits for the answer to another: what the client sends meanwhile would pile up. */
  private void pause() {
    if (waiting != null) {
      paused = true;
      channel().config().setAutoRead(false);
      waiting.set(limits.idle());
    }
  }

  private void resume() {
    if (paused && waiting != null) {
      paused = false;
      waiting.clear();
      channel().config().setAutoRead(!bodyPaused);
    }
  }

  /**
   * A connection that is not read does not show that its client left, and an answer may be a stream
   * without an end. So it becomes the last one, and what waits for it is not answered.
   */
  private void waitedTooLong() {
    if (current == null) {
      abort();
      return;
    }
    closeAfterThis();
    inbox.forEach(this::throwAway);
    inbox.clear();
    resume();
  }

  private void begin(HttpRequest request) {
    DecoderResult result = request.decoderResult();
    if (result.isFailure()) {
      refuse(problemOf(result.cause()));
      return;
    }
    requests++;
    if (requests >= limits.requestsPerConnection()
        || draining
        || request.protocolVersion().equals(HttpVersion.HTTP_1_0)
        || !HttpUtil.isKeepAlive(request)) {
      state = State.LAST;
    }
    written = 0;
    Exchange exchange = new Exchange(this, request, gateway.observe(request, scheme()));
    current = exchange;
    expectBody(DEFAULT_BODY);
    gateway.serve(exchange);
  }

  private void content(HttpContent content) {
    try {
      Exchange exchange = current;
      if (exchange == null) {
        return;
      }
      if (content.decoderResult().isFailure()) {
        state = State.LAST;
        exchange.refuse(problemOf(content.decoderResult().cause()));
        exchange.bodyEnd();
        return;
      }
      exchange.content(content.content());
      if (content instanceof LastHttpContent) {
        clear();
        exchange.bodyEnd();
      }
    } finally {
      content.release();
    }
  }

  private void refuse(Problem problem) {
    state = State.LAST;
    HttpRequest unknown = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/");
    Exchange exchange = new Exchange(this, unknown, gateway.observeMalformed());
    current = exchange;
    exchange.refuse(problem);
    exchange.bodyEnd();
  }

  private Problem problemOf(Throwable cause) {
    return switch (cause) {
      case TooLongHttpLineException _ -> Problems.targetTooLong(limits.uriBytes());
      case TooLongHttpHeaderException _ -> Problems.headerTooLong();
      default -> Problems.malformedHttp();
    };
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    switch (cause) {
      case DecoderException e -> {
        if (state != State.LINGERING && !isBehindTheLast()) {
          inbox.add(problemOf(e.getCause() == null ? e : e.getCause()));
          work();
        }
      }
      case IOException _ -> abort();
      default -> fail(cause);
    }
  }

  private void fail(Throwable cause) {
    log.error("a connection failed", cause);
    abort();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (stalled != null) {
      if (writable()) {
        stalled.clear();
      } else {
        stalled.set(limits.stalled());
      }
    }
    if (writable()) {
      if (current != null) {
        current.writabilityChanged();
      }
      work();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (reading != null && stalled != null && waiting != null) {
      reading.close();
      stalled.close();
      waiting.close();
    }
    inbox.forEach(ReferenceCountUtil::release);
    inbox.clear();
    if (current != null) {
      current.gone();
      current = null;
    }
  }

  // Deadlines of reading.

  private void await(Awaiting what, Duration within) {
    if (awaiting != what && reading != null) {
      awaiting = what;
      reading.set(within);
    }
  }

  private void clear() {
    awaiting = Awaiting.NOTHING;
    if (reading != null) {
      reading.clear();
    }
  }

  @Override
  public void expectBody(int bytesMax) {
    awaiting = Awaiting.NOTHING;
    await(Awaiting.BODY, limits.bodyWithin(bytesMax));
  }

  @Override
  public void expectNoBody() {
    clear();
  }

  @Override
  public void pauseBody(boolean pause) {
    bodyPaused = pause;
    channel().config().setAutoRead(!paused && !bodyPaused);
  }

  private void tooSlow() {
    Awaiting late = awaiting;
    awaiting = Awaiting.NOTHING;
    switch (late) {
      case NOTHING -> {}
      case REQUEST -> close();
      case HEAD -> refuse(Problems.tooSlow());
      case BODY -> {
        state = State.LAST;
        Exchange exchange = current;
        if (exchange != null) {
          exchange.refuse(Problems.tooSlow());
          // What is missing of it is not waited for.
          exchange.bodyEnd();
        }
      }
    }
  }

  // What an exchange asks for.

  @Override
  public EventLoop loop() {
    return channel().eventLoop();
  }

  @Override
  public String peer() {
    return channel().remoteAddress() instanceof InetSocketAddress address
        ? address.getAddress().getHostAddress()
        : "";
  }

  @Override
  public String scheme() {
    return scheme;
  }

  @Override
  public boolean writable() {
    return channel().isWritable();
  }

  @Override
  public long written() {
    return written;
  }

  @Override
  public void sendContinue() {
    send(
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
    channel().flush();
  }

  /** The answer being given is the last on this connection. */
  @Override
  public void closeAfterThis() {
    if (state == State.OPEN) {
      state = State.LAST;
    }
  }

  @Override
  public void write(Exchange exchange, int status, Map<String, String> headers, byte[] body) {
    boolean head = exchange.isHead();
    DefaultFullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(status),
            head ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(body));
    setHeaders(response, headers);
    // The head of an answer whose length nobody knows says nothing of it.
    if (status != 204 && status != 304 && !(head && body.length == 0)) {
      response.headers().setInt("Content-Length", body.length);
    }
    written = head ? 0 : body.length;
    send(response);
    channel().flush();
  }

  @Override
  public void writeStreamHead(Exchange exchange, int status, Map<String, String> headers) {
    HttpResponse response =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status));
    // HTTP/1.0 does not know chunks: there the end of the connection is the end of the answer.
    if (!exchange.request().protocolVersion().equals(HttpVersion.HTTP_1_0)) {
      response.headers().set("Transfer-Encoding", "chunked");
    }
    setHeaders(response, headers);
    send(response);
  }

  @Override
  public void writePart(byte[] part) {
    written += part.length;
    send(new DefaultHttpContent(Unpooled.wrappedBuffer(part)));
    if (!flushing) {
      flushing = true;
      loop().execute(this::flush);
    }
  }

  /** Once for all parts that came together. */
  private void flush() {
    flushing = false;
    channel().flush();
  }

  @Override
  public boolean hasTrailers() {
    return false;
  }

  @Override
  public void endStream(Map<String, String> trailers) {
    send(LastHttpContent.EMPTY_LAST_CONTENT);
    channel().flush();
  }

  /** What becomes of it shows in the connection itself: it closes when a write fails. */
  private void send(Object part) {
    var _ = channel().write(part);
  }

  private void setHeaders(HttpResponse response, Map<String, String> headers) {
    response.headers().set("Date", HttpDate.now());
    headers.forEach((name, value) -> response.headers().set(name, value));
    if (state != State.OPEN) {
      response.headers().set("Connection", "close");
    }
  }

  @Override
  public void done() {
    current = null;
    if (state == State.OPEN) {
      // On the loop, so that many small requests in one packet do not pile up on the stack.
      loop().execute(this::goOn);
    } else {
      linger();
    }
  }

  private void goOn() {
    if (state == State.OPEN && channel().isActive()) {
      work();
      channelReadComplete(context());
    }
  }

  @Override
  public void abort() {
    var _ = channel().close();
  }

  /** Ends an idle connection now, a busy one with its answer, and a stream early. */
  void drain() {
    draining = true;
    if (current == null) {
      close();
    } else {
      closeAfterThis();
      current.drain();
    }
  }

  private void close() {
    state = State.LINGERING;
    abort();
  }

  /** Closing with unread input would reset the connection, and the client lose our answer. */
  private void linger() {
    state = State.LINGERING;
    clear();
    var _ =
        channel()
            .writeAndFlush(Unpooled.EMPTY_BUFFER)
            .addListener((ChannelFutureListener) _ -> endOutput());
    inbox.forEach(ReferenceCountUtil::release);
    inbox.clear();
    resume();
  }

  private void endOutput() {
    if (!(channel() instanceof DuplexChannel duplex) || !channel().isActive()) {
      abort();
      return;
    }
    var _ = duplex.shutdownOutput();
    var _ = loop().schedule(this::abort, LINGER.toMillis(), TimeUnit.MILLISECONDS);
  }

  private Channel channel() {
    return context().channel();
  }

  private ChannelHandlerContext context() {
    if (context == null) {
      throw new IllegalStateException("the connection is not open yet");
    }
    return context;
  }
}
