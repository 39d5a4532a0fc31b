package dev.weft.mesh;

import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.InputStream;
import java.util.List;

/**
 * Refuses bytes that are no message of the method with INVALID_ARGUMENT, and those that expand to a
 * longer one than there may be with RESOURCE_EXHAUSTED. gRPC itself would say UNKNOWN and no more,
 * for which circuits blame the service, so that whoever sends rubbish could close it to all others.
 *
 * <p>What cannot be read goes on in the place of the message, up to here: whoever stands before
 * this sees calls, and looks at no message.
 *
 * <p>Thread-safe.
 */
final class ReadableInterceptor implements ServerInterceptor {
  /** Stands for a message that cannot be read. */
  private record Unreadable(Status status) {}

  /** The same service, whose unreadable messages this interceptor hears of. */
  static ServerServiceDefinition prepare(ServerServiceDefinition service) {
    List<? extends ServerMethodDefinition<?, ?>> methods =
        service.getMethods().stream().map(ReadableInterceptor::prepare).toList();
    ServiceDescriptor.Builder descriptor =
        ServiceDescriptor.newBuilder(service.getServiceDescriptor().getName())
            .setSchemaDescriptor(service.getServiceDescriptor().getSchemaDescriptor());
    methods.forEach(method -> descriptor.addMethod(method.getMethodDescriptor()));
    ServerServiceDefinition.Builder prepared = ServerServiceDefinition.builder(descriptor.build());
    methods.forEach(prepared::addMethod);
    return prepared.build();
  }

  private static <Q, P> ServerMethodDefinition<Q, P> prepare(ServerMethodDefinition<Q, P> method) {
    MethodDescriptor<Q, P> descriptor = method.getMethodDescriptor();
    return ServerMethodDefinition.create(
        descriptor.toBuilder(
                new Reader<>(descriptor.getRequestMarshaller()), descriptor.getResponseMarshaller())
            .build(),
        method.getServerCallHandler());
  }

  private record Reader<Q>(MethodDescriptor.Marshaller<Q> messages)
      implements MethodDescriptor.Marshaller<Q> {
    @Override
    public InputStream stream(Q message) {
      return messages.stream(message);
    }

    /** Nobody looks at it as a message before the listener below. */
    @Override
    @SuppressWarnings("unchecked")
    public Q parse(InputStream bytes) {
      try {
        return messages.parse(bytes);
      } catch (StatusRuntimeException e) {
        return (Q) new Unreadable(e.getStatus());
      }
    }
  }

  @Override
  public <Q, P> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
    return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
      @Override
      public void onMessage(Q message) {
        if ((Object) message instanceof Unreadable(Status status)) {
          throw refusal(status).asRuntimeException();
        }
        super.onMessage(message);
      }
    };
  }

  private static Status refusal(Status status) {
    return status.getCode() == Status.Code.RESOURCE_EXHAUSTED
        ? Status.RESOURCE_EXHAUSTED.withDescription("the message is longer than it may be")
        : Status.INVALID_ARGUMENT.withDescription("the bytes are no message of this method");
  }
}
