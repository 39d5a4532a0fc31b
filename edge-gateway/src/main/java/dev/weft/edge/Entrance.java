package dev.weft.edge;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.ssl.SslHandler;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Hears from the first bytes of a connection what it speaks, and gives it what speaks that: TLS, if
 * there is a certificate, and in it or without it HTTP/2 by its preface, else HTTP/1. Then it is
 * gone. An offer in TLS (ALPN) decides nothing: a client means what it says first.
 *
 * <p>Where there is a certificate, only this machine itself may do without TLS.
 */
final class Entrance extends ByteToMessageDecoder {
  private static final byte[] PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(US_ASCII);

  /** The type of a record with a part of a handshake, which no request begins with. */
  private static final byte HANDSHAKE = 22;

  private final Gateway gateway;
  private final HttpLimits limits;
  private final Optional<Certificates> certificates;
  private final BooleanSupplier handshake;
  private @Nullable DeadlineTimer deadline;
  private boolean begun;

  /**
   * @param certificates to offer TLS with; empty also within TLS
   * @param handshake whether one of TLS may begin; asked once it wants to
   */
  Entrance(
      Gateway gateway,
      HttpLimits limits,
      Optional<Certificates> certificates,
      BooleanSupplier handshake) {
    this.gateway = gateway;
    this.limits = limits;
    this.certificates = certificates;
    this.handshake = handshake;
  }

  /** Gives a connection what speaks HTTP/1. */
  static void addHttp1(
      ChannelPipeline pipeline, Gateway gateway, HttpLimits limits, Optional<Problem> refusal) {
    StrictRequestDecoder decoder = new StrictRequestDecoder(limits);
    pipeline
        .addLast(decoder)
        .addLast(new HttpResponseEncoder())
        .addLast(new Http1Connection(pipeline.channel(), gateway, limits, decoder, refusal));
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    deadline = new DeadlineTimer(ctx.channel().eventLoop(), () -> tooSlow(ctx));
    deadline.set(limits.idle());
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
    int there = in.readableBytes();
    if (there == 0) {
      return;
    }
    if (certificates.isPresent()) {
      if (in.getByte(in.readerIndex()) == HANDSHAKE) {
        if (handshake.getAsBoolean()) {
          secure(ctx, certificates.get());
        } else {
          in.skipBytes(there);
          var _ = ctx.close();
        }
        return;
      }
      if (!isLocal(ctx)) {
        http1(ctx, Optional.of(Problems.tlsRequired()));
        return;
      }
    }
    for (int i = 0; i < Math.min(there, PREFACE.length); i++) {
      if (in.getByte(in.readerIndex() + i) != PREFACE[i]) {
        http1(ctx, Optional.empty());
        return;
      }
    }
    if (there >= PREFACE.length) {
      Http2Connection.addTo(ctx.pipeline(), gateway, limits);
      ctx.pipeline().remove(this);
    } else if (!begun && deadline != null) {
      begun = true;
      deadline.set(limits.headerWithin());
    }
  }

  private void secure(ChannelHandlerContext ctx, Certificates with) {
    SslHandler tls = with.handler(ctx.alloc());
    tls.setHandshakeTimeoutMillis(limits.headerWithin().toMillis());
    ctx.pipeline()
        .addLast(new Entrance(gateway, limits, Optional.empty(), () -> false))
        .replace(this, null, tls);
  }

  private void http1(ChannelHandlerContext ctx, Optional<Problem> refusal) {
    addHttp1(ctx.pipeline(), gateway, limits, refusal);
    ctx.pipeline().remove(this);
  }

  private static boolean isLocal(ChannelHandlerContext ctx) {
    return ctx.channel().remoteAddress() instanceof InetSocketAddress peer
        && peer.getAddress().isLoopbackAddress();
  }

  /** Half a preface may be a request that is slow; HTTP/1 knows what to say to that. */
  private void tooSlow(ChannelHandlerContext ctx) {
    if (begun) {
      http1(ctx, Optional.empty());
    } else {
      var _ = ctx.close();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    // Before there is a request, there is nobody to tell.
    var _ = ctx.close();
  }

  @Override
  protected void handlerRemoved0(ChannelHandlerContext ctx) {
    if (deadline != null) {
      deadline.close();
    }
  }
}
