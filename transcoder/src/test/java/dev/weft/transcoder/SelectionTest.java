package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.protobuf.Any;
import com.google.protobuf.Timestamp;
import dev.weft.transcoder.test.Everything;
import dev.weft.transcoder.test.EverythingProto;
import dev.weft.transcoder.test.Request;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is printed of an answer of which a client wants a part. */
class SelectionTest {
  private static final Schema SCHEMA = Schema.of(List.of(EverythingProto.getDescriptor()));
  private static final ReplyPlan WHOLE = ReplyPlan.of(SCHEMA, Everything.getDescriptor(), "");

  private static final Everything REPLY =
      Everything.newBuilder()
          .setInt32(1)
          .setString("s")
          .setInner(Everything.newBuilder().setInt32(2).setString("t").addInt32S(3))
          .addInners(Everything.newBuilder().setString("a").setBool(true))
          .addInners(Everything.newBuilder().setInt64(4))
          .putTexts("k", "v")
          .putChildren(5, Everything.newBuilder().setString("c").setInt32(6).build())
          .setTimestamp(Timestamp.newBuilder().setSeconds(1))
          .setAny(Any.pack(Timestamp.getDefaultInstance()))
          .build();

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      value = {
        "string,int32             | {\"int32\":1,\"string\":\"s\"}",
        "string, string ,         | {\"string\":\"s\"}",
        "bool                     | {\"bool\":false}",
        "maybe_number             | {}",
        "inner.string             | {\"inner\":{\"string\":\"t\"}}",
        "inner.string,inner.int32s| {\"inner\":{\"string\":\"t\",\"int32s\":[3]}}",
        "inners.string            | {\"inners\":[{\"string\":\"a\"},{\"string\":\"\"}]}",
        "inners.*.int64           | {\"inners\":[{\"int64\":\"0\"},{\"int64\":\"4\"}]}",
        "children.*.int32         | {\"children\":{\"5\":{\"int32\":6}}}",
        "children.string          | {\"children\":{\"5\":{\"string\":\"c\"}}}",
        "texts                    | {\"texts\":{\"k\":\"v\"}}",
        "texts.*,int32s.*         | {\"int32s\":[],\"texts\":{\"k\":\"v\"}}",
        "timestamp                | {\"timestamp\":\"1970-01-01T00:00:01Z\"}",
        "any,inner.inner.string   | {\"inner\":{},\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Timestamp\",\"value\":\"1970-01-01T00:00:00Z\"}}",
        "aLongerNameWithNumber2   | {\"aLongerNameWithNumber2\":\"\"}",
        "a_longer_name_with_number_2,inner.inners.string,int32 | {\"int32\":1,\"inner\":{\"inners\":[]},\"aLongerNameWithNumber2\":\"\"}",
      })
  void printsWhatIsAskedForInTheOrderOfTheContract(String fields, String json) {
    assertThat(json(WHOLE, fields, REPLY.toByteArray())).isEqualTo(json);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ",", "*", "string,*"})
  void printsAllWhereAllIsAskedFor(String fields) {
    assertThat(WHOLE.select(fields)).isEmpty();
  }

  @Test
  void takesAFieldAsAWholeWhenItIsNamedAsAWholeToo() {
    String all = json(WHOLE, "inner", REPLY.toByteArray());

    for (String fields : List.of("inner,inner.string", "inner.string,inner", "inner.*")) {
      assertThat(json(WHOLE, fields, REPLY.toByteArray())).isEqualTo(all);
    }
    assertThat(all).contains("\"string\":\"t\"", "\"int32\":2");
  }

  @Test
  void choosesFromWhatTheClientSeesAsTheResource() {
    byte[] reply = Request.newBuilder().setRequestId("r").setBody(REPLY).build().toByteArray();
    ReplyPlan body = ReplyPlan.of(SCHEMA, Request.getDescriptor(), "body");
    ReplyPlan list = ReplyPlan.of(SCHEMA, Everything.getDescriptor(), "inners");
    ReplyPlan map = ReplyPlan.of(SCHEMA, Everything.getDescriptor(), "children");

    assertThat(json(body, "string", reply)).isEqualTo("{\"string\":\"s\"}");
    assertThat(json(body, "string", new byte[0])).isEqualTo("{\"string\":\"\"}");
    for (String fields : List.of("string", "*.string")) {
      assertThat(json(list, fields, REPLY.toByteArray()))
          .isEqualTo("[{\"string\":\"a\"},{\"string\":\"\"}]");
      assertThat(json(map, fields, REPLY.toByteArray())).isEqualTo("{\"5\":{\"string\":\"c\"}}");
    }
  }

  @Test
  void choosesFromAMessageWrittenInPieces() {
    byte[] one = REPLY.toByteArray();
    byte[] other =
        Everything.newBuilder()
            .setInner(Everything.newBuilder().setString("u"))
            .build()
            .toByteArray();

    assertThat(json(WHOLE, "inner.string,inner.int32", Required.join(List.of(one, other))))
        .isEqualTo("{\"inner\":{\"int32\":2,\"string\":\"u\"}}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "strnig             | unknown field \"strnig\"; did you mean string?",
        "inner.inners.dobule | unknown field \"inner.inners.dobule\"; did you mean inner.inners.double?",
        "qqqqqqq            | unknown field \"qqqqqqq\"",
        "inner..string      | unknown field \"inner.\"",
        "string.x           | \"string\" has no fields of its own to choose from",
        "timestamp.seconds  | \"timestamp\" has no fields of its own to choose from",
        "any.value          | \"any\" has no fields of its own to choose from",
        "texts.k            | \"texts\" has no fields of its own to choose from",
        "*.string           | unknown field \"*\"",
      })
  void refusesAPathThatLeadsNowhereAndNamesTheNearest(String fields, String why) {
    BadInput refused = catchThrowableOfType(BadInput.class, () -> WHOLE.select(fields));

    assertThat(refused.faults()).containsExactly(new BadInput.Fault("/$fields", why));
  }

  @Test
  void refusesPathsWithoutEnd() {
    assertThat(catchThrowableOfType(BadInput.class, () -> WHOLE.select("inner.".repeat(900) + "x")))
        .hasMessageContaining("more than 100 names");
    assertThat(WHOLE.select("inner.".repeat(99) + "string")).isPresent();
  }

  @Test
  void refusesToChooseFromWhatHasNoFields() {
    ReplyPlan text = ReplyPlan.of(SCHEMA, Everything.getDescriptor(), "string");
    ReplyPlan texts = ReplyPlan.of(SCHEMA, Everything.getDescriptor(), "texts");

    for (ReplyPlan plan : List.of(text, texts)) {
      assertThat(catchThrowableOfType(BadInput.class, () -> plan.select("x")))
          .hasMessageContaining("no fields to choose from");
    }
    assertThat(text.select("")).isEmpty();
  }

  @Test
  void printsTheSameWithEveryFieldNamedAsWithout() {
    String names = String.join(",", SCHEMA.plan(Everything.getDescriptor()).jsonNames());

    assertThat(json(WHOLE, names, REPLY.toByteArray()))
        .isEqualTo(new String(WHOLE.json(REPLY.toByteArray()), UTF_8));
  }

  private static String json(ReplyPlan plan, String fields, byte[] reply) {
    return new String(plan.json(reply, plan.select(fields).orElseThrow()), UTF_8);
  }
}
