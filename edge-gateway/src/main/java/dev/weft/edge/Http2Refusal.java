package dev.weft.edge;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Tells clients that begin with HTTP/2, as every gRPC client does, that this port does not speak
 * it: the first request is answered 505 in HTTP/2, and the connection closed. An answer in HTTP/1.1
 * or none would be a broken connection to them, which they make again until their patience ends.
 *
 * <p>Stands before the decoder of HTTP/1 and steps aside at the first byte that is not of HTTP/2's
 * preface, or when the preface is not complete in time.
 */
final class Http2Refusal extends ByteToMessageDecoder {
  private static final byte[] PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(US_ASCII);
  private static final byte[] WHY =
      "this port speaks HTTP/1.1 (REST and JSON); gRPC is spoken at the services' own ports\n"
          .getBytes(US_ASCII);

  private static final int FRAME_HEADER_BYTES = 9;

  /** What a peer that was told nothing else may send in one frame. */
  private static final int FRAME_BYTES_MAX = 16_384;

  /** More than anybody sends before the first request. */
  private static final int READ_MAX = 128 * 1024;

  private static final int DATA = 0;
  private static final int HEADERS = 1;
  private static final int SETTINGS = 4;
  private static final int GOAWAY = 7;

  /** END_STREAM of DATA, ACK of SETTINGS. */
  private static final int LAST_OR_ACK = 1;

  private static final int END_HEADERS = 4;
  private static final int HTTP_1_1_REQUIRED = 0xd;

  /** How long a closed connection still reads, so that the client gets to read our last answer. */
  private static final Duration LINGER = Duration.ofSeconds(1);

  private final Duration within;
  private @Nullable Future<?> deadline;
  private boolean http2;
  private boolean answered;
  private int read;

  /**
   * @param within time for the preface, and for the first request
   */
  Http2Refusal(Duration within) {
    this.within = within;
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
    if (!http2) {
      preface(ctx, in);
    } else if (answered) {
      in.skipBytes(in.readableBytes());
    } else {
      frame(ctx, in);
    }
  }

  private void preface(ChannelHandlerContext ctx, ByteBuf in) {
    int there = Math.min(in.readableBytes(), PREFACE.length);
    for (int i = 0; i < there; i++) {
      if (in.getByte(in.readerIndex() + i) != PREFACE[i]) {
        ctx.pipeline().remove(this);
        return;
      }
    }
    if (deadline == null) {
      deadline =
          ctx.executor().schedule(() -> tooSlow(ctx), within.toMillis(), TimeUnit.MILLISECONDS);
    }
    if (there == PREFACE.length) {
      in.skipBytes(there);
      http2 = true;
      ByteBuf settings = ctx.alloc().buffer();
      write(settings, SETTINGS, 0, 0, new byte[0]);
      var _ = ctx.writeAndFlush(settings);
    }
  }

  private void frame(ChannelHandlerContext ctx, ByteBuf in) {
    if (in.readableBytes() < FRAME_HEADER_BYTES) {
      return;
    }
    int start = in.readerIndex();
    int length = in.getUnsignedMedium(start);
    if (length > FRAME_BYTES_MAX || read > READ_MAX) {
      close(ctx);
      return;
    }
    if (in.readableBytes() < FRAME_HEADER_BYTES + length) {
      return;
    }
    in.skipBytes(FRAME_HEADER_BYTES + length);
    read += FRAME_HEADER_BYTES + length;
    int type = in.getByte(start + 3);
    boolean flagged = (in.getByte(start + 4) & LAST_OR_ACK) != 0;
    if (type == SETTINGS && !flagged) {
      ByteBuf acknowledged = ctx.alloc().buffer();
      write(acknowledged, SETTINGS, LAST_OR_ACK, 0, new byte[0]);
      var _ = ctx.writeAndFlush(acknowledged);
    } else if (type == HEADERS) {
      refuse(ctx, in.getInt(start + 5) & Integer.MAX_VALUE);
    }
  }

  private void refuse(ChannelHandlerContext ctx, int stream) {
    answered = true;
    ByteBuf answer = ctx.alloc().buffer();
    write(answer, HEADERS, END_HEADERS, stream, head());
    write(answer, DATA, LAST_OR_ACK, stream, WHY);
    ByteBuf last = ctx.alloc().buffer().writeInt(stream).writeInt(HTTP_1_1_REQUIRED);
    write(answer, GOAWAY, 0, 0, ByteBufUtil.getBytes(last.writeBytes(WHY)));
    last.release();
    var _ =
        ctx.writeAndFlush(answer)
            .addListener(
                (ChannelFutureListener)
                    written -> {
                      if (written.channel() instanceof DuplexChannel duplex) {
                        var _ = duplex.shutdownOutput();
                      }
                    });
    var _ = ctx.executor().schedule(() -> close(ctx), LINGER.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Status and type as HPACK has them without any table of its own: names by their numbers. */
  private static byte[] head() {
    byte[] status = "\u0008\u0003505".getBytes(US_ASCII);
    byte[] type = "\u000f\u0010\ntext/plain".getBytes(US_ASCII);
    byte[] head = new byte[status.length + type.length];
    System.arraycopy(status, 0, head, 0, status.length);
    System.arraycopy(type, 0, head, status.length, type.length);
    return head;
  }

  private static void write(ByteBuf into, int type, int flags, int stream, byte[] payload) {
    into.writeMedium(payload.length)
        .writeByte(type)
        .writeByte(flags)
        .writeInt(stream)
        .writeBytes(payload);
  }

  private static void close(ChannelHandlerContext ctx) {
    var _ = ctx.close();
  }

  private void tooSlow(ChannelHandlerContext ctx) {
    if (http2) {
      close(ctx);
    } else if (!ctx.isRemoved()) {
      ctx.pipeline().remove(this);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) throws Exception {
    forget();
    super.channelInactive(ctx);
  }

  @Override
  protected void handlerRemoved0(ChannelHandlerContext ctx) {
    forget();
  }

  private void forget() {
    if (deadline != null) {
      deadline.cancel(false);
    }
  }
}
