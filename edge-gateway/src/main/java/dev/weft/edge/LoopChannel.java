package dev.weft.edge;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.netty.channel.EventLoop;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * A channel that consists of one for each event loop, made when the loop first calls. A call goes
 * out on the loop of its executor, if that is {@link OnLoop}; on one and the same otherwise.
 *
 * <p>Thread-safe.
 */
final class LoopChannel extends ManagedChannel {
  /** The best first. */
  private static final List<ConnectivityState> RANKS =
      List.of(
          ConnectivityState.READY,
          ConnectivityState.CONNECTING,
          ConnectivityState.TRANSIENT_FAILURE,
          ConnectivityState.SHUTDOWN,
          ConnectivityState.IDLE);

  private final EventLoop usual;
  private final Function<EventLoop, ManagedChannel> maker;
  private final Map<EventLoop, ManagedChannel> channels = new ConcurrentHashMap<>();
  private volatile boolean shutdown;

  /**
   * @param usual for calls that are not made on a loop
   */
  LoopChannel(EventLoop usual, Function<EventLoop, ManagedChannel> maker) {
    this.usual = usual;
    this.maker = maker;
  }

  @Override
  public <Q, P> ClientCall<Q, P> newCall(MethodDescriptor<Q, P> method, CallOptions options) {
    EventLoop loop = options.getExecutor() instanceof OnLoop here ? here.loop() : usual;
    return on(loop).newCall(method, options);
  }

  private ManagedChannel on(EventLoop loop) {
    ManagedChannel made = channels.get(loop);
    return made == null ? make(loop) : made;
  }

  private synchronized ManagedChannel make(EventLoop loop) {
    ManagedChannel made = channels.computeIfAbsent(loop, maker);
    // Refuses the call, as one that was there before would.
    return shutdown ? made.shutdown() : made;
  }

  @Override
  public String authority() {
    return on(usual).authority();
  }

  @Override
  public synchronized ManagedChannel shutdown() {
    shutdown = true;
    all().forEach(ManagedChannel::shutdown);
    return this;
  }

  @Override
  public synchronized ManagedChannel shutdownNow() {
    shutdown = true;
    all().forEach(ManagedChannel::shutdownNow);
    return this;
  }

  @Override
  public boolean isShutdown() {
    return shutdown;
  }

  @Override
  public boolean isTerminated() {
    return shutdown && all().stream().allMatch(ManagedChannel::isTerminated);
  }

  @Override
  public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
    long end = System.nanoTime() + unit.toNanos(timeout);
    for (ManagedChannel channel : all()) {
      if (!channel.awaitTermination(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
        return false;
      }
    }
    return shutdown;
  }

  /**
   * That of the loop which is best off: idle only if all are. Where nobody has called, it is the
   * usual loop that connects.
   */
  @Override
  public ConnectivityState getState(boolean requestConnection) {
    if (requestConnection && channels.isEmpty()) {
      return on(usual).getState(true);
    }
    ConnectivityState best = ConnectivityState.IDLE;
    for (ManagedChannel channel : all()) {
      // Each is asked, so that each connects.
      ConnectivityState state = channel.getState(requestConnection);
      best = RANKS.indexOf(state) < RANKS.indexOf(best) ? state : best;
    }
    return best;
  }

  /** Calls back when the state of one of the loops is another than now, for each of them once. */
  @Override
  public void notifyWhenStateChanged(ConnectivityState source, Runnable callback) {
    all().forEach(one -> one.notifyWhenStateChanged(one.getState(false), callback));
  }

  @Override
  public void resetConnectBackoff() {
    all().forEach(ManagedChannel::resetConnectBackoff);
  }

  private Collection<ManagedChannel> all() {
    return channels.values();
  }
}
