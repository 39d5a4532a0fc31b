package dev.weft.edge;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One request over HTTP/2 and its answer, with the deadlines that hold for both. What is no request
 * beyond doubt is called off, and the connection stays.
 */
final class Http2Stream extends ChannelInboundHandlerAdapter implements Carrier {
  private static final Logger log = LoggerFactory.getLogger(Http2Stream.class);

  private static final int DEFAULT_BODY = 64 * 1024;

  /** How long the rest of a body may come that nobody wants. */
  private static final Duration LINGER = Duration.ofSeconds(1);

  private final Channel channel;
  private final Http2Connection connection;
  private final Gateway gateway;
  private final HttpLimits limits;
  private final DeadlineTimer reading;
  private final DeadlineTimer stalled;
  private final Outgoing parts;
  private @Nullable Exchange exchange;
  private boolean last;
  private boolean answered;
  private boolean sent;
  private int held;
  private int kept;
  private long written;

  Http2Stream(Channel channel, Http2Connection connection, Gateway gateway, HttpLimits limits) {
    this.channel = channel;
    this.connection = connection;
    this.gateway = gateway;
    this.limits = limits;
    this.reading = new DeadlineTimer(channel.eventLoop(), this::tooSlow);
    this.stalled = new DeadlineTimer(channel.eventLoop(), this::abort);
    this.parts = new Outgoing(channel, DefaultHttp2DataFrame::new);
  }

