package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.TypeRegistry;
import com.google.protobuf.util.JsonFormat;
import dev.weft.transcoder.test.Edition;
import dev.weft.transcoder.test.EditionProto;
import dev.weft.transcoder.test.Everything;
import dev.weft.transcoder.test.EverythingProto;
import dev.weft.transcoder.test.Legacy;
import dev.weft.transcoder.test.LegacyProto;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random messages against protobuf's own JSON code, which is right for all that is generated here:
 * each must read what the other prints. A failure names the seed; {@code -Dweft.seed=N} begins with
 * it.
 */
class OracleTest {
  private static final long NANOS = TimeUnit.SECONDS.toNanos(3);

  private static final Schema SCHEMA =
      Schema.of(
          List.of(
              EverythingProto.getDescriptor(),
              LegacyProto.getDescriptor(),
              EditionProto.getDescriptor()));
  private static final TypeRegistry TYPES =
      TypeRegistry.newBuilder().add(Everything.getDescriptor()).build();
  private static final JsonFormat.Printer PRINTER =
      JsonFormat.printer().usingTypeRegistry(TYPES).omittingInsignificantWhitespace();
  private static final JsonFormat.Parser PARSER = JsonFormat.parser().usingTypeRegistry(TYPES);

  static List<Message> types() {
    return List.of(
        Everything.getDefaultInstance(), Legacy.getDefaultInstance(), Edition.getDefaultInstance());
  }

  @ParameterizedTest
  @MethodSource("types")
  void readsWhatTheOtherPrintsAndPrintsWhatTheOtherReads(Message type) throws Exception {
    long first = Long.getLong("weft.seed", new Random().nextLong());
    long end = System.nanoTime() + NANOS;
    long seed = first;
    do {
      compare(type, seed);
      seed++;
    } while (System.nanoTime() < end);
    System.out.printf(
        "%s: seeds %d to %d%n", type.getDescriptorForType().getName(), first, seed - 1);
  }

  private static void compare(Message type, long seed) throws InvalidProtocolBufferException {
    Message message = new RandomMessages(seed).next(type);
    MessagePlan plan = SCHEMA.plan(message.getDescriptorForType());
    for (Defaults defaults : Defaults.values()) {
      String json = print(plan, message.toByteArray(), defaults);
      Message.Builder read = message.newBuilderForType();
      PARSER.merge(json, read);
      assertThat(read.build()).as("seed %d, our JSON %s", seed, json).isEqualTo(message);
    }
    String json = print(plan, message.toByteArray(), Defaults.OMITTED);
    // Compared as text: the same content has several forms as bytes, and those are in an Any.
    for (String given : List.of(json, PRINTER.print(message))) {
      byte[] wire = JsonToWire.wire(SCHEMA, plan, given.getBytes(UTF_8), false);
      assertThat(type.newBuilderForType().mergeFrom(wire).isInitialized()).isTrue();
      assertThat(print(plan, wire, Defaults.OMITTED))
          .as("seed %d: %s", seed, given)
          .isEqualTo(json);
    }
  }

  private static String print(MessagePlan plan, byte[] wire, Defaults defaults) {
    return new String(WireToJson.json(SCHEMA, plan, wire, defaults), UTF_8);
  }
}
