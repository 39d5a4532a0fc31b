package dev.weft.mesh;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A channel without TLS for as long as that is allowed, and with TLS for every call after. Calls
 * that run then end as they began.
 *
 * <p>Thread-safe.
 */
final class ExceptedChannel extends ManagedChannel {
  private final BooleanSupplier allowed;
  private final ManagedChannel plain;
  private final Supplier<ManagedChannel> encrypted;
  private volatile @Nullable ManagedChannel successor;

  /**
   * @param allowed asked for each call, until it says no
   * @param encrypted makes the channel for the calls after
   */
  ExceptedChannel(
      BooleanSupplier allowed, ManagedChannel plain, Supplier<ManagedChannel> encrypted) {
    this.allowed = allowed;
    this.plain = plain;
    this.encrypted = encrypted;
  }

  private ManagedChannel current() {
    ManagedChannel next = successor;
    if (next != null) {
      return next;
    }
    return allowed.getAsBoolean() ? plain : succeeded();
  }

  private synchronized ManagedChannel succeeded() {
    ManagedChannel next = successor;
    if (next == null) {
      next = encrypted.get();
      if (plain.isShutdown()) {
        next.shutdown();
      }
      successor = next;
      plain.shutdown();
    }
    return next;
  }

  private List<ManagedChannel> all() {
    ManagedChannel next = successor;
    return next == null ? List.of(plain) : List.of(plain, next);
  }

  @Override
  public <Q, P> ClientCall<Q, P> newCall(MethodDescriptor<Q, P> method, CallOptions options) {
    return current().newCall(method, options);
  }

  @Override
  public String authority() {
    return plain.authority();
  }

  @Override
  public synchronized ManagedChannel shutdown() {
    all().forEach(ManagedChannel::shutdown);
    return this;
  }

  @Override
  public synchronized ManagedChannel shutdownNow() {
    all().forEach(ManagedChannel::shutdownNow);
    return this;
  }

  @Override
  public boolean isShutdown() {
    return all().stream().allMatch(ManagedChannel::isShutdown);
  }

  @Override
  public boolean isTerminated() {
    return all().stream().allMatch(ManagedChannel::isTerminated);
  }

  @Override
  public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
    long end = System.nanoTime() + unit.toNanos(timeout);
    for (ManagedChannel channel : all()) {
      if (!channel.awaitTermination(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public ConnectivityState getState(boolean requestConnection) {
    return current().getState(requestConnection);
  }

  @Override
  public void notifyWhenStateChanged(ConnectivityState source, Runnable callback) {
    current().notifyWhenStateChanged(source, callback);
  }

  @Override
  public void resetConnectBackoff() {
    all().forEach(ManagedChannel::resetConnectBackoff);
  }
}
