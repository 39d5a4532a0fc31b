package dev.weft.edge;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
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

  private final Channel channel;
  private final Gateway gateway;
  private final HttpLimits limits;
  private final StrictRequestDecoder decoder;
  private final Optional<Problem> refusal;
  private final Http1Answers answers;
  private final String scheme;
  private final String peer;
  private final Inbox inbox;
  private final Awaited awaited;
  private final DeadlineTimer stalled;
  private final Waiting waiting;
  private @Nullable LastWords lastWords;
  private @Nullable Exchange current;
  private State state = State.OPEN;
  private int requests;
  private boolean draining;

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
      Channel channel,
      Gateway gateway,
      HttpLimits limits,
      StrictRequestDecoder decoder,
      Optional<Problem> refusal) {
    this.channel = channel;
    this.gateway = gateway;
    this.limits = limits;
    this.decoder = decoder;
    this.refusal = refusal;
    this.answers = new Http1Answers(channel);
    this.scheme = scheme(channel.pipeline());
    this.peer =
        channel.remoteAddress() instanceof InetSocketAddress address
            ? address.getAddress().getHostAddress()
            : "";
    this.inbox = new Inbox(channel, limits.idle(), this::waitedTooLong);
    this.awaited = new Awaited(channel.eventLoop(), this::tooSlow);
    this.stalled = new DeadlineTimer(channel.eventLoop(), this::abort);
    this.waiting = Waiting.of(channel);
  }

  /** What the requests of a connection with this pipeline come by. */
  static String scheme(ChannelPipeline pipeline) {
    return pipeline.get(SslHandler.class) == null ? "http" : "https";
  }

  // Reading.

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    refusal.ifPresentOrElse(this::refuse, () -> awaited.await(Awaited.Part.REQUEST, limits.idle()));
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (state == State.LINGERING || isBehindTheLast()) {
      ReferenceCountUtil.release(message);
      lastWords().deafen();
      return;
    }
    inbox.add(message);
    work();
  }

  /** Whether all of the last request was read, so that nobody will ever work on what comes now. */
  private boolean isBehindTheLast() {
    return state == State.LAST && current != null && current.body().ended();
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    awaitMore();
  }

  private void awaitMore() {
    if (current == null && state == State.OPEN && inbox.isEmpty()) {
      if (!decoder.inHead()) {
        awaited.await(Awaited.Part.REQUEST, limits.idle());
      } else {
        awaited.await(Awaited.Part.HEAD, limits.headerWithin());
      }
    }
  }

  /** Works on what was read, as far as the order of the answers allows. */
  private void work() {
    for (Object next = inbox.peek();
        next != null && state != State.LINGERING;
        next = inbox.peek()) {
      if (next instanceof HttpContent content && !(next instanceof HttpRequest)) {
        inbox.remove();
        content(content);
        continue;
      }
      if (current != null || !writable()) {
        // It waits for the answer to another.
        inbox.pause();
        return;
      }
      inbox.remove();
      if (next instanceof HttpRequest request) {
        begin(request);
      } else if (next instanceof Problem problem) {
        refuse(problem);
      }
    }
    inbox.resume();
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
    inbox.forget();
    inbox.resume();
  }

  private void begin(HttpRequest request) {
    DecoderResult result = request.decoderResult();
    if (result.isFailure()) {
      refuse(decoder.problem(result.cause()));
      return;
    }
    waiting.over();
    requests++;
    if (requests >= limits.requestsPerConnection()
        || draining
        || request.protocolVersion().equals(HttpVersion.HTTP_1_0)
        || !HttpUtil.isKeepAlive(request)) {
      state = State.LAST;
    }
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
        exchange.refuse(decoder.problem(content.decoderResult().cause()));
        exchange.body().end();
        return;
      }
      exchange.body().content(content.content());
      // Behind the last answer nobody waits for the rest.
      if (content instanceof LastHttpContent || (exchange.over() && state == State.LAST)) {
        awaited.clear();
        exchange.body().end();
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
    exchange.body().end();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    switch (cause) {
      case DecoderException e -> {
        if (state != State.LINGERING && !isBehindTheLast()) {
          inbox.add(decoder.problem(e.getCause() == null ? e : e.getCause()));
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
    if (!writable()) {
      stalled.set(limits.stalled());
    } else {
      stalled.clear();
      if (current != null) {
        current.writabilityChanged();
      }
      work();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    awaited.close();
    stalled.close();
    inbox.close();
    if (current != null) {
      current.gone();
      current = null;
    }
  }

  @Override
  public void expectBody(int bytesMax) {
    awaited.awaitAnew(Awaited.Part.BODY, limits.bodyWithin(bytesMax));
  }

  @Override
  public void expectNoBody() {
    awaited.clear();
  }

  /** Any number of interim answers may come before the answer (RFC 9110, 15.2). */
  @Override
  public void probe() {
    if (current != null && current.request().protocolVersion().equals(HttpVersion.HTTP_1_1)) {
      sendContinue();
    }
  }

  @Override
  public void pauseBody(boolean pause) {
    inbox.pauseBody(pause);
  }

  private void tooSlow(Awaited.Part late) {
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
          exchange.body().end();
        }
      }
    }
  }

  // What an exchange asks for.

  @Override
  public EventLoop loop() {
    return channel.eventLoop();
  }

  @Override
  public String peer() {
    return peer;
  }

  @Override
  public String scheme() {
    return scheme;
  }

  @Override
  public boolean writable() {
    return channel.isWritable();
  }

  @Override
  public long written() {
    return answers.written();
  }

  @Override
  public void sendContinue() {
    answers.sendContinue();
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
    answers.whole(exchange, status, headers, body, state != State.OPEN);
  }

  @Override
  public void writeStreamHead(Exchange exchange, int status, Map<String, String> headers) {
    answers.begin(exchange, status, headers, state != State.OPEN);
  }

  @Override
  public void writePart(byte[] part) {
    answers.part(part);
  }

  @Override
  public boolean hasTrailers() {
    return false;
  }

  @Override
  public void endStream(Map<String, String> trailers) {
    answers.end();
  }

  @Override
  public void done() {
    current = null;
    if (state == State.OPEN) {
      waiting.begin();
      // On the loop, so that many small requests in one packet do not pile up on the stack.
      loop().execute(this::goOn);
    } else {
      linger();
    }
  }

  @Override
  public Channel handOver() {
    if (!inbox.isEmpty() || decoder.inHead()) {
      closeAfterThis();
      throw new Refused(Problems.malformedHttp());
    }
    current = null;
    awaited.close();
    stalled.close();
    inbox.close();
    channel.pipeline().remove(this);
    return channel;
  }

  private void goOn() {
    if (state == State.OPEN && channel.isActive()) {
      work();
      awaitMore();
    }
  }

  @Override
  public void abort() {
    var _ = channel.close();
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

  /** Closes when the answer was sent, and lets the client read it. */
  private void linger() {
    state = State.LINGERING;
    awaited.clear();
    LastWords words = lastWords();
    words.deafen();
    words.linger();
    var _ =
        channel
            .writeAndFlush(Unpooled.EMPTY_BUFFER)
            .addListener((ChannelFutureListener) _ -> abort());
    inbox.forget();
    inbox.resume();
  }

  /** Comes only now: as long as the connection is used, nothing stands in its way. */
  private LastWords lastWords() {
    if (lastWords == null) {
      lastWords = new LastWords();
      ChannelHandlerContext first = channel.pipeline().context(decoder);
      if (first != null) {
        channel.pipeline().addBefore(first.name(), null, lastWords);
      }
    }
    return lastWords;
  }
}
