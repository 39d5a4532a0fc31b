package dev.weft.payment;

import dev.weft.durable.DatabaseConfig;
import dev.weft.mesh.Env;
import dev.weft.mesh.MeshConfig;
import java.net.URI;

/** What payment-svc is told by its environment. */
record PaymentConfig(MeshConfig mesh, DatabaseConfig database, URI cardNetwork) {
  static PaymentConfig from(Env env) {
    return new PaymentConfig(
        MeshConfig.from(env, PaymentServer.NAME, 9103),
        env.secret(
            "DATABASE_URL", "postgresql://user:password@host:port/database", DatabaseConfig::parse),
        env.httpUrl("WEFT_CARD_NETWORK_URL").orElse(URI.create("http://127.0.0.1:9105")));
  }
}
