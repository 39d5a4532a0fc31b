package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.StructProto;
import com.google.protobuf.Value;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What is JSON by RFC 8259 and what is not, as a {@link Value}, which any JSON is; in the manner of
 * JSONTestSuite by Nicolas Seriot: texts that must be read, that must not be, and those the RFC
 * leaves open with what is done with them here. Each character is a byte.
 */
class JsonTextTest {
  private static final Schema SCHEMA = Schema.of(List.of(StructProto.getDescriptor()));
  private static final MessagePlan VALUE = SCHEMA.plan(Value.getDescriptor());

  static Stream<String> json() {
    return Stream.of(
        // Arrays.
        "[]",
        " [] ",
        "[\n]",
        "[[]   ]",
        "[\"\"]",
        "[\"a\"]",
        "[false]",
        "[null, 1, \"1\", {}]",
        "[1,null,null,null,2]",
        "[2] ",
        "\t[1\r\n]",
        "[".repeat(100) + "]".repeat(100),
        // Numbers.
        "[123e65]",
        "[0e+1]",
        "[0e1]",
        "[ 4]",
        "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
        "[20e1]",
        "[-0]",
        "[-123]",
        "[-1]",
        "[1E22]",
        "[1E-2]",
        "[1E+2]",
        "[123e45]",
        "[123.456e78]",
        "[1e-2]",
        "[1e+2]",
        "[123]",
        "[123.456789]",
        "[0.0]",
        // Objects.
        "{}",
        "{\"\":0}",
        "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}",
        "{\"foo\\u0000bar\": 42}",
        "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
        "{\"a\":[]}",
        "{\"title\":\"\\u041f\\u043e\"}",
        "{\n\"a\": \"b\"\n}",
        // Texts.
        "[\"\\u0060\\u012a\\u12AB\"]",
        "[\"\\uD801\\udc37\"]",
        "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
        "[\"\\\\u0000\"]",
        "[\"\\\"\"]",
        "[\"a/*b*/c/*d//e\"]",
        "[\"\\\\a\"]",
        "[\"\\u0012\"]",
        "[\"\\uFFFF\"]",
        "[\"\\uDBFF\\uDFFE\"]",
        "[\"\u00f4\u008f\u00bf\u00bf\"]",
        "[\"\u00ef\u00bf\u00bf\"]",
        "[\"\u00f0\u009b\u00bf\u00bf\"]",
        "[\"\\u0000\"]",
        "[\"\\u002c\"]",
        "[\"\u00e2\u0080\u00a8\u00e2\u0080\u00a9\"]",
        "[\"\u00cf\u0080\"]",
        "[\"\u007f\"]",
        "[\"asd \"]",
        "\" \"",
        // Alone.
        "false",
        "true",
        "null",
        "42",
        "-0.1",
        "\"asd\"",
        "\"\"");
  }

