package dev.weft.payment;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What the card network tells by itself: a charge, as it was when something had happened to it.
 *
 * @param id the same whenever the same is told
 */
record CardEvent(String id, UUID orderId, CardCharge charge) {
  private static final JsonFactory JSON = new JsonFactory();

  /**
   * Reads one event.
   *
   * @throws IOException if it is none, or of a charge that is none of an order's
   */
  static CardEvent parse(byte[] body) throws IOException {
    @Nullable String id = null;
    @Nullable CardCharge charge = null;
    try (JsonParser json = JSON.createParser(body)) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("no event");
      }
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        json.nextToken();
        switch (name) {
          case "eventId" -> id = json.getText();
          case "charge" -> charge = CardCharge.parse(json);
          default -> json.skipChildren();
        }
      }
    }
    if (id == null || charge == null) {
      throw new IOException("no event of a charge");
    }
    try {
      return new CardEvent(id, UUID.fromString(charge.reference().orElse("")), charge);
    } catch (IllegalArgumentException e) {
      throw new IOException("a charge of no order", e);
    }
  }
}
