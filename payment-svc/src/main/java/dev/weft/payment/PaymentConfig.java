package dev.weft.payment;

import dev.weft.durable.DatabaseConfig;
import dev.weft.events.EventTransports;
import dev.weft.mesh.Env;
import dev.weft.mesh.MeshConfig;
import java.net.URI;
import java.util.Optional;

/**
 * What payment-svc is told by its environment.
 *
 * @param cardSignature of what the card network tells by itself; without it, nothing is listened to
 */
record PaymentConfig(
    MeshConfig mesh,
    DatabaseConfig database,
    EventTransports events,
    URI cardNetwork,
    Optional<CardSignature> cardSignature) {
  private static final String SECRET = "WEFT_CARD_WEBHOOK_SECRET";

  static PaymentConfig from(Env env) {
    return new PaymentConfig(
        MeshConfig.from(env, PaymentServer.NAME, 9103),
        env.secret(
            "DATABASE_URL", "postgresql://user:password@host:port/database", DatabaseConfig::parse),
        EventTransports.from(env, PaymentServer.NAME),
        env.httpUrl("WEFT_CARD_NETWORK_URL").orElse(URI.create("http://127.0.0.1:9105")),
        env.optional(SECRET)
            .or(() -> env.optional(SECRET + "_FILE"))
            .map(_ -> env.secret(SECRET, "16 characters or more", CardSignature::ofSecret)));
  }
}
