package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.ExtensionRegistry;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.transcoder.test.EditionProto;
import dev.weft.transcoder.test.Everything;
import dev.weft.transcoder.test.EverythingProto;
import dev.weft.transcoder.test.Legacy;
import dev.weft.transcoder.test.LegacyProto;
import dev.weft.transcoder.test.Scope;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the oracle does not show: what is refused, and what its reader does not do. */
class JsonToWireTest {
  private static final Schema SCHEMA =
      Schema.of(
          List.of(
              EverythingProto.getDescriptor(),
              LegacyProto.getDescriptor(),
              EditionProto.getDescriptor()));
  private static final MessagePlan EVERYTHING = SCHEMA.plan(Everything.getDescriptor());
  private static final MessagePlan LEGACY = SCHEMA.plan(Legacy.getDescriptor());

  @Test
  void writesNothingForWhatIsNotThere() {
    assertThat(
            wire(
                "{\"int32\":0,\"bool\":false,\"string\":\"\",\"bytes\":\"\",\"double\":0.0,"
                    + "\"color\":\"COLOR_UNSPECIFIED\",\"inner\":null,\"int32s\":[],\"texts\":{},"
                    + "\"text\":null,\"timestamp\":null}"))
        .isEmpty();
    assertThat(wire("{\"maybeNumber\":0}")).containsExactly(0x88, 0x01, 0);
    assertThat(wire("{\"double\":-0}")).hasSize(9).endsWith(0x80);
    assertThat(wire("{\"text\":\"\"}")).containsExactly(0xc2, 0x02, 0);
  }

  @Test
  void takesAnEscapeForWhatItStandsFor() throws Exception {
    assertThat(read("{\"str\\u0069ng\":\"\\ud83d\\ude00\\u0000\\n\"}").getString())
        .isEqualTo("😀\u0000\n");
  }

  @Test
  void takesTheTypeOfAnAnyWhereverItStands() throws Exception {
    String inner =
        "\"string\":\"x\",\"any\":{\"value\":\"3s\",\"@type\":\"a/google.protobuf.Duration\"}";
    Everything expected =
        Everything.newBuilder()
            .setString("x")
            .setAny(Any.pack(Duration.newBuilder().setSeconds(3).build(), "a"))
            .build();

    for (String json :
        List.of(
            "{\"@type\":\"t/weft.transcoder.Everything\"," + inner + "}",
            "{" + inner + ",\"@type\":\"t/weft.transcoder.Everything\"}",
            " { \"inner\" : null , "
                + inner
                + ", \"@type\" : \"t/weft.transcoder.Everything\" , \"int32\":0 } ")) {
      Everything read = read("{\"any\":" + json + ",\"int32\":7}");

      assertThat(read.getAny().unpack(Everything.class)).isEqualTo(expected);
      assertThat(read.getInt32()).isEqualTo(7);
    }
    assertThat(read("{\"any\":{}}").getAny()).isEqualTo(Any.getDefaultInstance());
  }

  @Test
  void pointsIntoAnAnyThatIsReadTwice() {
    BadInput bad =
        refused(
            "{\"inner\":{\"any\":{\"inners\":[{},{\"int32\":true}],"
                + "\"@type\":\"t/weft.transcoder.Everything\"}}}");

    assertThat(bad.faults())
        .containsExactly(new BadInput.Fault("/inner/any/inners/1/int32", "expected a number"));
  }

  @ParameterizedTest
  @ValueSource(ints = {100, 5_000})
  void boundsTheDepthOfAnysThatAreReadTwice(int depth) {
    // What follows the type is read by the second reader first, which counts from where it began.
    String begin = "{\"int32\":1,\"@type\":\"t/weft.transcoder.Everything\",\"any\":";
    String json = "{\"any\":" + begin.repeat(depth) + "{}" + "}".repeat(depth + 1);

    assertThat(refused(json).getMessage()).contains("nested deeper");
  }

