package dev.weft.consul;

/**
 * How much of a service's traffic an instance takes, relative to the others, while its checks pass
 * and while they warn. A warning weight of 0 takes a warning instance out. Consul's own default is
 * {@link #EQUAL}.
 */
public record Weights(int passing, int warning) {
  /** Both 1. */
  public static final Weights EQUAL = new Weights(1, 1);

  public Weights {
    if (passing < 1 || passing > 65_535) {
      throw new IllegalArgumentException("passing: " + passing + " (expected: 1 to 65535)");
    }
    if (warning < 0 || warning > 65_535) {
      throw new IllegalArgumentException("warning: " + warning + " (expected: 0 to 65535)");
    }
  }
}
