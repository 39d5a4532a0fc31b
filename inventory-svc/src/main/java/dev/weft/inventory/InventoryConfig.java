package dev.weft.inventory;

import dev.weft.durable.DatabaseConfig;
import dev.weft.events.EventTransports;
import dev.weft.mesh.Env;
import dev.weft.mesh.MeshConfig;
import dev.weft.redis.RedisConfig;
import java.time.Duration;
import java.util.Optional;

/**
 * What inventory-svc is told by its environment.
 *
 * @param redis where products are kept for all processes to read, if anywhere
 * @param reservationLife how long goods are held that nobody pins; longer than an order may take to
 *     get to its payment
 */
record InventoryConfig(
    MeshConfig mesh,
    DatabaseConfig database,
    EventTransports events,
    Optional<RedisConfig> redis,
    Duration reservationLife) {
  private static final Duration RESERVATION_LIFE = Duration.ofMinutes(10);

  static InventoryConfig from(Env env) {
    return new InventoryConfig(
        MeshConfig.from(env, InventoryServer.NAME, 9104),
        env.secret(
            "DATABASE_URL", "postgresql://user:password@host:port/database", DatabaseConfig::parse),
        EventTransports.from(env, InventoryServer.NAME),
        RedisConfig.from(env),
        env.duration("WEFT_RESERVATION_LIFE", RESERVATION_LIFE));
  }
}