  @Test
  void readsGroupsExtensionsAndRepeatedGroups() throws Exception {
    byte[] wire =
        JsonToWire.wire(
            SCHEMA,
            LEGACY,
            """
            {"id": "i", "box": {"width": 3, "item": [{"name": "a"}, {}]}, "sized": {"x": "LARGE"},
             "[weft.transcoder.legacy.note]": "n", "[weft.transcoder.legacy.more]": [{"id": "j"}],
             "[weft.transcoder.legacy.Scope.nested_note]": "5"}
            """
                .getBytes(UTF_8),
            false);
    ExtensionRegistry extensions = ExtensionRegistry.newInstance();
    LegacyProto.registerAllExtensions(extensions);

    assertThat(Legacy.parseFrom(wire, extensions))
        .isEqualTo(
            Legacy.newBuilder()
                .setId("i")
                .setBox(
                    Legacy.Box.newBuilder()
                        .setWidth(3)
                        .addItem(Legacy.Box.Item.newBuilder().setName("a"))
                        .addItem(Legacy.Box.Item.newBuilder()))
                .putSized("x", Legacy.Size.LARGE)
                .setExtension(LegacyProto.note, "n")
                .addExtension(LegacyProto.more, Legacy.newBuilder().setId("j").build())
                .setExtension(Scope.nestedNote, 5L)
                .build());
  }

  @Test
  void findsWhatIsRequiredAlsoInPieces() {
    assertThat(missing("{\"id\":\"\"}")).isEmpty();
    assertThat(missing("{}")).containsExactly("id");
    assertThat(missing("{\"id\":\"\",\"box\":{}}")).containsExactly("box.width");
    assertThat(missing("{\"id\":\"\",\"[weft.transcoder.legacy.more]\":[{\"id\":\"\"},{}]}"))
        .containsExactly("[weft.transcoder.legacy.more][1].id");
    byte[] one = JsonToWire.wire(SCHEMA, LEGACY, "{\"id\":\"\",\"box\":{}}".getBytes(UTF_8), false);
    byte[] two = JsonToWire.wire(SCHEMA, LEGACY, "{\"box\":{\"width\":0}}".getBytes(UTF_8), false);
    byte[] both = Required.join(List.of(one, two));
    assertThat(Required.missing(LEGACY, both, 0, both.length)).isEmpty();
  }

