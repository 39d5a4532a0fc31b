package dev.weft.events;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import dev.weft.durable.Event;
import dev.weft.event.v1.EventOptionsProto;
import dev.weft.event.v1.EventType;

/** Messages whose contract makes them payloads of events, by {@code weft.event.v1.event}. Pure. */
public final class EventPayloads {
  private EventPayloads() {}

  /**
   * What the contract calls the event that holds such a message.
   *
   * @throws IllegalArgumentException if it does not make it one
   */
  public static EventType type(Descriptor payload) {
    EventType type = payload.getOptions().getExtension(EventOptionsProto.event);
    if (type.getType().isEmpty() || type.getSchemaVersion() < 1) {
      throw new IllegalArgumentException(
          payload.getFullName() + " is no event's payload: it lacks weft.event.v1.event");
    }
    return type;
  }

  /**
   * The payload of an event.
   *
   * @throws UnreadableEventException if the event holds another one
   */
  public static <T extends Message> T parse(Event event, T example) {
    String expected = example.getDescriptorForType().getFullName();
    if (!event.content().schema().equals(expected)) {
      throw new UnreadableEventException(
          "the payload is a %s (expected: %s)".formatted(event.content().schema(), expected));
    }
    try {
      // A message's parser makes messages of its own type.
      @SuppressWarnings("unchecked")
      Parser<T> parser = (Parser<T>) example.getParserForType();
      return parser.parseFrom(event.content().bytes());
    } catch (InvalidProtocolBufferException e) {
      throw new UnreadableEventException("the payload is no " + expected, e);
    }
  }
}
