package dev.weft.payment;

import dev.weft.durable.Database;
import dev.weft.events.EventLog;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;

/** Logs of what payment-svc says in tests. */
final class Logs {
  private static final Telemetry telemetry =
      Telemetry.open(TelemetryConfig.local(PaymentServer.NAME, "test"));

  private Logs() {}

  /** One on this database; whoever wants to read from it starts and closes it. */
  static EventLog of(Database database) {
    return new EventLog(database, PaymentServer.NAME, PaymentEvents.GRANTS, telemetry);
  }

  /** For those who do not want to read what is said. */
  static PaymentEvents events(Database database, PaymentStore store) {
    return new PaymentEvents(of(database), store);
  }
}
