package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Duration;
import com.google.protobuf.FieldMask;
import com.google.protobuf.Message;
import com.google.protobuf.Timestamp;
import com.google.protobuf.Value;
import dev.weft.transcoder.test.Edition;
import dev.weft.transcoder.test.EditionProto;
import dev.weft.transcoder.test.Everything;
import dev.weft.transcoder.test.EverythingProto;
import dev.weft.transcoder.test.Legacy;
import dev.weft.transcoder.test.LegacyProto;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What the oracle does not show: wire bytes that no writer of ours makes. */
class WireToJsonTest {
  private static final Schema SCHEMA =
      Schema.of(
          List.of(
              EverythingProto.getDescriptor(),
              LegacyProto.getDescriptor(),
              EditionProto.getDescriptor()));

  @Test
  void printsInTheOrderOfTheContractWhateverTheOrderOnTheWire() throws Exception {
    byte[] wire =
        wire(
            out -> {
              out.writeString(14, "s");
              out.writeInt32(20, 1);
              out.writeInt32(1, 5);
              out.writeInt32(20, 2);
              out.writeInt32(1, 6);
              out.writeByteArray(20, new byte[] {3, 4});
              out.writeInt32(20, 5);
            });

    assertThat(json(wire)).isEqualTo("{\"int32\":6,\"string\":\"s\",\"int32s\":[1,2,3,4,5]}");
  }

  /** Texts are copied by words, which end before, at and behind the end of text and message. */
  @Test
  void printsTextOfAnyLengthWithAnythingAtAnyPlace() throws Exception {
    for (int length = 0; length <= 20; length++) {
      for (int behind = 0; behind <= 9; behind++) {
        for (int place = 0; place < length; place++) {
          for (String special : List.of("x", "\"", "\\", "\n")) {
            String text = "a".repeat(place) + special + "b".repeat(length - place - 1);
            byte[] unknown = new byte[behind];
            byte[] wire =
                wire(
                    out -> {
                      out.writeString(14, text);
                      out.writeByteArray(903, unknown);
                    });
            String escaped = text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");

            assertThat(json(wire)).isEqualTo("{\"string\":\"" + escaped + "\"}");
          }
        }
      }
    }
  }

  @Test
  void printsTimesWhateverTheOrderOfTheirFields() {
    MessagePlan type = SCHEMA.plan(Timestamp.getDescriptor());
    byte[] inOrder = {8, 1, 16, 64};
    byte[] turned = {16, 64, 8, 1};
    byte[] twice = {8, 9, 16, 64, 8, 1};
    byte[] unknown = {24, 5, 8, 1, 16, 64};

    for (byte[] wire : List.of(inOrder, turned, twice, unknown)) {
      byte[] json = WireToJson.json(SCHEMA, type, wire, Defaults.PRINTED);
      assertThat(new String(json, UTF_8)).isEqualTo("\"1970-01-01T00:00:01.000000064Z\"");
    }
    byte[] first = WireToJson.json(SCHEMA, type, new byte[] {}, Defaults.PRINTED);
    assertThat(new String(first, UTF_8)).isEqualTo("\"1970-01-01T00:00:00Z\"");
  }

  @Test
  void joinsAMessageThatIsWrittenInPieces() throws Exception {
    byte[] wire =
        wire(
            out -> {
              out.writeMessage(19, Everything.newBuilder().setInt32(1).setString("a").build());
              out.writeInt32(1, 9);
              out.writeMessage(19, Everything.newBuilder().setInt32(2).addInt32S(7).build());
            });

    assertThat(json(wire))
        .isEqualTo("{\"int32\":9,\"inner\":{\"int32\":2,\"string\":\"a\",\"int32s\":[7]}}");
  }

  @Test
  void letsTheLastOfAOneofCount() throws Exception {
    byte[] wire =
        wire(
            out -> {
              out.writeMessage(42, Everything.newBuilder().setInt32(1).build());
              out.writeString(40, "t");
              out.writeMessage(42, Everything.newBuilder().setString("x").build());
            });

    assertThat(json(wire)).isEqualTo("{\"other\":{\"string\":\"x\"}}");
  }

