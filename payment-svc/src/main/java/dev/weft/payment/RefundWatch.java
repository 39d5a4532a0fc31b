package dev.weft.payment;

import dev.weft.durable.Database;
import dev.weft.mesh.Management;
import dev.weft.mesh.Telemetry;

/**
 * Shows operators refunds that are owed and that the card network refuses: the gauge {@code
 * weft.payment.refunds.stalled}, and a degradation {@code refunds}, which means that somebody
 * should look.
 */
final class RefundWatch {
  private final Database database;
  private final PaymentStore store;

  private RefundWatch(Database database, PaymentStore store) {
    this.database = database;
    this.store = store;
  }

  static void add(
      Management management, Telemetry telemetry, Database database, PaymentStore store) {
    RefundWatch watch = new RefundWatch(database, store);
    management.degradation("refunds", () -> watch.stalled() == 0);
    telemetry
        .meter("dev.weft.payment")
        .gaugeBuilder("weft.payment.refunds.stalled")
        .ofLongs()
        .setDescription("Refunds that are owed and that the card network refuses.")
        .buildWithCallback(gauge -> gauge.record(watch.stalled()));
  }

  private long stalled() {
    return database.<Long>read(store::countStalled);
  }
}
