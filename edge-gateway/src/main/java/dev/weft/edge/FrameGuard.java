package dev.weft.edge;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Flags;
import io.netty.handler.codec.http2.Http2FrameListener;
import io.netty.handler.codec.http2.Http2FrameListenerDecorator;
import io.netty.handler.codec.http2.Http2Settings;
import java.util.concurrent.TimeUnit;

/**
 * Ends connections that keep the edge busy with frames that ask for nothing: a client that means
 * well sends few of them, and each costs us as much as a small part of a request. What Netty counts
 * itself (calling off streams, empty DATA, CONTINUATION) is not counted here.
 */
final class FrameGuard extends Http2FrameListenerDecorator {
  /** Of PING, SETTINGS, PRIORITY, GOAWAY and of types nobody knows. */
  private static final int COST = 16;

  /** Of WINDOW_UPDATE, which who reads much sends often. */
  private static final int COST_OF_ROOM = 1;

  /** 2,000 PINGs at once, then 500 a second; 16 times as many WINDOW_UPDATEs. */
  private static final int BURST = 2_000 * COST;

  private static final int PER_SECOND = 500 * COST;

  private long left = BURST;
  private long filled = System.nanoTime();

  FrameGuard(Http2FrameListener guarded) {
    super(guarded);
  }

  @Override
  public void onPingRead(ChannelHandlerContext ctx, long data) throws Http2Exception {
    spend(COST);
    super.onPingRead(ctx, data);
  }

  @Override
  public void onPingAckRead(ChannelHandlerContext ctx, long data) throws Http2Exception {
    spend(COST);
    super.onPingAckRead(ctx, data);
  }

  @Override
  public void onSettingsRead(ChannelHandlerContext ctx, Http2Settings settings)
      throws Http2Exception {
    spend(COST);
    super.onSettingsRead(ctx, settings);
  }

  @Override
  public void onPriorityRead(
      ChannelHandlerContext ctx, int stream, int dependency, short weight, boolean exclusive)
      throws Http2Exception {
    spend(COST);
    super.onPriorityRead(ctx, stream, dependency, weight, exclusive);
  }

  @Override
  public void onGoAwayRead(ChannelHandlerContext ctx, int last, long error, ByteBuf reason)
      throws Http2Exception {
    spend(COST);
    super.onGoAwayRead(ctx, last, error, reason);
  }

  @Override
  public void onWindowUpdateRead(ChannelHandlerContext ctx, int stream, int increment)
      throws Http2Exception {
    spend(COST_OF_ROOM);
    super.onWindowUpdateRead(ctx, stream, increment);
  }

  @Override
  public void onUnknownFrame(
      ChannelHandlerContext ctx, byte type, int stream, Http2Flags flags, ByteBuf payload)
      throws Http2Exception {
    spend(COST);
    super.onUnknownFrame(ctx, type, stream, flags, payload);
  }

  private void spend(int cost) throws Http2Exception {
    left -= cost;
    if (left >= 0) {
      return;
    }
    long now = System.nanoTime();
    double seconds = (now - filled) / (double) TimeUnit.SECONDS.toNanos(1);
    left = (long) Math.min(BURST, left + seconds * PER_SECOND);
    filled = now;
    if (left < 0) {
      throw Http2Exception.connectionError(
          Http2Error.ENHANCE_YOUR_CALM, "too many frames that ask for nothing");
    }
  }
}
