package dev.weft.payment;

import dev.weft.mesh.Management;
import java.io.IOException;
import java.time.InstantSource;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the card network tells what happened, at {@value #PATH} of the management port. Nothing
 * depends on it: what is not told is asked for.
 *
 * <p>204: taken, also when it was known; 400: no event; 401: not signed by the network, or not
 * lately; 404: of no payment here, so that the network tells it again later, in case the books were
 * being restored. A failure is a 500, and the network tells it again. Thread-safe.
 */
final class CardWebhook implements Management.Receiver {
  static final String PATH = "/webhooks/card-network";

  private static final Logger log = LoggerFactory.getLogger(CardWebhook.class);

  private final CardSignature signature;
  private final InstantSource clock;
  private final Settlement settlement;

  CardWebhook(CardSignature signature, InstantSource clock, Settlement settlement) {
    this.signature = signature;
    this.clock = clock;
    this.settlement = settlement;
  }

  @Override
  public int receive(Function<String, Optional<String>> header, byte[] body) {
    if (!signature.holds(header.apply("Card-Signature").orElse(""), body, clock.instant())) {
      log.warn("a webhook with a missing, wrong or old signature was refused");
      return 401;
    }
    CardEvent event;
    try {
      event = CardEvent.parse(body);
    } catch (IOException e) {
      log.warn("a webhook that cannot be read was refused", e);
      return 400;
    }
    return settlement.told(event) ? 204 : 404;
  }
}
