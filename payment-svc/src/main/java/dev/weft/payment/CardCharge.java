package dev.weft.payment;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the card network says of an order's charge.
 *
 * @param id the network's name for it
 * @param reference our name for it, the order's id; not in every answer
 * @param declineReason the network's word, when DECLINED
 * @param refundIds the refunds it made
 */
record CardCharge(
    String id,
    Optional<String> reference,
    Status status,
    Optional<String> declineReason,
    Set<String> refundIds) {
  enum Status {
    AUTHORIZED,
    DECLINED,
    CAPTURED,
    VOIDED
  }

  private static final JsonFactory JSON = new JsonFactory();

  CardCharge {
    refundIds = Set.copyOf(refundIds);
  }

  boolean refunded(Refund refund) {
    return refundIds.contains(refund.id().toString());
  }

  /**
   * Reads one charge.
   *
   * @throws IOException if it is none
   */
  static CardCharge parse(byte[] body) throws IOException {
    try (JsonParser json = JSON.createParser(body)) {
      json.nextToken();
      return parse(json);
    }
  }

  /**
   * Reads the charge that begins here.
   *
   * @throws IOException if none does
   */
  static CardCharge parse(JsonParser json) throws IOException {
    expect(JsonToken.START_OBJECT, json.currentToken());
    @Nullable String id = null;
    @Nullable String reference = null;
    @Nullable String status = null;
    @Nullable String reason = null;
    Set<String> refunds = new HashSet<>();
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      json.nextToken();
      switch (name) {
        case "chargeId" -> id = json.getText();
        case "reference" -> reference = json.getText();
        case "status" -> status = json.getText();
        case "declineReason" -> reason = json.getText();
        case "refunds" -> refunds(json, refunds);
        default -> json.skipChildren();
      }
    }
    if (id == null || status == null) {
      throw new IOException("no charge");
    }
    return new CardCharge(
        id, Optional.ofNullable(reference), status(status), Optional.ofNullable(reason), refunds);
  }

  /**
   * Reads the answer to a look-up: the charge, or that there is none.
   *
   * @throws IOException if it is no such answer
   */
  static Optional<CardCharge> parseList(byte[] body) throws IOException {
    try (JsonParser json = JSON.createParser(body)) {
      expect(JsonToken.START_OBJECT, json.nextToken());
      expect(JsonToken.FIELD_NAME, json.nextToken());
      if (!"charges".equals(json.currentName())) {
        throw new IOException("no list of charges");
      }
      expect(JsonToken.START_ARRAY, json.nextToken());
      return json.nextToken() == JsonToken.END_ARRAY ? Optional.empty() : Optional.of(parse(json));
    }
  }

  /**
   * Reads why the network refused.
   *
   * @throws IOException if the body is no refusal of the network
   */
  static String parseRefusal(byte[] body) throws IOException {
    try (JsonParser json = JSON.createParser(body)) {
      expect(JsonToken.START_OBJECT, json.nextToken());
      expect(JsonToken.FIELD_NAME, json.nextToken());
      if ("error".equals(json.currentName())) {
        expect(JsonToken.START_OBJECT, json.nextToken());
        while (json.nextToken() == JsonToken.FIELD_NAME) {
          String name = json.currentName();
          json.nextToken();
          if (name.equals("code")) {
            return json.getText();
          }
          json.skipChildren();
        }
      }
    }
    throw new IOException("no error code");
  }

  private static Status status(String text) throws IOException {
    try {
      return Status.valueOf(text.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new IOException("a charge of the unknown status " + text, e);
    }
  }

  private static void refunds(JsonParser json, Set<String> ids) throws IOException {
    expect(JsonToken.START_ARRAY, json.currentToken());
    while (json.nextToken() == JsonToken.START_OBJECT) {
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        json.nextToken();
        if (name.equals("refundId")) {
          ids.add(json.getText());
        } else {
          json.skipChildren();
        }
      }
    }
  }

  private static void expect(JsonToken expected, @Nullable JsonToken found) throws IOException {
    if (expected != found) {
      throw new IOException("expected " + expected + ", found " + found);
    }
  }
}
