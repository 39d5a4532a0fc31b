package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.protobuf.FloatValue;
import dev.weft.transcoder.test.Everything;
import dev.weft.transcoder.test.EverythingProto;
import dev.weft.transcoder.test.Legacy;
import dev.weft.transcoder.test.LegacyProto;
import dev.weft.transcoder.test.Request;
import dev.weft.transcoder.test.TwoResources;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** How the parts of a request come together; the edge's own tests say the rest. */
class RequestPlanTest {
  private static final Schema SCHEMA =
      Schema.of(List.of(EverythingProto.getDescriptor(), LegacyProto.getDescriptor()));

  @Test
  void putsTogetherWhatPathAndQuerySayOfOneMessage() throws Exception {
    RequestBytes bytes = plan("", List.of("inner", "string")).body(new byte[0]);
    bytes.path(List.of("s"));
    bytes.query("inner.int32s", "1");
    bytes.query("inner.int32s", "2");
    bytes.query("inner.texts[a]", "b");
    bytes.query("inner.inner.color", "COLOR_BLUE");
    bytes.query("float_value", "1.5");

    assertThat(Everything.parseFrom(bytes.finish()))
        .isEqualTo(
            Everything.newBuilder()
                .setInner(
                    Everything.newBuilder()
                        .setString("s")
                        .addInt32S(1)
                        .addInt32S(2)
                        .putTexts("a", "b")
                        .setInner(Everything.newBuilder().setColor(Everything.Color.COLOR_BLUE)))
                .setFloatValue(FloatValue.of(1.5f))
                .build());
  }

  @Test
  void letsNoParameterOverrideThePathOrJoinItsOneof() {
    RequestBytes bytes = plan("", List.of("text")).body(new byte[0]);
    bytes.path(List.of("t"));

    assertThat(refused(() -> bytes.query("text", "u"))).contains("/text: set more than once");
    assertThat(refused(() -> bytes.query("number", "1")))
        .contains("/number: only one may be set: text is");
    assertThat(refused(() -> bytes.query("other.int32", "1")))
        .contains("/other/int32: only one may be set: text is");
  }

  @Test
  void findsTheSameFieldInBodyAndPathWhereverItIs() throws Exception {
    RequestPlan plan = plan("*", List.of("inner", "inner", "int64"));
    RequestBytes same =
        plan.body("{\"inner\":{\"inner\":{\"int64\":\"5\"},\"bool\":true}}".getBytes(UTF_8));
    same.path(List.of("5"));
    RequestBytes none = plan.body("{\"inner\":{\"bool\":true}}".getBytes(UTF_8));
    none.path(List.of("5"));
    RequestBytes other = plan.body("{\"inner\":{\"inner\":{\"int64\":6}}}".getBytes(UTF_8));

    assertThat(Everything.parseFrom(same.finish())).isEqualTo(Everything.parseFrom(none.finish()));
    assertThat(refused(() -> other.path(List.of("5"))))
        .contains("/inner/inner/int64: differs from the value in the path");
  }

  @Test
  void fillsAMaskOfTheOneResourceInABodyThatIsAll() throws Exception {
    List<List<String>> variables = List.of(List.of("body", "int64"));
    RequestPlan.Rule rule = new RequestPlan.Rule(variables, "*", true, false, false);
    RequestPlan plan = RequestPlan.of(SCHEMA, Request.getDescriptor(), rule);

    assertThat(
            mask(
                plan,
                "{\"requestId\":\"r\",\"body\":{\"int64\":7,\"inner\":{\"maybeText\":\"x\"}}}"))
        .containsExactly("inner.maybe_text");
    assertThat(mask(plan, "{\"body\":{\"int32\":1},\"updateMask\":\"int32,bool\"}"))
        .containsExactly("int32", "bool");
    assertThat(mask(plan, "{\"requestId\":\"r\"}")).isEmpty();
    assertThat(mask(plan, "{\"body\":{}}")).isEmpty();
  }

  private static List<String> mask(RequestPlan plan, String json) throws Exception {
    return Request.parseFrom(plan.body(json.getBytes(UTF_8)).finish())
        .getUpdateMask()
        .getPathsList();
  }

  @Test
  void fillsNoMaskWhereItIsNotClearWhatIsChanged() throws Exception {
    RequestPlan.Rule rule = new RequestPlan.Rule(List.of(), "*", true, false, false);
    RequestPlan plan = RequestPlan.of(SCHEMA, TwoResources.getDescriptor(), rule);
    byte[] json = "{\"one\":{\"int32\":1},\"other\":{\"int32\":2}}".getBytes(UTF_8);

    assertThat(TwoResources.parseFrom(plan.body(json).finish()).hasUpdateMask()).isFalse();
  }

  @Test
  void fillsAMaskWithWhatTheBodyHolds() throws Exception {
    RequestPlan.Rule rule = new RequestPlan.Rule(List.of(), "body", true, false, false);
    RequestPlan plan = RequestPlan.of(SCHEMA, Request.getDescriptor(), rule);
    String json =
        "{\"int32\":1,\"inner\":{\"maybe_text\":null,\"inner\":{}},\"texts\":{\"a\":\"b\"},\"value\":null,"
            + "\"timestamp\":\"2026-11-21T12:00:00Z\"}";
    RequestBytes bytes = plan.body(json.getBytes(UTF_8));
    bytes.requestId(Optional.of("r"));
    Request request = Request.parseFrom(bytes.finish());

    assertThat(request.getUpdateMask().getPathsList())
        .containsExactly("int32", "inner.maybe_text", "inner.inner", "texts", "value", "timestamp");
    assertThat(request.getRequestId()).isEqualTo("r");
  }

  @Test
  void namesEveryRequiredFieldThatNoPartHas() {
    RequestPlan.Rule rule =
        new RequestPlan.Rule(List.of(List.of("number")), "*", false, false, false);
    RequestPlan plan = RequestPlan.of(SCHEMA, Legacy.getDescriptor(), rule);
    RequestBytes bytes = plan.body("{\"box\":{\"item\":[{}]}}".getBytes(UTF_8));
    bytes.path(List.of("7"));

    assertThat(refused(bytes::finish)).containsExactly("/id: required", "/box/width: required");
  }

  private static RequestPlan plan(String body, List<String> variable) {
    RequestPlan.Rule rule = new RequestPlan.Rule(List.of(variable), body, false, false, false);
    return RequestPlan.of(SCHEMA, Everything.getDescriptor(), rule);
  }

  private static List<String> refused(Runnable work) {
    return catchThrowableOfType(BadInput.class, work::run).faults().stream()
        .map(fault -> fault.pointer() + ": " + fault.detail())
        .toList();
  }
}