  @Test
  void dropsUnknownEnumValuesOnlyWhenLenient() throws Exception {
    String json =
        "{\"color\":\"NO\",\"colors\":[\"COLOR_RED\",\"NO\"],\"flags\":{\"true\":\"NO\",\"false\":1},"
            + "\"what\":[{}]}";

    Everything read =
        Everything.parseFrom(JsonToWire.wire(SCHEMA, EVERYTHING, json.getBytes(UTF_8), true));

    assertThat(read.getColorsList()).containsExactly(Everything.Color.COLOR_RED);
    assertThat(read.getFlagsMap()).isEqualTo(Map.of(false, Everything.Color.COLOR_RED));
    assertThat(refused("{\"colors\":[\"NO\"]}").faults().getFirst().pointer())
        .isEqualTo("/colors/0");
    assertThat(
            catchThrowableOfType(
                    BadInput.class,
                    () ->
                        JsonToWire.wire(
                            SCHEMA, EVERYTHING, "{\"x\":{\"a\":1,\"a\":2}}".getBytes(UTF_8), true))
                .getMessage())
        .contains("twice");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"any\":{\"@type\":\"a/b\",\"@type\":\"a/b\"}}  | /any        | known type",
        "{\"any\":{\"x\":1}}                              | /any        | @type",
        "{\"any\":{\"@type\":1}}                          | /any/@type  | a string",
        "{\"any\":{\"@type\":\"Duration\"}}               | /any        | known type",
        "{\"any\":{\"@type\":\"a/google.protobuf.Duration\",\"value\":\"1s\",\"value\":\"1s\"}} | /any/value | twice",
        "{\"any\":{\"@type\":\"a/google.protobuf.Empty\",\"@type\":\"a/google.protobuf.Empty\"}} | /any/@type | twice",
        "{\"any\":{\"@type\":\"a/google.protobuf.Duration\",\"seconds\":1}} | /any/seconds | unknown field",
        "{\"any\":{\"@type\":\"a/weft.transcoder.legacy.Legacy\"}} | /any | required",
        "{\"timestamp\":\"2026-02-29T00:00:00Z\"}         | /timestamp  | Timestamp",
        "{\"timestamp\":\"2026-02-28t00:00:00Z\"}         | /timestamp  | Timestamp",
        "{\"timestamp\":\"2026-02-28T00:00:00\"}          | /timestamp  | Timestamp",
        "{\"timestamp\":\"2026-02-28T00:00:00.Z\"}        | /timestamp  | Timestamp",
        "{\"timestamp\":\"2026-02-28T00:00:00.0000000001Z\"} | /timestamp | Timestamp",
        "{\"timestamp\":\"2026-02-28T24:00:00Z\"}         | /timestamp  | Timestamp",
        "{\"timestamp\":\"2026-02-28T00:00:00Zx\"}        | /timestamp  | Timestamp",
        "{\"timestamp\":\"0000-02-28T00:00:00Z\"}         | /timestamp  | Timestamp",
        "{\"timestamp\":1}                                | /timestamp  | Timestamp",
        "{\"duration\":\"s\"}                             | /duration   | Duration",
        "{\"duration\":\"-s\"}                            | /duration   | Duration",
        "{\"duration\":\"1.s\"}                           | /duration   | Duration",
        "{\"duration\":\"315576000001s\"}                 | /duration   | Duration",
        "{\"mask\":\"a_b\"}                               | /mask       | FieldMask",
        "{\"bytes\":\"a\"}                                | /bytes      | base64",
        "{\"bytes\":\"ab=\"}                              | /bytes      | base64",
        "{\"bytes\":\"é\"}                                | /bytes      | base64",
        "{\"struct\":{\"a\":{\"b\":1,\"b\":1}}}           | /struct/a/b | twice",
        "{\"value\":1e999}                                | /value      | range",
        "{\"listValue\":{}}                               | /listValue  | an array",
        "{\"int64Value\":1.5}                             | /int64Value | 64-bit",
        "{\"float\":3.5e38}                               | /float      | range of a float",
        "{\"numbers\":{\"01\":1}}                         | /numbers/01 | 32-bit",
        "{\"numbers\":{\"1\":1,\"1.0\":1}}                | /numbers/1.0 | twice",
        "{\"texts\":{\"a\":\"1\",\"a\":\"2\"}}            | /texts/a    | twice",
        "{\"texts\":{\"a\":null}}                         | /texts/a    | null",
        "{\"strings\":[null]}                             | /strings/0  | null",
        "{\"a_longer_name_with_number_2\":1}              | /aLongerNameWithNumber2 | a string",
      })
  void refusesWhatIsNotExactlyRight(String json, String pointer, String detail) {
    BadInput bad = refused(json.strip());

    assertThat(bad.faults().getFirst().detail()).contains(detail);
    assertThat(bad.faults().getFirst().pointer()).isEqualTo(pointer.strip());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\u00ef\u00bb\u00bf{}",
        "{\u0000}\u0000",
        "\u0000{\u0000}",
        "{\"string\":\"\u00c1\u0081\"}",
        "{\"string\":\"12345678\u00ed\u00a0\u0080\"}",
        "{\"string\":\"\u00f4\u0090\u0080\u0080\"}",
        "{\"string\":\"\u00e2\u0082\"}"
      })
  void refusesWhatIsNotUtf8(String latin1) {
    BadInput bad =
        catchThrowableOfType(
            BadInput.class,
            () -> JsonToWire.wire(SCHEMA, EVERYTHING, latin1.getBytes(ISO_8859_1), false));

    assertThat(bad.reason()).isEqualTo("MALFORMED_JSON");
  }

  private static byte[] wire(String json) {
    return JsonToWire.wire(SCHEMA, EVERYTHING, json.getBytes(UTF_8), false);
  }

  private static Everything read(String json) throws InvalidProtocolBufferException {
    return Everything.parseFrom(wire(json));
  }

  private static List<String> missing(String json) {
    byte[] wire = JsonToWire.wire(SCHEMA, LEGACY, json.getBytes(UTF_8), false);
    return Required.missing(LEGACY, wire, 0, wire.length);
  }

  private static BadInput refused(String json) {
    return catchThrowableOfType(BadInput.class, () -> wire(json));
  }
}
