package dev.weft.order;

import dev.weft.durable.DatabaseConfig;
import dev.weft.events.EventTransports;
import dev.weft.mesh.Env;
import dev.weft.mesh.MeshConfig;
import java.time.Duration;

/**
 * What order-svc is told by its environment.
 *
 * @param auditEvery how often the books are held against each other, at most
 */
record OrderConfig(
    MeshConfig mesh, DatabaseConfig database, EventTransports events, Duration auditEvery) {
  static OrderConfig from(Env env) {
    return new OrderConfig(
        MeshConfig.from(env, OrderServer.NAME, 9102),
        env.secret(
            "DATABASE_URL", "postgresql://user:password@host:port/database", DatabaseConfig::parse),
        EventTransports.from(env, OrderServer.NAME),
        env.duration("WEFT_AUDIT_EVERY", Duration.ofMinutes(1)));
  }
}
