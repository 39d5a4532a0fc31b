package dev.weft.consul;

/**
 * Ends the deliveries of a watch. After {@link #close} no further call of the listener begins; one
 * that is running may still finish. Closing twice does nothing. Thread-safe.
 */
public interface Subscription extends AutoCloseable {
  @Override
  void close();
}