  static Stream<String> noJson() {
    return Stream.of(
        // Nothing, or more than one.
        "",
        " ",
        "[1]x",
        "[][]",
        "[]]",
        "{}}",
        "{} #",
        "{}/**/",
        "{}//",
        "1 2",
        "[\"a\",\n4\n,1,",
        "\u00ef\u00bb\u00bf[]",
        "\u00ef\u00bb\u00bf",
        "\u00e2",
        "\u00a0[]",
        "\u000c[]",
        "[\u000b1]",
        "\u0000",
        "[\u0000]",
        "[]\u0000",
        // Arrays.
        "[1 true]",
        "[\"\": 1]",
        "[\"\"],",
        "[,1]",
        "[1,,2]",
        "[\"x\",,]",
        "[\"x\"]]",
        "[\"\",]",
        "[\"x\"",
        "[x",
        "[3[4]]",
        "[1:2]",
        "[,]",
        "[-]",
        "[   , \"\"]",
        "[1,]",
        "[1,,]",
        "[*]",
        "[\"\"",
        "[1,",
        "[1,\n1\n,1",
        "[{}",
        "[",
        "]",
        "[".repeat(101) + "]".repeat(101),
        "[".repeat(100_000),
        "[{\"\":".repeat(50_000),
        // Words.
        "[fals]",
        "[nul]",
        "[tru]",
        "[True]",
        "[NULL]",
        "nan",
        "[NaN]",
        "[-NaN]",
        "[Infinity]",
        "[-Infinity]",
        "[+Infinity]",
        "[Inf]",
        "[undefined]",
        "[a]",
        "[nullx]",
        "[truefalse]",
        // Numbers.
        "[++1234]",
        "[+1]",
        "[-01]",
        "[-1.0.]",
        "[-2.]",
        "[.-1]",
        "[.2e-3]",
        "[0.1.2]",
        "[0.3e+]",
        "[0.3e]",
        "[0.e1]",
        "[0E+]",
        "[0E]",
        "[0e+]",
        "[1.0e-]",
        "[1 000.0]",
        "[1eE2]",
        "[2.e+3]",
        "[9.e+]",
        "[1+2]",
        "[0x1]",
        "[0x42]",
        "[0b1]",
        "[1_000]",
        "[012]",
        "[-012]",
        "[- 1]",
        "[-foo]",
        "[1ea]",
        "[1.8011670033376514H-308]",
        "[1,5e]",
        "[1f]",
        "[1L]",
        // Objects.
        "[\"x\", truth]",
        "{[: \"x\"}",
        "{\"x\", null}",
        "{\"x\"::\"b\"}",
        "{key: \"value\"}",
        "{\"a\":\"a\" 123}",
        "{:\"b\"}",
        "{\"a\" b}",
        "{\"a\":",
        "{\"a\"",
        "{1:1}",
        "{9999E9999:1}",
        "{null:null,null:null}",
        "{\"id\":0,,,,,}",
        "{'a':0}",
        "{\"id\":0,}",
        "{\"a\":\"b\"}/**/",
        "{\"a\":/*c*/\"b\"}",
        "{\"a\":\"b\"}#",
        "{\"a\":\"b\",,\"c\":\"d\"}",
        "{a: \"b\"}",
        "{\"a\":\"a",
        "{ \"foo\" : \"bar\", \"a\" }",
        "{\"a\":true} \"x\"",
        "{\"a\"=1}",
        "{\"a\":1;\"b\":2}",
        "{",
        "}",
        "{]",
        "[}",
        "{\"a\":1 \"b\":2}",
        "{,\"a\":1}",
        // Texts.
        "[\"\\uD800\\\"]",
        "[\"\\uD800\\u\"]",
        "[\"\\uD800\\u1\"]",
        "[\"\\uD800\\u1x\"]",
        "[\u00e9]",
        "[\"\\\u0000\"]",
        "[\"\\x00\"]",
        "[\"\\\\\\\"]",
        "[\"\\\t\"]",
        "[\"\\\"]",
        "[\"\\u00A\"]",
        "[\"\\uD834\\uDd\"]",
        "[\"\\a\"]",
        "[\"\\uqqqq\"]",
        "[\"\\'\"]",
        "[\\u0020\"asd\"]",
        "[\\n]",
        "\"",
        "['single quote']",
        "abc",
        "[\"\\",
        "[\"a\u0000a\"]",
        "[\"new\nline\"]",
        "[\"\t\"]",
        "[\"\u001f\"]",
        "\"\\UA66D\"",
        "\"\"x",
        "`a`",
        "<.>",
        "[<null>]",
        "\\u000A\"\"",
        // Bytes.
        "[\"\u00ff\"]",
        "[\"\u00c0\u00af\"]",
        "[\"\u00e0\u0080\u00af\"]",
        "[\"\u00fc\u0083\u00bf\u00bf\u00bf\u00bf\"]",
        "[\"\u00ed\u00a0\u0080\"]",
        "[\"\u00f4\u0090\u0080\u0080\"]",
        "[\"\u0081\"]",
        "[\"\u00e0\u00ff\"]",
        "[\"\u00e2\u0082",
        "\u00ff\u00fe[\u0000\"\u0000\u00e9\u0000\"\u0000]\u0000",
        "\u0000[\u0000\"\u0000\u00e9\u0000\"\u0000]",
        // Which the RFC leaves open: numbers that a double does not hold, halves of a character,
        // one name twice.
        "[123123e100000]",
        "[-1e9999]",
        "[1.5e+9999]",
        "[\"\\uDADA\"]",
        "[\"\\uD888\\u1234\"]",
        "[\"\\uD800\\n\"]",
        "[\"\\uDd1ea\"]",
        "[\"\\ud800abc\"]",
        "[\"\\uDd1e\\uD834\"]",
        "{\"\\uDFAA\":0}",
        "{\"a\":\"b\",\"a\":\"c\"}",
        "{\"a\":\"b\",\"\\u0061\":\"b\"}");
  }

  @ParameterizedTest(name = "{index}")
  @MethodSource("json")
  void readsWhatIsJson(String bytes) throws Exception {
    CodedInputStream wire = CodedInputStream.newInstance(wire(bytes));
    // An array is two messages, and the format's own readers go no deeper than 100.
    wire.setRecursionLimit(2 * JsonInput.DEPTH_MAX + 1);

    assertThat(Value.parseFrom(wire).getKindCase()).as(bytes).isNotNull();
  }

  @ParameterizedTest(name = "{index}")
  @MethodSource("noJson")
  void readsNothingElse(String bytes) {
    BadInput bad = catchThrowableOfType(BadInput.class, () -> wire(bytes));

    assertThat(bad).as(bytes).isNotNull();
    assertThat(bad.faults().toString()).doesNotContain("com.", "Exception", "Jackson");
  }

  private static byte[] wire(String bytes) {
    return JsonToWire.wire(SCHEMA, VALUE, bytes.getBytes(ISO_8859_1), false);
  }
}
