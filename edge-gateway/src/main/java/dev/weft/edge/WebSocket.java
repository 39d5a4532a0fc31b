package dev.weft.edge;

import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.PrematureChannelClosureException;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.Utf8FrameValidator;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker13;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One WebSocket (RFC 6455): text messages both ways, and with them what keeps it alive and ends it.
 * Frames are Netty's. Used on the event loop of its connection, which it has to itself.
 */
final class WebSocket extends ChannelInboundHandlerAdapter {
  /** The one form of messages there is; who names none gets it too. */
  static final String SUBPROTOCOL = "weft.json";

  private static final Logger log = LoggerFactory.getLogger(WebSocket.class);

  /** How long the rest is read of what came from a client that nobody understands. */
  private static final Duration LINGER = Duration.ofSeconds(1);

  private static final int REASON_BYTES_MAX = 123;
  private static final byte[] NOTHING = {};

  private final Channel channel;
  private final HttpLimits limits;
  private final Listener listener;
  private final DeadlineTimer quiet;
  private final DeadlineTimer stalled;
  private final DeadlineTimer ending;

  /** The last ping that there was no room to answer. */
  private byte[] pingOwed = NOTHING;

  private boolean isPingOwed;
  private boolean paused;
  private boolean pinged;
  private boolean flushing;
  private boolean closing;
  private long written;

  /** Who talks with the client. */
  interface Listener {
    /** The client says this. */
    void message(byte[] text);

    /** The client keeps up again. */
    void writable();

    /** The client has left, or nobody understands it. Nothing of it comes any more. */
    void gone();

    /** The edge is about to stop. */
    void drain();
  }

  private WebSocket(Channel channel, HttpLimits limits, Listener listener) {
    this.channel = channel;
    this.limits = limits;
    this.listener = listener;
    this.quiet = new DeadlineTimer(channel.eventLoop(), this::tooQuiet);
    this.stalled = new DeadlineTimer(channel.eventLoop(), this::cut);
    this.ending = new DeadlineTimer(channel.eventLoop(), this::cut);
  }

  /**
   * Answers a request for one, which must be right, and speaks nothing else from then on.
   *
   * @param channel which still speaks HTTP
   * @param headers of the answer, beside those that make it one
   * @param bytesMax of a message
   */
  static WebSocket open(
      Channel channel,
      HttpRequest request,
      Map<String, String> headers,
      int bytesMax,
      HttpLimits limits,
      Listener listener) {
    HttpHeaders also = new DefaultHttpHeaders();
    headers.forEach(also::set);
    WebSocketDecoderConfig frames =
        WebSocketDecoderConfig.newBuilder()
            .maxFramePayloadLength(bytesMax)
            .allowExtensions(false)
            // What a client is told then is decided here.
            .closeOnProtocolViolation(false)
            .build();
    WebSocket socket = new WebSocket(channel, limits, listener);
    var _ =
        new WebSocketServerHandshaker13("", SUBPROTOCOL, frames)
            .handshake(
                channel,
                new DefaultFullHttpRequest(
                    request.protocolVersion(),
                    request.method(),
                    request.uri(),
                    Unpooled.EMPTY_BUFFER,
                    request.headers(),
                    EmptyHttpHeaders.INSTANCE),
                also,
                channel.newPromise());
    channel
        .pipeline()
        .addLast(new Utf8FrameValidator(false), new WebSocketFrameAggregator(bytesMax), socket);
    socket.heard();
    return socket;
  }

