package dev.weft.edge;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http2.DefaultHttp2GoAwayFrame;
import io.netty.handler.codec.http2.DefaultHttp2PingFrame;
import io.netty.handler.codec.http2.DefaultHttp2WindowUpdateFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2PingFrame;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One HTTP/2 connection: what its streams have in common, its age, and its end. Frames and flow
 * control are Netty's; each stream is a channel of its own with an {@link Http2Stream}.
 *
 * <p>It ends as RFC 9113 has it: says that it takes no more requests, takes those that were on
 * their way when the client heard it, and closes with the last answer.
 */
final class Http2Connection extends ChannelInboundHandlerAdapter {
  private static final Logger log = LoggerFactory.getLogger(Http2Connection.class);

  /** The window a connection has before anybody says anything (RFC 9113, 6.9.2). */
  private static final int WINDOW_BYTES = 65_535;

  private static final int SMALL_CONTINUATIONS_MAX = 16;
  private static final int EMPTY_FRAMES_MAX = 10;
  private static final int WAITING_CONTROL_FRAMES_MAX = 1_000;

  /** How long the client may take to hear that the connection ends. */
  private static final Duration LINGER = Duration.ofSeconds(1);

  private static final long FAREWELL = 0x77656674;

  /**
   * Headers of answers that repeat, so that it pays to keep them in the table that both sides have.
   * No other is put there: how large it may grow, the client says.
   */
  private static final Set<String> REPEATED =
      Set.of(
          ":status",
          "cache-control",
          "content-security-policy",
          "content-type",
          "grpc-status",
          "strict-transport-security",
          "vary",
          "x-content-type-options");

  private final ChannelHandlerContext codec;
  private final LastWords lastWords;
  private final HttpLimits limits;
  private final Room room;
  private final String scheme;
  private final Set<Http2Stream> streams = new LinkedHashSet<>();
  private final DeadlineTimer idle;
  private final DeadlineTimer stalled;
  private final DeadlineTimer age;
  private final Waiting waiting;
  private int requests;
  private int held;
  private long unread;
  private boolean leaving;
  private boolean said;

  private Http2Connection(
      ChannelHandlerContext codec, LastWords lastWords, HttpLimits limits, Room room) {
    this.codec = codec;
    this.lastWords = lastWords;
    this.limits = limits;
    this.room = room;
    this.scheme = Http1Connection.scheme(codec.pipeline());
    this.idle = new DeadlineTimer(codec.channel().eventLoop(), this::leave);
    this.stalled = new DeadlineTimer(codec.channel().eventLoop(), this::cut);
    this.age = new DeadlineTimer(codec.channel().eventLoop(), this::leave);
    this.waiting = Waiting.of(codec.channel());
  }

