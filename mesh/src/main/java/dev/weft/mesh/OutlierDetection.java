package dev.weft.mesh;

import io.grpc.ClientStreamTracer;
import io.grpc.ConnectivityState;
import io.grpc.LoadBalancer;
import io.grpc.LoadBalancer.PickResult;
import io.grpc.LoadBalancer.PickSubchannelArgs;
import io.grpc.LoadBalancer.SubchannelPicker;
import io.grpc.LoadBalancerProvider;
import io.grpc.LoadBalancerRegistry;
import io.grpc.Metadata;
import io.grpc.NameResolver;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.util.ForwardingLoadBalancerHelper;
import java.util.Map;
import java.util.Objects;

/**
 * gRPC's outlier detection (gRFC A50), told which calls failed by the fault of the instance:
 * UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL and UNKNOWN, as for circuits. To gRPC every status but
 * OK is a failure, and an instance that is asked for what is not there, or refuses for want of
 * room, would be left out for it.
 *
 * <p>So a call that ended otherwise is told to gRPC as OK, with what it really ended as for its
 * cause: {@link #end} reads that again.
 */
final class OutlierDetection extends LoadBalancerProvider {
  /** Its name in a channel's configuration; the configuration itself is that of gRPC's. */
  static final String NAME = "weft_outlier_detection";

  private static final String OF_GRPC = "outlier_detection_experimental";

  private final LoadBalancerProvider ofGrpc;

  private OutlierDetection(LoadBalancerProvider ofGrpc) {
    this.ofGrpc = ofGrpc;
  }

  /** Makes it known to gRPC. */
  static void register(LoadBalancerRegistry registry) {
    if (registry.getProvider(NAME) == null) {
      registry.register(
          new OutlierDetection(Objects.requireNonNull(registry.getProvider(OF_GRPC), OF_GRPC)));
    }
  }

  @Override
  public boolean isAvailable() {
    return true;
  }

  @Override
  public int getPriority() {
    return 5;
  }

  @Override
  public String getPolicyName() {
    return NAME;
  }

  @Override
  public NameResolver.ConfigOrError parseLoadBalancingPolicyConfig(Map<String, ?> config) {
    return ofGrpc.parseLoadBalancingPolicyConfig(config);
  }

  @Override
  public LoadBalancer newLoadBalancer(LoadBalancer.Helper helper) {
    return ofGrpc.newLoadBalancer(
        new ForwardingLoadBalancerHelper() {
          @Override
          protected LoadBalancer.Helper delegate() {
            return helper;
          }

          @Override
          public void updateBalancingState(ConnectivityState state, SubchannelPicker picker) {
            super.updateBalancingState(state, new Picker(picker));
          }
        });
  }

  /** What a call ended as, told to a tracer that is inside of gRPC's. */
  static Status end(Status told) {
    return told.isOk() && told.getCause() instanceof StatusException real ? real.getStatus() : told;
  }

  /** What a call that ended so is to gRPC. */
  static Status judged(Status end) {
    return switch (end.getCode()) {
      case OK, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN -> end;
      case CANCELLED,
          INVALID_ARGUMENT,
          NOT_FOUND,
          ALREADY_EXISTS,
          PERMISSION_DENIED,
          RESOURCE_EXHAUSTED,
          FAILED_PRECONDITION,
          ABORTED,
          OUT_OF_RANGE,
          UNIMPLEMENTED,
          DATA_LOSS,
          UNAUTHENTICATED ->
          Status.OK.withCause(end.asException());
    };
  }

  /** Around gRPC's, which counts. */
  private static final class Picker extends SubchannelPicker {
    private final SubchannelPicker counting;

    Picker(SubchannelPicker counting) {
      this.counting = counting;
    }

    @Override
    public PickResult pickSubchannel(PickSubchannelArgs call) {
      PickResult picked = counting.pickSubchannel(call);
      ClientStreamTracer.Factory count = picked.getStreamTracerFactory();
      return count == null ? picked : picked.copyWithStreamTracerFactory(new Judging(count));
    }
  }

  private static final class Judging extends ClientStreamTracer.Factory {
    private final ClientStreamTracer.Factory count;

    Judging(ClientStreamTracer.Factory count) {
      this.count = count;
    }

    @Override
    public ClientStreamTracer newClientStreamTracer(
        ClientStreamTracer.StreamInfo info, Metadata headers) {
      ClientStreamTracer counted = count.newClientStreamTracer(info, headers);
      // The end is all that gRPC and an Endpoint want to hear of.
      return new ClientStreamTracer() {
        @Override
        public void streamClosed(Status status) {
          counted.streamClosed(judged(status));
        }
      };
    }
  }
}
