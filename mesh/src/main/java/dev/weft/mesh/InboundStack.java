package dev.weft.mesh;

import com.google.protobuf.Descriptors;
import dev.weft.failpoint.FailPoint;
import io.grpc.BindableService;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import io.grpc.protobuf.services.ProtoReflectionService;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The path of a call into a service, from the wire to its code.
 *
 * <p>Thread-safe.
 */
final class InboundStack {
  private final ServerInterceptor errors;
  private final List<ServerInterceptor> certified;
  private final List<ServerInterceptor> layers;

  /**
   * @param intentions asked about each call, which then needs a certificate; without, nothing is
   *     known of the other end of a connection
   */
  InboundStack(
      String service,
      Telemetry telemetry,
      Optional<IntentionInterceptor> intentions,
      AccessInterceptor access) {
    this.errors = new RejectionInterceptor(service);
    this.certified =
        intentions.isPresent() ? List.of(errors, new PeerInterceptor(service)) : List.of(errors);
    this.layers = new ArrayList<>();
    // Outermost: measures what the caller sees, and its trace is known to all below.
    layers.add(telemetry.serverInterceptor());
    // Before all that may refuse: they throw, and this one answers. Then who calls.
    layers.addAll(certified);
    // Whether that service may, whoever the user is.
    intentions.ifPresent(layers::add);
    // Before all that look at messages.
    layers.add(new ReadableInterceptor());
    // Nobody gets further whom the contract does not allow to.
    layers.add(access);
    // Behind it, as what matters is believed of services alone; before anything is done for a call.
    layers.add(
        new OverloadInterceptor(
            service,
            new Admission(System::nanoTime),
            System::nanoTime,
            telemetry.meter("dev.weft.mesh")));
  }

  /**
   * Health, which everybody may ask and asks often, the registry's probe without a certificate:
   * without the layers, except that whoever watches it does not hold up a drain.
   */
  ServerServiceDefinition aroundHealth(BindableService service, StreamDrain streams) {
    return ServerInterceptors.interceptForward(service, errors, streams);
  }

  /**
   * Reflection, both versions, which every service of the mesh may ask, also one that may call
   * nothing: intentions by path would keep the edge from knowing the paths.
   */
  List<ServerServiceDefinition> reflection(StreamDrain streams) {
    List<ServerInterceptor> all = new ArrayList<>(certified);
    all.add(streams);
    return Stream.of(ProtoReflectionServiceV1.newInstance(), reflectionAlpha())
        .map(service -> ServerInterceptors.interceptForward(service, all))
        .toList();
  }

  // The only version that many tools of today know.
  @SuppressWarnings("deprecation")
  private static BindableService reflectionAlpha() {
    return ProtoReflectionService.newInstance();
  }

  /**
   * The service behind all layers; its streams can be ended by {@code streams}.
   *
   * @throws IllegalStateException if its contract has a validation rule that is not implemented
   */
  ServerServiceDefinition around(BindableService service, StreamDrain streams) {
    ServerServiceDefinition definition = ReadableInterceptor.prepare(service.bindService());
    return ServerInterceptors.interceptForward(definition, layers(definition, streams));
  }

  /**
   * All layers around a service whose messages are {@link ReadableInterceptor#prepare prepared},
   * from the wire to its code.
   *
   * @throws IllegalStateException as {@link #around} says
   */
  List<ServerInterceptor> layers(ServerServiceDefinition definition, StreamDrain streams) {
    List<ServerInterceptor> all = new ArrayList<>(layers);
    // Inside the errors: there, a call may be closed while the service still uses it.
    all.add(streams);
    // Innermost: only who may call is told what is wrong with the request.
    all.add(new ValidationInterceptor(Validation.of(requests(definition), InstantSource.system())));
    if (FailPoint.permitted()) {
      all.add(new FailPointInterceptor());
    }
    return all;
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
