package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the card network says it did: books that the shop does not keep. */
record CardBooks(Collection<Charge> charges) {
  private static final int PAGE = 1000;

  /**
   * One charge, as it is now.
   *
   * @param reference the order
   * @param money what it is about, in minor units, such as {@code 333 EUR}
   * @param status {@code authorized} as long as it is neither captured nor voided
   * @param captures how often it was captured
   * @param refunds how often something of it was given back
   * @param taken what the network holds of it for the shop, in minor units
   */
  record Charge(
      String id,
      String reference,
      String money,
      String status,
      int captures,
      int refunds,
      String taken) {
    boolean captured() {
      return captures > 0;
    }
  }

  /** What the network did for an order. */
  Charge of(String order) {
    List<Charge> found = charges.stream().filter(one -> one.reference().equals(order)).toList();
    assertThat(found).as("charges of order %s", order).hasSize(1);
    return found.getFirst();
  }

  /** All of it, read through the network's own port. */
  static CardBooks read(Weft weft) {
    Map<String, JsonNode> charges = new LinkedHashMap<>();
    List<String> captured = new ArrayList<>();
    List<String> refunded = new ArrayList<>();
    String ledger = "http://127.0.0.1:" + weft.port("card-network") + "/v1/ledger";
    JsonNode page;
    long from = 0;
    do {
      Answer answer = Visitor.fetch(ledger + "?limit=" + PAGE + "&from=" + from);
      assertThat(answer.status()).as("%s", answer).isEqualTo(200);
      page = answer.json().path("entries");
      from = answer.json().path("next").longValue();
      for (JsonNode entry : page) {
        String id = entry.at("/charge/chargeId").textValue();
        charges.put(id, entry.path("charge"));
        switch (entry.path("operation").textValue()) {
          case "capture" -> captured.add(id);
          case "refund" -> refunded.add(id);
          default -> {}
        }
      }
    } while (!page.isEmpty());
    return new CardBooks(
        charges.values().stream().map(charge -> charge(charge, captured, refunded)).toList());
  }

  private static Charge charge(JsonNode charge, List<String> captured, List<String> refunded) {
    String id = charge.path("chargeId").textValue();
    String currency = " " + charge.path("currency").textValue();
    long taken =
        charge.path("capturedAmount").longValue() - charge.path("refundedAmount").longValue();
    return new Charge(
        id,
        charge.path("reference").textValue(),
        charge.path("amount").longValue() + currency,
        charge.path("status").textValue(),
        Collections.frequency(captured, id),
        Collections.frequency(refunded, id),
        taken + currency);
  }
}
