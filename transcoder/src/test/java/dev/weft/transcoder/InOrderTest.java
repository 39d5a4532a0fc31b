package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import dev.weft.transcoder.test.Edition;
import dev.weft.transcoder.test.EditionProto;
import dev.weft.transcoder.test.Everything;
import dev.weft.transcoder.test.EverythingProto;
import dev.weft.transcoder.test.Legacy;
import dev.weft.transcoder.test.LegacyProto;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The quick way to print a message, beside the one that takes any order. */
class InOrderTest {
  private static final List<Message> TYPES =
      List.of(
          Everything.getDefaultInstance(),
          Legacy.getDefaultInstance(),
          Edition.getDefaultInstance());

  @Test
  void printsWhatTheOtherWayPrintsAndRefusesWhatItRefuses() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    RandomMessages messages = new RandomMessages(seed);
    for (int i = 0; i < 3_000; i++) {
      Message type = TYPES.get(i % TYPES.size());
      byte[] wire = messages.next(type).toByteArray();
      if (i % 2 == 0 && wire.length > 0) {
        wire[random.nextInt(wire.length)] = (byte) random.nextInt();
      }
      for (Defaults defaults : Defaults.values()) {
        assertThat(print(fresh(type), wire, defaults))
            .as("seed %d, message %d", seed, i)
            .isEqualTo(print(known(type), wire, defaults));
      }
    }
  }

  @Test
  void isTriedOnceWithATypeWhoseFieldsStandOtherwise() {
    MessagePlan plan = fresh(Everything.getDefaultInstance());
    ByteString first = Everything.newBuilder().setInt32(5).build().toByteString();
    ByteString second = Everything.newBuilder().setString("s").build().toByteString();

    assertThat(print(plan, first.concat(second).toByteArray(), Defaults.OMITTED))
        .isEqualTo("{\"int32\":5,\"string\":\"s\"}");
    assertThat(plan.inOrder).isTrue();

    assertThat(print(plan, second.concat(first).toByteArray(), Defaults.OMITTED))
        .isEqualTo("{\"int32\":5,\"string\":\"s\"}");
    assertThat(plan.inOrder).isFalse();
  }

  @Test
  void letsTheLastOfAOneofCount() {
    ByteString first = Everything.newBuilder().setText("t").build().toByteString();
    ByteString second =
        Everything.newBuilder()
            .setOther(Everything.newBuilder().setInt32(1))
            .build()
            .toByteString();

    byte[] wire = first.concat(second).toByteArray();
    assertThat(print(fresh(Everything.getDefaultInstance()), wire, Defaults.OMITTED))
        .isEqualTo("{\"other\":{\"int32\":1}}");
  }

  /** A plan that has met nothing yet. */
  private static MessagePlan fresh(Message type) {
    return schema().plan(type.getDescriptorForType());
  }

  private static MessagePlan known(Message type) {
    MessagePlan plan = fresh(type);
    plan.inOrder = false;
    return plan;
  }

  private static Schema schema() {
    return Schema.of(
        List.of(
            EverythingProto.getDescriptor(),
            LegacyProto.getDescriptor(),
            EditionProto.getDescriptor()));
  }

  private static String print(MessagePlan plan, byte[] wire, Defaults defaults) {
    try {
      return new String(WireToJson.json(schema(), plan, wire, defaults), UTF_8);
    } catch (BadMessage e) {
      return "refused";
    }
  }
}
