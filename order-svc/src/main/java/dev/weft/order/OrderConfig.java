package dev.weft.order;

import dev.weft.durable.DatabaseConfig;
import dev.weft.events.EventTransports;
import dev.weft.mesh.Env;
import dev.weft.mesh.MeshConfig;

/** What order-svc is told by its environment. */
record OrderConfig(MeshConfig mesh, DatabaseConfig database, EventTransports events) {
  static OrderConfig from(Env env) {
    return new OrderConfig(
        MeshConfig.from(env, OrderServer.NAME, 9102),
        env.secret(
            "DATABASE_URL", "postgresql://user:password@host:port/database", DatabaseConfig::parse),
        EventTransports.from(env, OrderServer.NAME));
  }
}