  @Test
  void letsTheLastOfEqualKeysCount() throws Exception {
    byte[] wire =
        wire(
            out -> {
              for (int i = 0; i < 20; i++) {
                out.writeByteArray(31, new byte[] {8, (byte) (i % 3), 16, (byte) i});
              }
              out.writeByteArray(31, new byte[] {});
              out.writeByteArray(30, new byte[] {10, 1, 'a', 18, 1, '1'});
              out.writeByteArray(30, new byte[] {18, 1, '2', 10, 1, 'a'});
              out.writeByteArray(30, new byte[] {10, 1, 'b'});
            });

    assertThat(json(wire))
        .isEqualTo(
            "{\"texts\":{\"a\":\"2\",\"b\":\"\"},\"numbers\":{\"2\":\"17\",\"1\":\"19\",\"0\":\"0\"}}");
  }

  @Test
  void skipsWhatTheContractDoesNotKnow() throws Exception {
    byte[] wire =
        wire(
            out -> {
              out.writeInt32(900, 1);
              out.writeString(901, "x");
              out.writeGroup(902, Everything.newBuilder().setInt32(1).build());
              out.writeFixed64(903, 1);
              out.writeString(1, "an int32 elsewhere");
              out.writeInt32(1, 3);
            });

    assertThat(json(wire)).isEqualTo("{\"int32\":3}");
  }

  @Test
  void printsGroupsExtensionsAndClosedEnums() throws Exception {
    Legacy legacy =
        Legacy.newBuilder()
            .setId("i")
            .setBox(
                Legacy.Box.newBuilder()
                    .setWidth(3)
                    .addItem(Legacy.Box.Item.newBuilder().setName("a")))
            .setExtension(LegacyProto.note, "n")
            .addExtension(LegacyProto.more, Legacy.newBuilder().setId("j").build())
            .build();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    out.writeRawBytes(legacy.toByteArray());
    out.writeInt32(3, 77);
    out.writeInt32(6, 0);
    out.writeInt32(6, 77);
    out.writeByteArray(8, new byte[] {10, 1, 'k', 16, 77});
    out.flush();

    assertThat(print(SCHEMA.plan(Legacy.getDescriptor()), bytes.toByteArray(), Defaults.PRINTED))
        .isEqualTo(
            "{\"id\":\"i\",\"box\":{\"width\":3,\"item\":[{\"name\":\"a\"}]},\"unpacked\":[],\"sizes\":[\"SMALL\"],"
                + "\"sized\":{},\"[weft.transcoder.legacy.note]\":\"n\",\"[weft.transcoder.legacy.more]\":"
                + "[{\"id\":\"j\",\"unpacked\":[],\"sizes\":[],\"sized\":{}}]}");
  }

  @Test
  void printsDefaultsOfWhatHasNoPresence() {
    assertThat(print(SCHEMA.plan(Edition.getDescriptor()), new byte[0], Defaults.PRINTED))
        .isEqualTo("{\"implicit\":0,\"parts\":[],\"packed\":[],\"expanded\":[]}");
    String all = print(SCHEMA.plan(Everything.getDescriptor()), new byte[0], Defaults.PRINTED);
    assertThat(all)
        .startsWith("{\"int32\":0,\"int64\":\"0\",\"uint32\":0,\"uint64\":\"0\",\"sint32\":0")
        .contains("\"float\":0.0,\"double\":0.0,\"bool\":false,\"string\":\"\",\"bytes\":\"\"")
        .contains("\"color\":\"COLOR_UNSPECIFIED\"", "\"texts\":{}")
        .doesNotContain("maybe", "inner\"", "timestamp\"", "choice");
  }

  @Test
  void keepsAnAnyThatItCannotPrint() {
    assertThat(any("x/no.Such", new byte[] {1}))
        .isEqualTo("{\"@type\":\"x/no.Such\",\"value\":\"AQ==\"}");
    assertThat(any("x/weft.transcoder.Everything", new byte[] {10}))
        .isEqualTo("{\"@type\":\"x/weft.transcoder.Everything\",\"value\":\"Cg==\"}");
    assertThat(any("x/google.protobuf.Timestamp", new byte[] {16, (byte) 0xff, 1}))
        .isEqualTo(
            "{\"@type\":\"x/google.protobuf.Timestamp\",\"value\":\"1970-01-01T00:00:00.000000255Z\"}");
    assertThat(any("x/google.protobuf.Empty", new byte[0]))
        .isEqualTo("{\"@type\":\"x/google.protobuf.Empty\"}");
  }

