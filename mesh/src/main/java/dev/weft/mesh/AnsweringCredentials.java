package dev.weft.mesh;

import io.grpc.InsecureServerCredentials;
import io.grpc.ServerCredentials;
import io.grpc.internal.ObjectPool;
import io.grpc.netty.shaded.io.grpc.netty.GrpcHttp2ConnectionHandler;
import io.grpc.netty.shaded.io.grpc.netty.InternalNettyServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiator;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiator.ProtocolNegotiator;
import io.grpc.netty.shaded.io.grpc.netty.ProtocolNegotiationEvent;
import io.grpc.netty.shaded.io.netty.buffer.ByteBuf;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandler;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.handler.codec.ByteToMessageDecoder;
import io.grpc.netty.shaded.io.netty.util.AsciiString;
import java.util.List;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Credentials of a server that speaks TLS and can tell those who come without. A connection that
 * does not begin with a handshake is taken as it is, so that {@link PeerInterceptor} refuses its
 * calls in words that every client of gRPC understands; TLS alone could only hang up. It has got no
 * further than one without a certificate.
 */
final class AnsweringCredentials {
  private AnsweringCredentials() {}

  static ServerCredentials of(ServerCredentials tls) {
    return InternalNettyServerCredentials.create(
        new Negotiators(
            InternalNettyServerCredentials.toNegotiator(InsecureServerCredentials.create()),
            InternalNettyServerCredentials.toNegotiator(tls)));
  }

  private record Negotiators(
      InternalProtocolNegotiator.ServerFactory plain, InternalProtocolNegotiator.ServerFactory tls)
      implements InternalProtocolNegotiator.ServerFactory {
    @Override
    public ProtocolNegotiator newNegotiator(ObjectPool<? extends Executor> offload) {
      return new Either(plain.newNegotiator(offload), tls.newNegotiator(offload));
    }
  }

  private record Either(ProtocolNegotiator plain, ProtocolNegotiator tls)
      implements ProtocolNegotiator {
    @Override
    public AsciiString scheme() {
      return tls.scheme();
    }

    @Override
    public ChannelHandler newHandler(GrpcHttp2ConnectionHandler handler) {
      return new FirstByte(this, handler);
    }

    @Override
    public void close() {
      plain.close();
      tls.close();
    }
  }

  /** Waits for the first byte, for as long as a handshake may take, and steps aside. */
  private static final class FirstByte extends ByteToMessageDecoder {
    /** Of RFC 8446 §5.1, the type of the record that a handshake begins with. */
    private static final int HANDSHAKE = 22;

    private final Either negotiators;
    private final GrpcHttp2ConnectionHandler handler;
    private @Nullable ProtocolNegotiationEvent begun;

    FirstByte(Either negotiators, GrpcHttp2ConnectionHandler handler) {
      this.negotiators = negotiators;
      this.handler = handler;
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) throws Exception {
      if (event instanceof ProtocolNegotiationEvent first) {
        begun = first;
      } else {
        super.userEventTriggered(context, event);
      }
    }

    @Override
    protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) {
      boolean handshake = in.getUnsignedByte(in.readerIndex()) == HANDSHAKE;
      ProtocolNegotiator chosen = handshake ? negotiators.tls() : negotiators.plain();
      context.pipeline().addAfter(context.name(), null, chosen.newHandler(handler));
      ProtocolNegotiationEvent event = begun;
      if (event != null) {
        context.fireUserEventTriggered(event);
      }
      // What has come so far goes on to whoever stands behind now.
      context.pipeline().remove(this);
    }
  }
}
