package dev.weft.mesh;

import io.grpc.CallOptions;
import java.util.Optional;

/**
 * By what the instance for a call is chosen, of those that are fit for it. The registry says it for
 * a service ({@code weft-lb}), and {@link #KEY} for one call; {@link #ROUND_ROBIN} if nobody does.
 */
public enum LoadBalancing {
  /** One after the other. */
  ROUND_ROBIN,
  /** One after the other, each as often as its weight in the registry says. */
  WEIGHTED,
  /** Any. */
  RANDOM,
  /**
   * The better one of two at random: by how many calls it has to answer now, and how long it took
   * for those before.
   */
  LEAST_REQUEST,
  /**
   * The same one for the same {@link #HASH_KEY}, as long as it is there; when one comes or goes, no
   * other keys move than those it takes or had. Round robin for calls without a key.
   */
  RING_HASH;

  /** Says it for one call. */
  public static final CallOptions.Key<LoadBalancing> KEY =
      CallOptions.Key.create("weft-load-balancing");

  /** What {@link #RING_HASH} goes by, instead of what {@code weft-lb-hash} names. */
  public static final CallOptions.Key<String> HASH_KEY = CallOptions.Key.create("weft-lb-hash");

  /** What the registry calls so. Consul's other word for a stable choice, maglev, is the same. */
  static Optional<LoadBalancing> of(String word) {
    return switch (word) {
      case "round_robin" -> Optional.of(ROUND_ROBIN);
      case "weighted" -> Optional.of(WEIGHTED);
      case "random" -> Optional.of(RANDOM);
      case "least_request" -> Optional.of(LEAST_REQUEST);
      case "ring_hash", "maglev" -> Optional.of(RING_HASH);
      default -> Optional.empty();
    };
  }
}
