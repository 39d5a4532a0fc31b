package dev.weft.consul.agent;

import java.util.function.Consumer;

/** A listener that remembers what it heard last. */
final class Latest<T> implements Consumer<T> {
  private volatile T value;

  Latest(T first) {
    value = first;
  }

  @Override
  public void accept(T next) {
    value = next;
  }

  T get() {
    return value;
  }
}