  /** Adds all that speaks HTTP/2 to the end of a pipeline; the preface comes next. */
  static void addTo(ChannelPipeline pipeline, Gateway gateway, HttpLimits limits) {
    Http2FrameCodec frames = codec(limits);
    frames.decoder().frameListener(new FrameGuard(frames.decoder().frameListener()));
    LastWords lastWords = new LastWords();
    pipeline.addLast(lastWords, frames);
    ChannelHandlerContext codec = pipeline.context(frames);
    Http2Connection connection = new Http2Connection(codec, lastWords, limits, gateway.room());
    ChannelInitializer<Channel> stream =
        new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            channel.pipeline().addLast(new Http2Stream(channel, connection, gateway, limits));
          }
        };
    pipeline.addLast(new Http2MultiplexHandler(stream), connection);
    connection.open();
  }

  private static Http2FrameCodec codec(HttpLimits limits) {
    Http2Limits http2 = limits.http2();
    return Http2FrameCodecBuilder.forServer()
        .initialSettings(
            new Http2Settings()
                .maxConcurrentStreams(http2.streams())
                .initialWindowSize(http2.streamWindowBytes())
                .maxHeaderListSize(limits.headerBytes()))
        .validateHeaders(true)
        .headerSensitivityDetector((name, _) -> !REPEATED.contains(name.toString()))
        .decoderEnforceMaxRstFramesPerWindow(http2.resets(), Http2Limits.RESET_WINDOW_SECONDS)
        .encoderEnforceMaxRstFramesPerWindow(http2.resets(), Http2Limits.RESET_WINDOW_SECONDS)
        .decoderEnforceMaxSmallContinuationFrames(SMALL_CONTINUATIONS_MAX)
        .decoderEnforceMaxConsecutiveEmptyDataFrames(EMPTY_FRAMES_MAX)
        .encoderEnforceMaxQueuedControlFrames(WAITING_CONTROL_FRAMES_MAX)
        // How a connection ends is decided here.
        .decoupleCloseAndGoAway(true)
        .build();
  }

  private void open() {
    int more = limits.http2().connectionWindowBytes() - WINDOW_BYTES;
    if (more > 0) {
      var _ = codec.channel().writeAndFlush(new DefaultHttp2WindowUpdateFrame(more));
    }
    idle.set(limits.idle());
    long millis = limits.http2().age().toMillis();
    age.set(Duration.ofMillis((long) (millis * ThreadLocalRandom.current().nextDouble(0.9, 1.1))));
  }

  // What streams ask for.

  String scheme() {
    return scheme;
  }

  void opened(Http2Stream stream) {
    streams.add(stream);
    idle.clear();
    waiting.over();
    requests++;
    if (requests >= limits.requestsPerConnection()) {
      leave();
    }
  }

  void closed(Http2Stream stream) {
    if (streams.remove(stream) && streams.isEmpty()) {
      if (said) {
        end();
      } else {
        idle.set(limits.idle());
        waiting.begin();
      }
    }
  }

  /** Takes room for a part of a body that waits for its end; false when there is none left. */
  boolean hold(int bytes) {
    if (held + bytes > limits.http2().heldBytes() || !room.take(bytes, held + unread)) {
      return false;
    }
    held += bytes;
    return true;
  }

  void letGo(int bytes) {
    held -= bytes;
    room.give(bytes);
  }

  /** Takes room for a part of an answer that waits to be read; false when there is none left. */
  boolean keep(int bytes) {
    if (!room.take(bytes, held + unread)) {
      return false;
    }
    unread += bytes;
    return true;
  }

  /** So much of it was read, or never will be. */
  void sent(int bytes) {
    unread -= bytes;
    room.give(bytes);
  }

  // The end.

  /** Takes no more requests, ends streams that have no end of their own, and closes. */
  void drain() {
    leave();
    List.copyOf(streams).forEach(Http2Stream::drain);
  }

  private void leave() {
    if (leaving) {
      return;
    }
    leaving = true;
    idle.clear();
    Channel channel = codec.channel();
    // No number yet: requests may be on their way. When the client has answered, none is.
    var _ =
        channel.write(
            new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR).setExtraStreamIds(Integer.MAX_VALUE));
    var _ = channel.writeAndFlush(new DefaultHttp2PingFrame(FAREWELL));
    var _ = channel.eventLoop().schedule(this::sayLast, LINGER.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void sayLast() {
    if (said) {
      return;
    }
    said = true;
    var _ = codec.channel().writeAndFlush(new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR));
    if (streams.isEmpty()) {
      end();
    }
  }

  private void end() {
    var _ =
        codec.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener((ChannelFutureListener) _ -> cut());
    stalled.set(LINGER);
  }

  /** Closes now, whatever was not sent. */
  private void cut() {
    var _ = codec.close();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (leaving && message instanceof Http2PingFrame ping && ping.ack()) {
      sayLast();
    }
    ReferenceCountUtil.release(message);
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (codec.channel().isWritable()) {
      stalled.clear();
    } else {
      stalled.set(limits.stalled());
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (cause instanceof Http2Exception) {
      // Netty tells the client next, and closes.
      lastWords.linger();
      return;
    }
    if (!(cause instanceof IOException)) {
      log.error("a connection of HTTP/2 failed", cause);
    }
    cut();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    idle.close();
    stalled.close();
    age.close();
    List.copyOf(streams).forEach(Http2Stream::left);
  }
}
