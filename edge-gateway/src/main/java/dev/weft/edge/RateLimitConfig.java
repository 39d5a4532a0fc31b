package dev.weft.edge;

import dev.weft.mesh.Env;
import dev.weft.redis.RedisConfig;
import java.util.Optional;

/**
 * How many requests anybody may make, beside what contracts say of their methods.
 *
 * @param address of one address of IPv4 or one /64 of IPv6; empty for any number
 * @param principal of one user; empty for any number
 * @param uncounted addresses whose requests count against no limit, also none of a contract
 * @param redis by which several edges count together; without it each counts for itself
 */
record RateLimitConfig(
    Optional<Quota> address,
    Optional<Quota> principal,
    Networks uncounted,
    Optional<RedisConfig> redis) {

  /** Contracts alone. */
  static final RateLimitConfig CONTRACTS =
      new RateLimitConfig(Optional.empty(), Optional.empty(), Networks.NONE, Optional.empty());

  /**
   * Reads {@code WEFT_RATE_LIMIT_ADDRESS} (6000/1m), {@code WEFT_RATE_LIMIT_PRINCIPAL} (1200/1m),
   * {@code WEFT_UNCOUNTED_ADDRESSES} (none) and what {@link RedisConfig#from} reads.
   */
  static RateLimitConfig from(Env env) {
    return new RateLimitConfig(
        quota(env, "WEFT_RATE_LIMIT_ADDRESS", new Quota(6_000, 60)),
        quota(env, "WEFT_RATE_LIMIT_PRINCIPAL", new Quota(1_200, 60)),
        env.optional("WEFT_UNCOUNTED_ADDRESSES", Networks::parse).orElse(Networks.NONE),
        RedisConfig.from(env));
  }

  private static Optional<Quota> quota(Env env, String variable, Quota otherwise) {
    return env.optional(variable, RateLimitConfig::quota).orElse(Optional.of(otherwise));
  }

  private static Optional<Quota> quota(String text) {
    return text.equals("off") ? Optional.empty() : Optional.of(Quota.parse(text));
  }
}
