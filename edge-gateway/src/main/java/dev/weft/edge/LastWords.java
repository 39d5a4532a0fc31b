package dev.weft.edge;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Lets a client read why its connection ends, also one that still sends: closing with unread input
 * would reset the connection, and what was said last be lost. Stands before all that may close.
 */
final class LastWords extends ChannelDuplexHandler {
  /** How long a closed connection still reads. */
  private static final Duration LINGER = Duration.ofSeconds(1);

  /** What comes meanwhile is thrown away up to here. */
  private static final long THROWN_AWAY_MAX = 1024 * 1024;

  private boolean deaf;
  private boolean linger;
  private boolean closing;
  private long thrownAway;

  /** From now on nothing that comes is worth looking at. */
  void deafen() {
    deaf = true;
  }

  /** From now on the end of this connection is worth waiting for. */
  void linger() {
    linger = true;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (!deaf) {
      ctx.fireChannelRead(message);
      return;
    }
    thrownAway += message instanceof ByteBuf bytes ? bytes.readableBytes() : 0;
    ReferenceCountUtil.release(message);
    if (thrownAway > THROWN_AWAY_MAX) {
      var _ = ctx.close();
    }
  }

  @Override
  public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
    if (!linger || !(ctx.channel() instanceof DuplexChannel duplex) || !duplex.isActive()) {
      var _ = ctx.close(promise);
      return;
    }
    if (closing) {
      var _ =
          ctx.channel()
              .closeFuture()
              .addListener((ChannelFutureListener) _ -> promise.trySuccess());
      return;
    }
    closing = true;
    deaf = true;
    var _ = duplex.shutdownOutput();
    var _ =
        ctx.executor()
            .schedule(() -> closeNow(ctx, promise), LINGER.toMillis(), TimeUnit.MILLISECONDS);
  }

  private static void closeNow(ChannelHandlerContext ctx, ChannelPromise promise) {
    var _ = ctx.close(promise);
  }
}
