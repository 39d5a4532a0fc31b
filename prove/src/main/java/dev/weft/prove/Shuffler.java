package dev.weft.prove;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.event.v1.Delivery;
import dev.weft.event.v1.EventLogServiceGrpc;
import dev.weft.event.v1.SubscribeResponse;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.HandlerRegistry;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * Stands before a service, on a port of loopback, with certificates of that service and of each
 * that calls it, and carries every call as it is but one: whoever subscribes to events gets each of
 * them three times, shuffled with those around it. Who has no certificate is carried without.
 *
 * <p>Thread-safe. Closing it ends the calls.
 */
final class Shuffler implements AutoCloseable {
  private static final String SUBSCRIBE =
      EventLogServiceGrpc.getSubscribeMethod().getFullMethodName();

  /** What comes within it is shuffled. */
  private static final Duration WINDOW = Duration.ofMillis(700);

  private final StateFolder system;
  private final String service;
  private final Map<String, ManagedChannel> targets = new ConcurrentHashMap<>(); // by caller
  private final Server server;
  private final Random random;
  private final ScheduledExecutorService windows =
      Executors.newSingleThreadScheduledExecutor(Thread.ofVirtual().name("shuffler").factory());
  private final LongAdder deliveries = new LongAdder();

  /**
   * @param service before which it stands
   */
  Shuffler(StateFolder system, String service, long seed) {
    this.system = system;
    this.service = service;
    random = new Random(seed);
    try {
      server =
          NettyServerBuilder.forAddress(
                  new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                  Certificate.of(system, service).serving())
              .fallbackHandlerRegistry(new Everything())
              .build()
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  int port() {
    return server.getPort();
  }

  /** How many there were of events, each counted as often as it was made. */
  long deliveries() {
    return deliveries.sum();
  }

  @Override
  public void close() {
    windows.shutdownNow();
    server.shutdownNow();
    targets.values().forEach(ManagedChannel::shutdownNow);
  }

  private ManagedChannel target(String caller) {
    return targets.computeIfAbsent(
        caller,
        name ->
            NettyChannelBuilder.forAddress(
                    "127.0.0.1",
                    system.port(service),
                    name.isEmpty() ? Certificate.none() : Certificate.of(system, name).calling())
                .build());
  }

  /** The name of who calls; empty for somebody without a certificate. */
  private static String caller(ServerCall<?, ?> call) {
    SSLSession session = call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
    if (session == null) {
      throw new IllegalStateException("a call that came without TLS");
    }
    try {
      return Certificate.service((X509Certificate) session.getPeerCertificates()[0]);
    } catch (SSLPeerUnverifiedException e) {
      return "";
    }
  }

  /** All methods there are. */
  private final class Everything extends HandlerRegistry {
    @Override
    public ServerMethodDefinition<?, ?> lookupMethod(String name, @Nullable String authority) {
      return ServerMethodDefinition.create(
          MethodDescriptor.newBuilder(Bytes.INSTANCE, Bytes.INSTANCE)
              .setFullMethodName(name)
              .setType(MethodDescriptor.MethodType.UNKNOWN)
              .build(),
          new Carrying());
    }
  }

  /** Carries calls; a deadline and its end travel in gRPC's context. */
  private final class Carrying implements ServerCallHandler<byte[], byte[]> {
    @Override
    public ServerCall.Listener<byte[]> startCall(
        ServerCall<byte[], byte[]> call, Metadata headers) {
      ClientCall<byte[], byte[]> carried =
          target(caller(call)).newCall(call.getMethodDescriptor(), CallOptions.DEFAULT);
      boolean events = call.getMethodDescriptor().getFullMethodName().equals(SUBSCRIBE);
      carried.start(events ? new Shuffled(call, carried) : new Answers(call, carried), headers);
      call.request(1);
      carried.request(1);
      return new ServerCall.Listener<>() {
        @Override
        public void onMessage(byte[] message) {
          carried.sendMessage(message);
          call.request(1);
        }

        @Override
        public void onHalfClose() {
          carried.halfClose();
        }

        @Override
        public void onCancel() {
          carried.cancel("the caller is gone", null);
        }
      };
    }
  }

  /** Carries answers; what it does to the call it does under its own lock. */
  private static class Answers extends ClientCall.Listener<byte[]> {
    private final ServerCall<byte[], byte[]> call;
    private final ClientCall<byte[], byte[]> carried;
    private boolean ended;

    Answers(ServerCall<byte[], byte[]> call, ClientCall<byte[], byte[]> carried) {
      this.call = call;
      this.carried = carried;
    }

    @Override
    public synchronized void onHeaders(Metadata headers) {
      call.sendHeaders(headers);
    }

    @Override
    public void onMessage(byte[] message) {
      send(message);
      carried.request(1);
    }

    @Override
    public synchronized void onClose(Status status, Metadata trailers) {
      ended = true;
      call.close(status, trailers);
    }

    final synchronized void send(byte[] message) {
      if (!ended) {
        call.sendMessage(message);
      }
    }

    final synchronized boolean ended() {
      return ended;
    }
  }

  /** Carries events, window by window. */
  private final class Shuffled extends Answers {
    private final Shuffle shuffle; // guarded by this

    Shuffled(ServerCall<byte[], byte[]> call, ClientCall<byte[], byte[]> carried) {
      super(call, carried);
      synchronized (random) {
        shuffle = new Shuffle(new Random(random.nextLong()));
      }
      await();
    }

    @Override
    public void onMessage(byte[] message) {
      SubscribeResponse response;
      try {
        response = SubscribeResponse.parseFrom(message);
      } catch (InvalidProtocolBufferException e) {
        throw new IllegalStateException("a service sent what is no message", e);
      }
      synchronized (this) {
        response.getDeliveriesList().forEach(shuffle::add);
      }
      // A sign of life, or nothing, is for now.
      super.onMessage(SubscribeResponse.getDefaultInstance().toByteArray());
    }

    private void deliver() {
      if (ended()) {
        return;
      }
      List<Delivery> next;
      synchronized (this) {
        next = shuffle.next();
      }
      if (!next.isEmpty()) {
        deliveries.add(next.stream().filter(Delivery::hasEvent).count());
        send(SubscribeResponse.newBuilder().addAllDeliveries(next).build().toByteArray());
      }
      await();
    }

    private void await() {
      if (!windows.isShutdown()) {
        var _ = windows.schedule(this::deliver, WINDOW.toMillis(), TimeUnit.MILLISECONDS);
      }
    }
  }

  /** Messages as they are. */
  private enum Bytes implements MethodDescriptor.Marshaller<byte[]> {
    INSTANCE;

    @Override
    public InputStream stream(byte[] message) {
      return new ByteArrayInputStream(message);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
