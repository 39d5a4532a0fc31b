package dev.weft.mesh;

import com.google.protobuf.Descriptors;
import dev.weft.failpoint.FailPoint;
import io.grpc.BindableService;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;

/**
 * The path of a call into a service, from the wire to its code.
 *
 * <p>Thread-safe.
 */
final class InboundStack {
  private final ServerInterceptor errors;
  private final List<ServerInterceptor> layers;

  InboundStack(String service, Telemetry telemetry, AccessInterceptor access) {
    this.errors = new RejectionInterceptor(service);
    this.layers =
        List.of(
            // Outermost: measures what the caller sees, and its trace is known to all below.
            telemetry.serverInterceptor(),
            // Before all that may refuse: they throw, and this one answers.
            errors,
            // Nobody gets further whom the contract does not allow to.
            access);
  }

  /**
   * Health and reflection, which everybody may ask and asks often: without the layers, except that
   * whoever watches them does not hold up a drain.
   */
  ServerServiceDefinition aroundOpen(BindableService service, StreamDrain streams) {
    return ServerInterceptors.interceptForward(service, errors, streams);
  }

  /**
   * The service behind all layers; its streams can be ended by {@code streams}.
   *
   * @throws IllegalStateException if its contract has a validation rule that is not implemented
   */
  ServerServiceDefinition around(BindableService service, StreamDrain streams) {
    List<ServerInterceptor> all = new ArrayList<>(layers);
    // Inside the errors: there, a call may be closed while the service still uses it.
    all.add(streams);
    ServerServiceDefinition definition = service.bindService();
    // Innermost: only who may call is told what is wrong with the request.
    all.add(new ValidationInterceptor(Validation.of(requests(definition), InstantSource.system())));
    if (FailPoint.permitted()) {
      all.add(new FailPointInterceptor());
    }
    return ServerInterceptors.interceptForward(definition, all);
  }

  private static List<Descriptors.Descriptor> requests(ServerServiceDefinition definition) {
    return definition.getMethods().stream()
        .map(method -> method.getMethodDescriptor().getSchemaDescriptor())
        .filter(ProtoMethodDescriptorSupplier.class::isInstance)
        .map(schema -> ((ProtoMethodDescriptorSupplier) schema).getMethodDescriptor())
        .map(Descriptors.MethodDescriptor::getInputType)
        .toList();
  }
}
