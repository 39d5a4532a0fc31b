package dev.weft.mesh;

import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.ConnectivityState;
import io.grpc.ConnectivityStateInfo;
import io.grpc.EquivalentAddressGroup;
import io.grpc.LoadBalancer;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.SynchronizationContext;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A channel as a load balancer sees it, whose connections come and go as a test says. */
final class FakeBalancedChannel extends LoadBalancer.Helper {
  final List<Connection> made = new ArrayList<>();
  private final SynchronizationContext context =
      new SynchronizationContext(
          (_, thrown) -> {
            throw new AssertionError(thrown);
          });
  private @Nullable ConnectivityState state;
  private LoadBalancer.@Nullable SubchannelPicker picker;

  /** A connection to one address. */
  static final class Connection extends LoadBalancer.Subchannel {
    private final List<EquivalentAddressGroup> addresses;
    private LoadBalancer.@Nullable SubchannelStateListener listener;
    boolean closed;
    int asked;

    Connection(List<EquivalentAddressGroup> addresses) {
      this.addresses = addresses;
    }

    int port() {
      SocketAddress address = addresses.getFirst().getAddresses().getFirst();
      return ((InetSocketAddress) address).getPort();
    }

    void is(ConnectivityState state) {
      say(ConnectivityStateInfo.forNonError(state));
    }

    void fails(String why) {
      say(ConnectivityStateInfo.forTransientFailure(Status.UNAVAILABLE.withDescription(why)));
    }

    private void say(ConnectivityStateInfo info) {
      Objects.requireNonNull(listener).onSubchannelState(info);
    }

    @Override
    public void start(LoadBalancer.SubchannelStateListener to) {
      listener = to;
    }

    @Override
    public void shutdown() {
      closed = true;
    }

    @Override
    public void requestConnection() {
      asked++;
    }

    @Override
    public List<EquivalentAddressGroup> getAllAddresses() {
      return addresses;
    }

    @Override
    public Attributes getAttributes() {
      return Attributes.EMPTY;
    }
  }

  /** A call that looks for a connection. */
  static final class Call extends LoadBalancer.PickSubchannelArgs {
    private final MethodDescriptor<?, ?> method;
    private final CallOptions options;
    private final Metadata headers;

    Call(MethodDescriptor<?, ?> method, CallOptions options, Metadata headers) {
      this.method = method;
      this.options = options;
      this.headers = headers;
    }

    @Override
    public CallOptions getCallOptions() {
      return options;
    }

    @Override
    public Metadata getHeaders() {
      return headers;
    }

    @Override
    public MethodDescriptor<?, ?> getMethodDescriptor() {
      return method;
    }
  }

  Connection to(int port) {
    return made.stream()
        .filter(connection -> connection.port() == port && !connection.closed)
        .findFirst()
        .orElseThrow();
  }

  ConnectivityState state() {
    return Objects.requireNonNull(state);
  }

  LoadBalancer.PickResult pick(LoadBalancer.PickSubchannelArgs call) {
    return Objects.requireNonNull(picker).pickSubchannel(call);
  }

  @Override
  public LoadBalancer.Subchannel createSubchannel(LoadBalancer.CreateSubchannelArgs args) {
    Connection connection = new Connection(args.getAddresses());
    made.add(connection);
    return connection;
  }

  @Override
  public void updateBalancingState(
      ConnectivityState newState, LoadBalancer.SubchannelPicker newPicker) {
    state = newState;
    picker = newPicker;
  }

  @Override
  public SynchronizationContext getSynchronizationContext() {
    return context;
  }

  @Override
  public String getAuthority() {
    return "echo-svc";
  }

  @Override
  public ManagedChannel createOobChannel(EquivalentAddressGroup eag, String authority) {
    throw new UnsupportedOperationException();
  }
}
