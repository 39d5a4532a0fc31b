package dev.weft.operator;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.weft.admin.v1.DeadLetter;
import dev.weft.event.v1.Event;
import java.util.List;
import java.util.Locale;

/** Dead letters for people and for programs. */
final class DeadLetterText {
  static final List<String> HEADINGS =
      List.of("SERVICE", "CONSUMER", "EVENT", "TYPE", "AGGREGATE", "PARKED", "TRIES", "ERROR");

  private static final int ERROR_MAX = 80;

  private DeadLetterText() {}

  static List<String> row(String service, DeadLetter letter) {
    Event event = letter.getEvent();
    return List.of(
        service,
        Text.clean(letter.getConsumer()),
        Text.clean(event.getEventId()),
        Text.clean(event.getType()),
        Text.or(event.getSubject(), "-") + " v" + event.getAggregateVersion(),
        Text.time(letter.getParkTime()),
        "" + letter.getAttempts(),
        Text.shortened(letter.getError(), ERROR_MAX));
  }

  /** All of it, a line for each thing. */
  static List<String> lines(String service, DeadLetter letter) {
    Event event = letter.getEvent();
    return Text.table(
        List.of(
            List.of("service", service),
            List.of("consumer", Text.clean(letter.getConsumer())),
            List.of("event", Text.clean(event.getEventId())),
            List.of("type", Text.clean(event.getType()) + ", schema " + event.getSchemaVersion()),
            List.of("source", Text.clean(event.getSource()) + ", position " + event.getPosition()),
            List.of(
                "aggregate",
                "%s %s v%d"
                    .formatted(
                        Text.clean(event.getAggregateType()),
                        Text.clean(event.getSubject()),
                        event.getAggregateVersion())),
            List.of("happened", Text.time(event.getTime())),
            List.of("parked", Text.time(letter.getParkTime())),
            List.of("reason", reason(letter) + ", " + letter.getAttempts() + " tries"),
            List.of("error", Text.clean(letter.getError())),
            List.of("correlation", Text.or(event.getCorrelationId(), "-")),
            List.of("cause", Text.or(event.getCausationId(), "-")),
            List.of("trace", Text.or(Text.trace(event.getTraceParent()), "-")),
            List.of("schema", Text.or(event.getDataSchema(), "-")),
            List.of("payload", Text.payload(event.getData()))));
  }

  /** Without the payload if it is not there, as in lists. */
  static ObjectNode object(String service, DeadLetter letter) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object
        .put("service", service)
        .put("consumer", letter.getConsumer())
        .put("reason", reason(letter))
        .put("attempts", letter.getAttempts())
        .put("error", letter.getError())
        .put("parkTime", Text.time(letter.getParkTime()));
    ObjectNode event = object.putObject("event");
    EventText.fill(event, letter.getEvent());
    if (!letter.getEvent().getData().isEmpty()) {
      event.put("data", Text.base64(letter.getEvent().getData()));
    }
    return object;
  }

  private static String reason(DeadLetter letter) {
    return letter.getReason().name().replace("REASON_", "").toLowerCase(Locale.ROOT);
  }
}
