package dev.weft.operator;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.weft.event.v1.Event;
import java.util.Locale;

/**
 * An event as a line for people or for programs.
 *
 * @param json an object, with the payload in base64
 * @param payload whether it is shown
 */
record EventText(boolean json, boolean payload) {
  String line(String service, Event event) {
    return json ? object(service, event).toString() : words(service, event);
  }

  private String words(String service, Event event) {
    String line =
        String.format(
            Locale.ROOT,
            "%s  %-13s %6d  %-28s %s v%d  correlation=%s",
            Text.time(event.getTime()),
            service,
            event.getPosition(),
            Text.clean(event.getType()),
            Text.or(event.getSubject(), "-"),
            event.getAggregateVersion(),
            Text.or(event.getCorrelationId(), "-"));
    String trace = Text.trace(event.getTraceParent());
    return line
        + (trace.isEmpty() ? "" : " trace=" + trace)
        + (payload ? "  {" + Text.payload(event.getData()) + "}" : "");
  }

  private ObjectNode object(String service, Event event) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("service", service);
    fill(object, event);
    if (payload) {
      object.put("data", Text.base64(event.getData()));
    }
    return object;
  }

  /** Everything but the payload. */
  static void fill(ObjectNode object, Event event) {
    object
        .put("time", Text.time(event.getTime()))
        .put("position", event.getPosition())
        .put("eventId", event.getEventId())
        .put("source", event.getSource())
        .put("type", event.getType())
        .put("schemaVersion", event.getSchemaVersion())
        .put("aggregateType", event.getAggregateType())
        .put("aggregateId", event.getSubject())
        .put("aggregateVersion", event.getAggregateVersion())
        .put("dataContentType", event.getDataContentType())
        .put("dataSchema", event.getDataSchema())
        .put("correlationId", event.getCorrelationId())
        .put("causationId", event.getCausationId())
        .put("traceParent", event.getTraceParent());
  }
}