  private static String any(String typeUrl, byte[] value) {
    Any any = Any.newBuilder().setTypeUrl(typeUrl).setValue(ByteString.copyFrom(value)).build();
    return print(SCHEMA.plan(Any.getDescriptor()), any.toByteArray(), Defaults.OMITTED);
  }

  @Test
  void refusesValuesThatJsonCannotSay() {
    for (Message wrong :
        List.of(
            Timestamp.newBuilder().setSeconds(253_402_300_800L).build(),
            Timestamp.newBuilder().setNanos(-1).build(),
            Duration.newBuilder().setSeconds(1).setNanos(-1).build(),
            Duration.newBuilder().setSeconds(Long.MIN_VALUE).build(),
            FieldMask.newBuilder().addPaths("fooBar").build(),
            FieldMask.newBuilder().addPaths("a__b").build(),
            Value.newBuilder().setNumberValue(Double.NaN).build())) {
      MessagePlan plan = SCHEMA.plan(wrong.getDescriptorForType());
      assertThatThrownBy(() -> print(plan, wrong.toByteArray(), Defaults.PRINTED))
          .as("%s", wrong)
          .isInstanceOfSatisfying(BadMessage.class, e -> assertThat(e.isOfTheWire()).isFalse());
    }
  }

  @Test
  void takesTextThatIsNotUtf8OnlyWhereTheContractDoes() throws Exception {
    byte[] spoilt = {(byte) 0xff, 'a'};
    assertThat(
            print(
                SCHEMA.plan(Edition.getDescriptor()),
                wire(out -> out.writeByteArray(8, spoilt)),
                Defaults.OMITTED))
        .isEqualTo("{\"loose\":\"\ufffda\"}");
    byte[] strict = wire(out -> out.writeByteArray(14, spoilt));
    assertThatThrownBy(() -> json(strict))
        .isInstanceOf(BadMessage.class)
        .hasMessageContaining("UTF-8");
  }

  @Test
  void refusesBytesThatAreNoMessageAndNeverFailsOtherwise() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    RandomMessages messages = new RandomMessages(seed);
    MessagePlan plan = SCHEMA.plan(Everything.getDescriptor());
    int refused = 0;
    for (int i = 0; i < 3_000; i++) {
      byte[] wire = messages.next(Everything.getDefaultInstance()).toByteArray();
      for (int j = 0; wire.length > 0 && j < 3; j++) {
        wire[random.nextInt(wire.length)] = (byte) random.nextInt();
      }
      try {
        WireToJson.json(SCHEMA, plan, wire, Defaults.PRINTED);
      } catch (BadMessage e) {
        refused++;
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed + ", message " + i, e);
      }
    }
    assertThat(refused).isPositive();
  }

  @Test
  void boundsTheDepth() {
    Everything deep = Everything.getDefaultInstance();
    for (int i = 0; i < 99; i++) {
      deep = Everything.newBuilder().setInner(deep).build();
    }
    assertThat(json(deep.toByteArray())).contains("{}");
    byte[] deeper = Everything.newBuilder().setInner(deep).build().toByteArray();
    assertThatThrownBy(() -> json(deeper))
        .isInstanceOf(BadMessage.class)
        .hasMessageContaining("deeper");
  }

  private static String json(byte[] wire) {
    return print(SCHEMA.plan(Everything.getDescriptor()), wire, Defaults.OMITTED);
  }

  private static String print(MessagePlan plan, byte[] wire, Defaults defaults) {
    return new String(WireToJson.json(SCHEMA, plan, wire, defaults), UTF_8);
  }

  private interface Writing {
    void to(CodedOutputStream out) throws IOException;
  }

  private static byte[] wire(Writing writing) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    writing.to(out);
    out.flush();
    return bytes.toByteArray();
  }
}