  // Reading.

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    connection.opened(this);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    try {
      switch (message) {
        case Http2HeadersFrame head -> {
          Exchange current = exchange;
          if (current == null) {
            begin(head);
          } else if (head.isEndStream()) {
            // Fields behind the body are nobody's.
            bodyEnd(current);
          }
        }
        case Http2DataFrame data -> content(data);
        default -> {
          // Priorities and the like say nothing to us.
        }
      }
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  private void begin(Http2HeadersFrame frame) {
    HttpRequest request;
    try {
      request = Http2Request.of(frame.headers(), frame.isEndStream());
    } catch (IllegalArgumentException e) {
      reset(Http2Error.PROTOCOL_ERROR);
      return;
    }
    Exchange begun = new Exchange(this, request, gateway.observe(request, scheme()));
    exchange = begun;
    if (frame.isEndStream()) {
      begun.body().end();
    } else {
      expectBody(DEFAULT_BODY);
    }
    gateway.serve(begun);
  }

  private void content(Http2DataFrame data) {
    Exchange current = exchange;
    if (current == null) {
      return;
    }
    int length = data.content().readableBytes();
    if (current.body().isKept() && !hold(length)) {
      closeAfterThis();
      current.refuse(Problems.overloaded());
    }
    current.body().content(data.content());
    if (data.isEndStream()) {
      bodyEnd(current);
    }
  }

  private boolean hold(int bytes) {
    if (!connection.hold(bytes)) {
      return false;
    }
    held += bytes;
    return true;
  }

  private void bodyEnd(Exchange current) {
    reading.clear();
    current.body().end();
  }

  @Override
  public void expectBody(int bytesMax) {
    if (!answered) {
      reading.set(limits.bodyWithin(bytesMax));
    }
  }

  @Override
  public void expectNoBody() {
    reading.clear();
  }

  /** The connection is read whatever becomes of this stream, and so its end is noticed. */
  @Override
  public void probe() {}

  @Override
  public void pauseBody(boolean paused) {
    channel.config().setAutoRead(!paused);
  }

  private void tooSlow() {
    Exchange current = exchange;
    if (answered || current == null) {
      reset(Http2Error.NO_ERROR);
      return;
    }
    closeAfterThis();
    current.refuse(Problems.tooSlow());
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (!writable() || (answered && !sent)) {
      stalled.set(limits.stalled());
    } else {
      stalled.clear();
    }
    Exchange current = exchange;
    if (current != null && writable()) {
      current.writabilityChanged();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    // What is wrong with the client's frames, Netty has told the client.
    if (!(cause instanceof Http2Exception)) {
      log.error("a stream of HTTP/2 failed", cause);
      abort();
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof Http2ResetFrame) {
      left();
    }
  }

  /** The client is gone, or has called this off; a channel that is not read does not notice. */
  void left() {
    var _ = channel.close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    reading.close();
    stalled.close();
    connection.letGo(held);
    held = 0;
    keep(0);
    connection.closed(this);
    Exchange current = exchange;
    if (current != null) {
      current.gone();
    }
  }

  // What an exchange asks for.

  @Override
  public EventLoop loop() {
    return channel.eventLoop();
  }

  @Override
  public String peer() {
    return channel.parent().remoteAddress() instanceof InetSocketAddress address
        ? address.getAddress().getHostAddress()
        : "";
  }

  @Override
  public String scheme() {
    return connection.scheme();
  }

  @Override
  public boolean writable() {
    return channel.isWritable();
  }

  @Override
  public long written() {
    return written;
  }

  @Override
  public void sendContinue() {
    send(new DefaultHttp2HeadersFrame(new DefaultHttp2Headers().status("100")));
    channel.flush();
  }

  @Override
  public void closeAfterThis() {
    last = true;
    giveUpTheRest();
  }

  @Override
  public void write(Exchange of, int status, Map<String, String> headers, byte[] body) {
    Http2Headers head = headers(status, headers);
    // Only a length that is not there to see has to be said of an answer without a body.
    if (body.length > 0) {
      head.setInt("content-length", body.length);
    }
    if (of.isHead() || body.length == 0) {
      complete(channel.write(new DefaultHttp2HeadersFrame(head, true)));
    } else {
      written = body.length;
      send(new DefaultHttp2HeadersFrame(head));
      complete(channel.write(new DefaultHttp2DataFrame(Unpooled.wrappedBuffer(body), true)));
      weigh();
    }
  }

  @Override
  public void writeStreamHead(Exchange of, int status, Map<String, String> headers) {
    send(new DefaultHttp2HeadersFrame(headers(status, headers)));
    parts.flushSoon();
  }

  @Override
  public void writePart(byte[] part) {
    written += part.length;
    parts.part(part);
    weigh();
  }

  /** Notes what of the answer waits for the client, and calls it off if there is no room for it. */
  private void weigh() {
    if (sent || !channel.isActive()) {
      return;
    }
    ChannelConfig config = channel.config();
    long waits =
        channel.isWritable()
            ? config.getWriteBufferHighWaterMark() - channel.bytesBeforeUnwritable()
            : config.getWriteBufferLowWaterMark() + channel.bytesBeforeWritable();
    if (!keep(Math.clamp(waits, 0, Integer.MAX_VALUE))) {
      reset(Http2Error.ENHANCE_YOUR_CALM);
    }
  }

  private boolean keep(int bytes) {
    if (bytes > kept && !connection.keep(bytes - kept)) {
      return false;
    }
    if (bytes < kept) {
      connection.sent(kept - bytes);
    }
    kept = bytes;
    return true;
  }

  @Override
  public boolean hasTrailers() {
    return true;
  }

  @Override
  public void endStream(Map<String, String> trailers) {
    parts.write();
    if (trailers.isEmpty()) {
      complete(channel.write(new DefaultHttp2DataFrame(true)));
    } else {
      Http2Headers last = new DefaultHttp2Headers();
      trailers.forEach((name, value) -> last.set(name.toLowerCase(Locale.ROOT), value));
      complete(channel.write(new DefaultHttp2HeadersFrame(last, true)));
    }
  }

  private static Http2Headers headers(int status, Map<String, String> headers) {
    Http2Headers head = new DefaultHttp2Headers().status(Integer.toString(status));
    head.set("date", HttpDate.now());
    headers.forEach((name, value) -> head.set(name.toLowerCase(Locale.ROOT), value));
    return head;
  }

  /** What becomes of it shows in the stream itself: it closes when a write fails. */
  private void send(Object part) {
    var _ = channel.write(part);
  }

  /** The last of the answer was written; it is sent when the client has room for it. */
  private void complete(ChannelFuture end) {
    answered = true;
    stalled.set(limits.stalled());
    channel.flush();
    var _ =
        end.addListener(
            _ -> {
              sent = true;
              stalled.clear();
              keep(0);
              giveUpTheRest();
            });
  }

  /** What still comes of a body after its answer is not worth more than a moment. */
  private void giveUpTheRest() {
    Exchange current = exchange;
    if (!sent || current == null || current.body().ended()) {
      return;
    }
    if (last) {
      reset(Http2Error.NO_ERROR);
    } else {
      reading.set(LINGER);
    }
  }

  /** The end of the stream is the end of both, and comes by itself. */
  @Override
  public void done() {
    reading.clear();
  }

  @Override
  public Channel handOver() {
    throw new IllegalStateException("a request of HTTP/2 asks for no other protocol");
  }

  @Override
  public void abort() {
    reset(Http2Error.INTERNAL_ERROR);
  }

  private void reset(Http2Error why) {
    var _ = channel.writeAndFlush(new DefaultHttp2ResetFrame(why));
  }

  /** Ends a stream that has no end of its own. */
  void drain() {
    if (exchange != null) {
      exchange.drain();
    }
  }
}
