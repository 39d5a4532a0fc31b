package dev.weft.mesh;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends unary calls to another service, too, where {@link FaultRules} say so, and forgets about it:
 * whatever becomes of that, the caller does not wait for it and does not hear of it. Such a call
 * says {@code weft-mirrored: 1}, is sent once, matters least, and is left out while {@value
 * #UNDER_WAY_MAX} others are under way; it is not mirrored again.
 *
 * <p>What is called so must be made for it: calls with effects have them there, too. Thread-safe.
 */
final class MirrorInterceptor implements ClientInterceptor {
  static final Metadata.Key<String> HEADER =
      Metadata.Key.of("weft-mirrored", Metadata.ASCII_STRING_MARSHALLER);

  static final int UNDER_WAY_MAX = 16;

  private static final Logger log = LoggerFactory.getLogger(MirrorInterceptor.class);

  private final String target;
  private final FaultRules rules;
  private final Function<String, Channel> channels;
  private final IntSupplier draw;
  private final AtomicInteger underWay = new AtomicInteger();

  /**
   * @param channels to services by their names
   * @param draw a number from 0 to 99, each as likely as the others
   */
  MirrorInterceptor(
      String target, FaultRules rules, Function<String, Channel> channels, IntSupplier draw) {
    this.target = target;
    this.rules = rules;
    this.channels = channels;
    this.draw = draw;
  }

  /** How many mirrored calls are under way. */
  int underWay() {
    return underWay.get();
  }

  @Override
  public <Q, P> ClientCall<Q, P> interceptCall(
      MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
    ClientCall<Q, P> call = next.newCall(method, options);
    Faults faults = rules.of(target);
    return faults.mirror().isEmpty() || method.getType() != MethodDescriptor.MethodType.UNARY
        ? call
        : new Mirrored<>(call, method, options, faults, faults.mirror().get());
  }

  private final class Mirrored<Q, P> extends SimpleForwardingClientCall<Q, P> {
    private final MethodDescriptor<Q, P> method;
    private final CallOptions options;
    private final Faults faults;
    private final Faults.Mirror mirror;
    private final Metadata copy = new Metadata();
    private boolean chosen;

    Mirrored(
        ClientCall<Q, P> call,
        MethodDescriptor<Q, P> method,
        CallOptions options,
        Faults faults,
        Faults.Mirror mirror) {
      super(call);
      this.method = method;
      this.options = options;
      this.faults = faults;
      this.mirror = mirror;
    }

    @Override
    public void start(Listener<P> listener, Metadata headers) {
      chosen =
          !headers.containsKey(HEADER)
              && faults.matches(headers)
              && draw.getAsInt() < mirror.percent();
      if (chosen) {
        copy.merge(headers);
        copy.put(HEADER, "1");
      }
      super.start(listener, headers);
    }

    @Override
    public void sendMessage(Q message) {
      super.sendMessage(message);
      if (!chosen) {
        return;
      }
      if (underWay.incrementAndGet() > UNDER_WAY_MAX) {
        underWay.decrementAndGet();
        return;
      }
      // It outlives the call that is served, and has no part in its deadline.
      Criticality.SHEDDABLE.in(Context.current().fork()).run(() -> send(message));
    }

    private void send(Q message) {
      CallPolicy policy = OutboundStack.policy(method, options);
      CallOptions once =
          CallOptions.DEFAULT.withOption(
              CallPolicy.KEY,
              new CallPolicy(policy.timeout(), false, policy.streamIdle(), policy.streamMaxAge()));
      Forgetting<P> end = new Forgetting<>();
      try {
        Channel channel =
            ClientInterceptors.intercept(
                channels.apply(mirror.service()), MetadataUtils.newAttachHeadersInterceptor(copy));
        ClientCalls.asyncUnaryCall(channel.newCall(method, once), message, end);
      } catch (RuntimeException e) {
        end.giveBack();
        log.debug("a call of {} was not mirrored to {}", target, mirror.service(), e);
      }
    }
  }

  private final class Forgetting<P> implements StreamObserver<P> {
    private final AtomicBoolean over = new AtomicBoolean();

    /** A call that cannot be sent ends and throws. */
    void giveBack() {
      if (over.compareAndSet(false, true)) {
        underWay.decrementAndGet();
      }
    }

    @Override
    public void onNext(P reply) {}

    @Override
    public void onError(Throwable failure) {
      giveBack();
    }

    @Override
    public void onCompleted() {
      giveBack();
    }
  }
}
