package dev.weft.consul.agent;

import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.buffer.UnpooledByteBufAllocator;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Calls {@code grpc.health.v1.Health/Check}, each time over a new connection: a check that keeps
 * one open does not notice that nobody else can connect.
 *
 * <p>The two messages are one field each, written and read here by hand, so that a check costs
 * neither protobuf's classes nor its memory.
 */
final class GrpcProbe implements Probe {
  private static final int SERVING = 1;

  private static final MethodDescriptor<String, Integer> CHECK =
      MethodDescriptor.<String, Integer>newBuilder()
          .setType(MethodDescriptor.MethodType.UNARY)
          .setFullMethodName("grpc.health.v1.Health/Check")
          .setRequestMarshaller(new ServiceName())
          .setResponseMarshaller(new ServingStatus())
          .build();

  private final Target.Grpc target;
  private final Duration timeout;
  private final ManagedChannel channel;

  GrpcProbe(Target.Grpc target, Duration timeout, EventLoopGroup eventLoop) {
    this.target = target;
    this.timeout = timeout;
    channel =
        NettyChannelBuilder.forTarget("dns:///" + target.hostAndPort(), credentials(target))
            .eventLoopGroup(eventLoop)
            .channelType(NioSocketChannel.class)
            .withOption(ChannelOption.ALLOCATOR, UnpooledByteBufAllocator.DEFAULT)
            .directExecutor()
            .disableRetry()
            .maxInboundMessageSize(64)
            .userAgent("weft-dev-agent")
            .build();
  }

  @Override
  public Outcome run() {
    try {
      int status =
          ClientCalls.blockingUnaryCall(
              channel,
              CHECK,
              CallOptions.DEFAULT.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS),
              target.service());
      return status == SERVING
          ? new Outcome(
              dev.weft.consul.agent.Status.PASSING, "gRPC check " + target.address() + ": success")
          : new Outcome(
              dev.weft.consul.agent.Status.CRITICAL,
              "gRPC application didn't report service healthy");
    } catch (StatusRuntimeException e) {
      return new Outcome(dev.weft.consul.agent.Status.CRITICAL, text(e));
    } finally {
      channel.enterIdle(); // drops the connection and any back-off
    }
  }

  private static String text(StatusRuntimeException e) {
    Status status = e.getStatus();
    String code =
        switch (status.getCode()) {
          case UNAVAILABLE -> "Unavailable";
          case NOT_FOUND -> "NotFound";
          case DEADLINE_EXCEEDED -> "DeadlineExceeded";
          case UNIMPLEMENTED -> "Unimplemented";
          default -> status.getCode().name();
        };
    StringBuilder text = new StringBuilder("rpc error: code = ").append(code).append(" desc = ");
    text.append(status.getDescription() == null ? "" : status.getDescription());
    for (Throwable cause = status.getCause(); cause != null; cause = cause.getCause()) {
      if (cause instanceof IOException) {
        text.append(": ").append(cause.getMessage());
        break;
      }
    }
    return text.toString();
  }

  private static ChannelCredentials credentials(Target.Grpc target) {
    if (!target.tls()) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    if (target.skipVerify()) {
      tls.trustManager(new TrustAnyone());
    }
    return tls.build();
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }

  /** {@code HealthCheckRequest}: the name of the service is field 1. */
  private static final class ServiceName implements MethodDescriptor.Marshaller<String> {
    @Override
    public InputStream stream(String service) {
      byte[] name = service.getBytes(StandardCharsets.UTF_8);
      ByteArrayOutputStream message = new ByteArrayOutputStream(name.length + 6);
      if (name.length > 0) {
        message.write((1 << 3) | 2);
        int length = name.length;
        while (length > 0x7f) {
          message.write((length & 0x7f) | 0x80);
          length >>>= 7;
        }
        message.write(length);
        message.write(name, 0, name.length);
      }
      return new ByteArrayInputStream(message.toByteArray());
    }

    @Override
    public String parse(InputStream stream) {
      throw new UnsupportedOperationException("the agent only calls");
    }
  }

  /** {@code HealthCheckResponse}: the status is field 1, absent for 0. */
  private static final class ServingStatus implements MethodDescriptor.Marshaller<Integer> {
    @Override
    public InputStream stream(Integer value) {
      throw new UnsupportedOperationException("the agent only calls");
    }

    @Override
    public Integer parse(InputStream stream) {
      try (stream) {
        byte[] message = stream.readAllBytes();
        return message.length >= 2 && message[0] == 1 << 3 ? (int) message[1] : 0;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