  // From the client.

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    try {
      if (message instanceof WebSocketFrame frame) {
        heard();
        read(frame);
      }
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  private void read(WebSocketFrame frame) {
    if (closing) {
      if (frame instanceof CloseWebSocketFrame) {
        cut();
      }
      return;
    }
    switch (frame) {
      case TextWebSocketFrame text -> listener.message(ByteBufUtil.getBytes(text.content()));
      case PingWebSocketFrame ping -> answer(ByteBufUtil.getBytes(ping.content()));
      case PongWebSocketFrame _ -> {
        // That it was heard is all it says.
      }
      case CloseWebSocketFrame close -> {
        end(close.retainedDuplicate(), Duration.ZERO);
        listener.gone();
      }
      default -> violated(WebSocketCloseStatus.INVALID_MESSAGE_TYPE);
    }
  }

  private void answer(byte[] ping) {
    if (channel.isWritable()) {
      send(new PongWebSocketFrame(Unpooled.wrappedBuffer(ping)));
    } else {
      isPingOwed = true;
      pingOwed = ping;
    }
  }

  private void violated(WebSocketCloseStatus how) {
    if (!closing) {
      end(new CloseWebSocketFrame(how), LINGER);
      listener.gone();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    switch (cause) {
      case CorruptedWebSocketFrameException e -> violated(e.closeStatus());
      case TooLongFrameException _ -> violated(WebSocketCloseStatus.MESSAGE_TOO_BIG);
      // That it ends within a message is what it is.
      case IOException _, PrematureChannelClosureException _ -> cut();
      default -> {
        log.error("a WebSocket failed", cause);
        violated(WebSocketCloseStatus.INTERNAL_SERVER_ERROR);
      }
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (!channel.isWritable()) {
      stalled.set(limits.stalled());
      return;
    }
    stalled.clear();
    if (isPingOwed) {
      isPingOwed = false;
      answer(pingOwed);
    }
    listener.writable();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    quiet.close();
    stalled.close();
    ending.close();
    if (!closing) {
      closing = true;
      listener.gone();
    }
  }

  /** Reads no more messages than were read, or goes on. */
  void pause(boolean pause) {
    if (paused != pause && !closing) {
      paused = pause;
      channel.config().setAutoRead(!pause);
    }
  }

  // Whether it lives.

  private void heard() {
    pinged = false;
    if (!closing) {
      quiet.set(limits.idle());
    }
  }

  /** A client that is not read cannot be heard; that it left shows in the ping that fails. */
  private void tooQuiet() {
    if (pinged && !paused) {
      cut();
      return;
    }
    pinged = true;
    if (channel.isWritable()) {
      send(new PingWebSocketFrame());
    }
    quiet.set(limits.idle());
  }

  // To the client.

  boolean writable() {
    return channel.isWritable();
  }

  /** Bytes of messages so far. */
  long written() {
    return written;
  }

  void message(byte[] text) {
    if (!closing) {
      written += text.length;
      send(new TextWebSocketFrame(true, 0, Unpooled.wrappedBuffer(text)));
    }
  }

  /**
   * Says that it ends, and ends when the client has heard it.
   *
   * @param reason for programs; left out if there is no room for it, or empty
   */
  void close(int code, String reason) {
    if (!closing) {
      boolean fits = ByteBufUtil.utf8Bytes(reason) <= REASON_BYTES_MAX;
      end(new CloseWebSocketFrame(code, fits ? reason : ""), limits.headerWithin());
    }
  }

  /** Nothing is said behind this frame, and what comes says only whether it was heard. */
  private void end(CloseWebSocketFrame last, Duration within) {
    closing = true;
    quiet.close();
    ending.set(limits.stalled());
    channel.config().setAutoRead(true);
    var _ =
        channel.writeAndFlush(last).addListener((ChannelFutureListener) _ -> ending.set(within));
  }

  private void send(WebSocketFrame frame) {
    // What becomes of it shows in the connection itself: it closes when a write fails.
    var _ = channel.write(frame);
    if (!flushing) {
      flushing = true;
      channel.eventLoop().execute(this::flush);
    }
  }

  /** Once for all frames that came together. */
  private void flush() {
    flushing = false;
    channel.flush();
  }

  private void cut() {
    var _ = channel.close();
  }

  /** Ends it before the process does. */
  void drain() {
    listener.drain();
  }
}
