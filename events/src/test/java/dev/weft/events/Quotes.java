package dev.weft.events;

import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MessageOptions;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.durable.Event;
import dev.weft.event.v1.EventOptionsProto;
import dev.weft.event.v1.EventType;

/** Requests and replies, as a contract would have them. */
final class Quotes {
  private static final FileDescriptor FILE = file();
  private static final Descriptor WANTED = FILE.findMessageTypeByName("QuoteWanted");
  private static final Descriptor QUOTED = FILE.findMessageTypeByName("Quoted");

  private Quotes() {}

  static DynamicMessage wanted(String text) {
    return message(WANTED, text);
  }

  static DynamicMessage quoted(String text) {
    return message(QUOTED, text);
  }

  static String text(Event event) {
    Descriptor type = event.content().schema().equals(WANTED.getFullName()) ? WANTED : QUOTED;
    try {
      return DynamicMessage.parseFrom(type, event.content().bytes())
          .getField(type.findFieldByName("text"))
          .toString();
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
  }

  private static DynamicMessage message(Descriptor type, String text) {
    return DynamicMessage.newBuilder(type).setField(type.findFieldByName("text"), text).build();
  }

  private static FileDescriptor file() {
    try {
      return FileDescriptor.buildFrom(
          FileDescriptorProto.newBuilder()
              .setName("quotes.proto")
              .setSyntax("proto3")
              .addMessageType(type("QuoteWanted", "shop.payment.quote_wanted"))
              .addMessageType(type("Quoted", "shop.order.quoted"))
              .build(),
          new FileDescriptor[0]);
    } catch (DescriptorValidationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static DescriptorProto type(String name, String event) {
    return DescriptorProto.newBuilder()
        .setName(name)
        .addField(
            FieldDescriptorProto.newBuilder()
                .setName("text")
                .setNumber(1)
                .setType(FieldDescriptorProto.Type.TYPE_STRING)
                .setLabel(FieldDescriptorProto.Label.LABEL_OPTIONAL))
        .setOptions(
            MessageOptions.newBuilder()
                .setExtension(
                    EventOptionsProto.event,
                    EventType.newBuilder().setType(event).setSchemaVersion(1).build()))
        .build();
  }
}
