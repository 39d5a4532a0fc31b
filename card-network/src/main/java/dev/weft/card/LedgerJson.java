package dev.weft.card;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** JSON of the network's answers, its requests and its journal. Pure. */
final class LedgerJson {
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(8).build())
          .build();

  private LedgerJson() {}

  /** What one line of the journal says. */
  record Effect(String key, String fingerprint, Charge charge) {}

  /**
   * What a merchant is told of an effect.
   *
   * @param id the same whenever the same is told
   * @param time when it happened
   */
  record Event(String id, Instant time, String body) {}

  /** A charge as every answer holds it. */
  static String charge(Charge charge) {
    return written(json -> write(json, charge));
  }

  static String charges(List<Charge> charges) {
    return written(
        json -> {
          json.writeStartObject();
          json.writeArrayFieldStart("charges");
          for (Charge charge : charges) {
            write(json, charge);
          }
          json.writeEndArray();
          json.writeEndObject();
        });
  }

  static String ledger(Journal.Page page) {
    return written(
        json -> {
          json.writeStartObject();
          json.writeArrayFieldStart("entries");
          for (String line : page.lines()) {
            json.writeRawValue(line);
          }
          json.writeEndArray();
          json.writeNumberField("next", page.next());
          json.writeEndObject();
        });
  }

  static String error(Refusal refusal) {
    return written(
        json -> {
          json.writeStartObject();
          json.writeObjectFieldStart("error");
          json.writeStringField("code", refusal.code());
          json.writeStringField("message", refusal.text());
          json.writeEndObject();
          json.writeEndObject();
        });
  }

  static String line(String operation, String key, String fingerprint, Charge charge) {
    return written(
        json -> {
          json.writeStartObject();
          json.writeStringField("operation", operation);
          json.writeStringField("key", key);
          json.writeStringField("fingerprint", fingerprint);
          json.writeFieldName("charge");
          write(json, charge);
          json.writeEndObject();
        });
  }

  /** A log line, in the same words as every other process here logs. */
  static String log(Instant time, String severity, String message, String exception) {
    return written(
        json -> {
          json.writeStartObject();
          json.writeStringField("timestamp", time.toString());
          json.writeStringField("severity", severity);
          json.writeStringField("message", message);
          json.writeStringField("service.name", "card-network");
          if (!exception.isEmpty()) {
            json.writeStringField("exception", exception);
          }
          json.writeEndObject();
        });
  }

  static Effect effect(String line) {
    Fields fields = Fields.of(line);
    return new Effect(
        fields.text("key"), fields.text("fingerprint"), charge(fields.object("charge")));
  }

  /** The event of a line of the journal; an authorization is none, unless it was declined. */
  static Optional<Event> event(String line) {
    Fields fields = Fields.of(line);
    Charge charge = charge(fields.object("charge"));
    return switch (fields.text("operation")) {
      case "capture" -> Optional.of(event("charge.captured", fields.text("key"), charge));
      case "void" -> Optional.of(event("charge.voided", fields.text("key"), charge));
      case "refund" -> Optional.of(event("charge.refunded", fields.text("key"), charge));
      default ->
          charge.status() == Charge.Status.DECLINED
              ? Optional.of(event("charge.declined", fields.text("key"), charge))
              : Optional.empty();
    };
  }

  /** One key has one effect, for ever: so has the id that is made from it. */
  private static Event event(String type, String key, Charge charge) {
    String id =
        "evt_" + UUID.nameUUIDFromBytes((type + " " + key).getBytes(StandardCharsets.UTF_8));
    return new Event(
        id,
        charge.updateTime(),
        written(
            json -> {
              json.writeStartObject();
              json.writeStringField("eventId", id);
              json.writeStringField("type", type);
              json.writeFieldName("charge");
              write(json, charge);
              json.writeEndObject();
            }));
  }

  /** The same text for the same command, whatever the order of the fields it came with. */
  static String canonical(Command command) {
    return switch (command) {
      case Command.Authorize c ->
          String.join(
              " ", c.operation(), c.reference(), c.card(), Long.toString(c.amount()), c.currency());
      case Command.Capture c -> c.operation() + " " + c.chargeId();
      case Command.Release c -> c.operation() + " " + c.chargeId();
      case Command.Refund c ->
          String.join(" ", c.operation(), c.chargeId(), c.refundId(), Long.toString(c.amount()));
    };
  }

  static Command.Authorize authorize(String body) {
    Fields fields = Fields.of(body).only("reference", "card", "amount", "currency");
    return new Command.Authorize(
        fields.text("reference"),
        fields.text("card"),
        fields.number("amount"),
        fields.text("currency"));
  }

  static Command.Refund refund(String chargeId, String body) {
    Fields fields = Fields.of(body).only("refundId", "amount");
    return new Command.Refund(chargeId, fields.text("refundId"), fields.number("amount"));
  }

  /** Refuses a body that says something where nothing can be said. */
  static void nothing(String body) {
    if (!body.isBlank()) {
      Fields.of(body).only();
    }
  }

  private static void write(JsonGenerator json, Charge charge) throws IOException {
    json.writeStartObject();
    json.writeStringField("chargeId", charge.id());
    json.writeStringField("reference", charge.reference());
    json.writeStringField("card", charge.card());
    json.writeNumberField("amount", charge.amount());
    json.writeStringField("currency", charge.currency());
    json.writeStringField("status", charge.status().text());
    json.writeNumberField("capturedAmount", charge.captured());
    json.writeNumberField("refundedAmount", charge.refunded());
    if (charge.declineReason().isPresent()) {
      json.writeStringField("declineReason", charge.declineReason().get());
    }
    json.writeArrayFieldStart("refunds");
    for (Charge.Refund refund : charge.refunds()) {
      json.writeStartObject();
      json.writeStringField("refundId", refund.id());
      json.writeNumberField("amount", refund.amount());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeStringField("createTime", charge.createTime().toString());
    json.writeStringField("updateTime", charge.updateTime().toString());
    json.writeEndObject();
  }

  private static Charge charge(Fields fields) {
    return new Charge(
        fields.text("chargeId"),
        fields.text("reference"),
        fields.text("card"),
        fields.number("amount"),
        fields.text("currency"),
        Charge.Status.of(fields.text("status")),
        fields.number("capturedAmount"),
        fields.objects("refunds").stream()
            .map(refund -> new Charge.Refund(refund.text("refundId"), refund.number("amount")))
            .toList(),
        fields.has("declineReason") ? Optional.of(fields.text("declineReason")) : Optional.empty(),
        Instant.parse(fields.text("createTime")),
        Instant.parse(fields.text("updateTime")));
  }

  private static String written(Written json) {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = JSON.createGenerator(text)) {
      json.to(generator);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  private interface Written {
    void to(JsonGenerator json) throws IOException;
  }

  /** One JSON object, read whole: strings, whole numbers, objects and lists of them. */
  private record Fields(Map<String, Object> values) {
    static Fields of(String text) {
      try (JsonParser parser = JSON.createParser(text)) {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
          throw Refusal.invalid("the body: expected a JSON object");
        }
        Fields fields = object(parser);
        if (parser.nextToken() != null) {
          throw Refusal.invalid("the body: expected one JSON object and nothing after it");
        }
        return fields;
      } catch (JsonProcessingException e) {
        throw Refusal.invalid("the body is no JSON: " + e.getOriginalMessage());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static Fields object(JsonParser parser) throws IOException {
      Map<String, Object> values = new HashMap<>();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        values.put(name, value(parser, name));
      }
      return new Fields(values);
    }

    private static Object value(JsonParser parser, String name) throws IOException {
      return switch (parser.nextToken()) {
        case VALUE_STRING -> parser.getText();
        case VALUE_NUMBER_INT -> parser.getLongValue();
        case START_OBJECT -> object(parser);
        case START_ARRAY -> {
          List<Fields> list = new ArrayList<>();
          while (parser.nextToken() == JsonToken.START_OBJECT) {
            list.add(object(parser));
          }
          yield list;
        }
        case null, default -> throw Refusal.invalid(name + ": expected a string or a whole number");
      };
    }

    Fields only(String... names) {
      for (String name : values.keySet()) {
        if (!List.of(names).contains(name)) {
          throw Refusal.invalid("unknown field " + name);
        }
      }
      return this;
    }

    boolean has(String name) {
      return values.containsKey(name);
    }

    String text(String name) {
      if (values.get(name) instanceof String text) {
        return text;
      }
      throw Refusal.invalid(name + ": expected a string");
    }

    long number(String name) {
      if (values.get(name) instanceof Long number) {
        return number;
      }
      throw Refusal.invalid(name + ": expected a whole number");
    }

    Fields object(String name) {
      if (values.get(name) instanceof Fields fields) {
        return fields;
      }
      throw Refusal.invalid(name + ": expected an object");
    }

    List<Fields> objects(String name) {
      if (values.get(name) instanceof List<?> list) {
        return list.stream().map(Fields.class::cast).toList();
      }
      throw Refusal.invalid(name + ": expected a list");
    }
  }
}
