package dev.weft.mesh;

import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.opentelemetry.api.OpenTelemetry;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The layers that refuse calls, on both sides, around calls that cost nothing themselves: without a
 * network and without a service.
 *
 * <p>Thread-safe.
 */
public final class RoomForCalls {
  private static final MethodDescriptor<byte[], byte[]> METHOD =
      MethodDescriptor.newBuilder(Bytes.INSTANCE, Bytes.INSTANCE)
          .setType(MethodDescriptor.MethodType.UNARY)
          .setFullMethodName("weft.bench.v1.Catalog/GetItem")
          .setSafe(true)
          .build();

  private static final byte[] MESSAGE = {};

  private final ServerInterceptor overload;
  private final Metadata fromAService = new Metadata();
  private final Channel plain = new Echoing();
  private final Channel bounded;

  /** A server and a channel that have room. */
  public RoomForCalls() {
    overload =
        new OverloadInterceptor(
            "bench",
            new Admission(System::nanoTime),
            System::nanoTime,
            OpenTelemetry.noop().getMeter("bench"));
    fromAService.put(Criticality.HEADER, Criticality.CRITICAL.toString());
    Timer never = new Timer();
    RetryBudget budget = new RetryBudget(System::nanoTime);
    bounded =
        ClientInterceptors.interceptForward(
            plain,
            new CriticalityInterceptor(),
            new BulkheadInterceptor("bench"),
            new HedgingInterceptor(budget, budget, never));
    never.close();
  }

  /** A call that is served behind the layer, with what a service said that it matters. */
  public Status served() {
    Answered call = new Answered();
    ServerCall.Listener<byte[]> listener = overload.interceptCall(call, fromAService, Answer.GIVEN);
    listener.onMessage(MESSAGE);
    listener.onHalfClose();
    listener.onComplete();
    return call.status;
  }

  /** The same without the layer. */
  public Status servedPlain() {
    Answered call = new Answered();
    ServerCall.Listener<byte[]> listener = Answer.GIVEN.startCall(call, fromAService);
    listener.onMessage(MESSAGE);
    listener.onHalfClose();
    listener.onComplete();
    return call.status;
  }

  /** A call that is made through the layers, while serving another. */
  public Status made() {
    return make(bounded);
  }

  /** The same without the layers. */
  public Status madePlain() {
    return make(plain);
  }

  /** What serves a call that matters, for {@link #made}. */
  public void whileServing(Runnable calls) {
    Criticality.CRITICAL.in(io.grpc.Context.current()).run(calls);
  }

  private static Status make(Channel channel) {
    Ended ended = new Ended();
    ClientCall<byte[], byte[]> call =
        channel.newCall(METHOD, CallOptions.DEFAULT.withOption(CallPolicy.KEY, CallPolicy.DEFAULT));
    call.start(ended, new Metadata());
    call.request(2);
    call.sendMessage(MESSAGE);
    call.halfClose();
    return ended.status;
  }

  private static final class Ended extends ClientCall.Listener<byte[]> {
    private Status status = Status.UNKNOWN;

    @Override
    public void onClose(Status received, Metadata trailers) {
      status = received;
    }
  }

  /** Answers every call at once. */
  private static final class Echoing extends Channel {
    @Override
    public <Q, P> ClientCall<Q, P> newCall(MethodDescriptor<Q, P> method, CallOptions options) {
      return new ClientCall<>() {
        private Optional<Listener<P>> listener = Optional.empty();

        @Override
        public void start(Listener<P> responses, Metadata headers) {
          listener = Optional.of(responses);
        }

        @Override
        public void request(int messages) {}

        @Override
        public void cancel(@Nullable String message, @Nullable Throwable cause) {}

        @Override
        public void halfClose() {
          listener.orElseThrow().onClose(Status.OK, new Metadata());
        }

        @Override
        public void sendMessage(Q message) {}
      };
    }

    @Override
    public String authority() {
      return "bench";
    }
  }

  /** A service that has the answer at once. */
  private enum Answer implements ServerCallHandler<byte[], byte[]> {
    GIVEN;

    @Override
    public ServerCall.Listener<byte[]> startCall(
        ServerCall<byte[], byte[]> call, Metadata headers) {
      return new ServerCall.Listener<>() {
        @Override
        public void onHalfClose() {
          call.close(Status.OK, new Metadata());
        }
      };
    }
  }

  private static final class Answered extends ServerCall<byte[], byte[]> {
    private Status status = Status.UNKNOWN;

    @Override
    public void request(int messages) {}

    @Override
    public void sendHeaders(Metadata headers) {}

    @Override
    public void sendMessage(byte[] message) {}

    @Override
    public void close(Status ended, Metadata trailers) {
      status = ended;
    }

    @Override
    public boolean isCancelled() {
      return false;
    }

    @Override
    public Attributes getAttributes() {
      return Attributes.EMPTY;
    }

    @Override
    public MethodDescriptor<byte[], byte[]> getMethodDescriptor() {
      return METHOD;
    }
  }

  private enum Bytes implements MethodDescriptor.Marshaller<byte[]> {
    INSTANCE;

    @Override
    public InputStream stream(byte[] message) {
      return new ByteArrayInputStream(message);
    }

    @Override
    public byte[] parse(InputStream message) {
      try {
        return message.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
