package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import build.buf.protovalidate.Validator;
import build.buf.protovalidate.ValidatorFactory;
import build.buf.protovalidate.exceptions.ValidationException;
import build.buf.validate.FieldPath;
import build.buf.validate.FieldPathElement;
import build.buf.validate.Violation;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.Timestamp;
import dev.weft.mesh.test.AroundUnknownRule;
import dev.weft.mesh.test.Inner;
import dev.weft.mesh.test.Promised;
import dev.weft.mesh.test.Rules;
import dev.weft.mesh.test.Unchecked;
import dev.weft.mesh.test.WithCel;
import dev.weft.mesh.test.WithMessageRule;
import dev.weft.mesh.test.WithOpenPattern;
import dev.weft.mesh.test.WithUnknownRule;
import java.time.InstantSource;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ValidationTest {
  private static final List<String> STRINGS =
      List.of(
          "",
          "a",
          "b",
          "bb",
          "ab",
          "abc",
          "abcd",
          "abcde",
          "axbc",
          "äö",
          "äöü",
          "日本",
          "😀😀😀",
          "abc\n",
          "a\nb",
          "ABC",
          "a@b.example",
          "a@b.example\n",
          "a b@c",
          "@",
          "a@-b.c",
          "01890a5d-ac96-774b-bcce-b302099a8057",
          "01890A5D-AC96-774B-BCCE-B302099A8057",
          "01890a5dac96774bbcceb302099a8057",
          "x");
  private static final List<Long> NUMBERS =
      List.of(
          -1L,
          0L,
          1L,
          2L,
          3L,
          4L,
          5L,
          6L,
          -10L,
          -16L,
          -20L,
          (long) Integer.MIN_VALUE,
          Long.MAX_VALUE);
  private static final List<Double> REALS =
      List.of(
          0.0,
          -0.0,
          0.5,
          0.6,
          2.5,
          2.6,
          -1.0,
          Double.NaN,
          Double.POSITIVE_INFINITY,
          Double.MAX_VALUE);

  private static Validation validation(Descriptor... types) {
    return Validation.of(List.of(types), InstantSource.system());
  }

  private static List<String> fields(Message message) {
    return validation(message.getDescriptorForType()).check(message).stream()
        .map(Rejection.FieldViolation::field)
        .toList();
  }

  @Test
  void agreesWithTheReferenceOnWhatIsWrong() throws ValidationException {
    Validator reference = ValidatorFactory.newBuilder().build();
    Validation ours = validation(Rules.getDescriptor());
    Random random = new Random(7);
    int compared = 0;
    for (int i = 0; i < 3_000; i++) {
      Message message = random(Rules.newBuilder(), random, 0);
      var expected = new TreeSet<String>();
      for (var violation : reference.validate(message).getViolations()) {
        expected.add(path(violation.toProto()) + " " + id(violation.toProto()));
      }
      var found = new TreeSet<String>();
      List<Rejection.FieldViolation> violations = ours.check(message);
      violations.forEach(v -> found.add(v.field() + " " + v.reason()));
      if (violations.size() < 50) {
        assertThat(found).as("message %s", message).isEqualTo(expected);
        compared++;
      }
    }
    assertThat(compared).isGreaterThan(500);
  }

  private static String id(Violation violation) {
    return violation.getRuleId().toUpperCase(Locale.ROOT).replace('.', '_');
  }

  private static String path(Violation violation) {
    FieldPath path = violation.getField();
    StringBuilder text = new StringBuilder();
    for (FieldPathElement element : path.getElementsList()) {
      text.append(text.isEmpty() ? "" : ".").append(element.getFieldName());
      switch (element.getSubscriptCase()) {
        case INDEX -> text.append("[").append(element.getIndex()).append("]");
        case INT_KEY -> text.append("[").append(element.getIntKey()).append("]");
        case STRING_KEY -> text.append("[\"").append(element.getStringKey()).append("\"]");
        case BOOL_KEY, UINT_KEY, SUBSCRIPT_NOT_SET -> {}
      }
    }
    return text.toString();
  }

  private static Message random(Message.Builder builder, Random random, int depth) {
    for (FieldDescriptor field : builder.getDescriptorForType().getFields()) {
      if (field.isMapField()) {
        for (int i = random.nextInt(4); i > 0 && depth < 2; i--) {
          builder.addRepeatedField(
              field, random(builder.newBuilderForField(field), random, depth + 1));
        }
      } else if (field.isRepeated()) {
        for (int i = random.nextInt(5); i > 0; i--) {
          builder.addRepeatedField(field, value(builder, field, random, depth));
        }
      } else if (random.nextInt(4) > 0
          && (depth < 1 || field.getJavaType() != FieldDescriptor.JavaType.MESSAGE)) {
        builder.setField(field, value(builder, field, random, depth));
      }
    }
    return builder.build();
  }

  private static Object value(
      Message.Builder builder, FieldDescriptor field, Random random, int depth) {
    return switch (field.getJavaType()) {
      case STRING -> one(STRINGS, random);
      case INT -> one(NUMBERS, random).intValue();
      case LONG -> one(NUMBERS, random);
      case DOUBLE -> one(REALS, random);
      case FLOAT -> one(REALS, random).floatValue();
      case BOOLEAN -> random.nextBoolean();
      case BYTE_STRING -> ByteString.copyFromUtf8(one(STRINGS, random));
      case ENUM -> field.getEnumType().findValueByNumberCreatingIfUnknown(random.nextInt(4));
      case MESSAGE ->
          switch (field.getMessageType().getFullName()) {
            case "google.protobuf.Duration" ->
                Duration.newBuilder().setSeconds(random.nextInt(-1, 62)).setNanos(0).build();
            case "google.protobuf.Timestamp" ->
                Timestamp.newBuilder()
                    .setSeconds(
                        random.nextInt(3) * System.currentTimeMillis() / 1_000
                            + random.nextInt(99, 102))
                    .build();
            default -> random(builder.newBuilderForField(field), random, depth + 1);
          };
    };
  }

  private static <T> T one(List<T> values, Random random) {
    return values.get(random.nextInt(values.size()));
  }

  @Test
  void namesEachWrongFieldByItsPath() {
    Rules message =
        Rules.newBuilder()
            .addMany(Inner.newBuilder().setId("1"))
            .addMany(Inner.getDefaultInstance())
            .putInners(7, Inner.getDefaultInstance())
            .putSizes("ab", 0)
            .build();

    assertThat(fields(message)).contains("many[1].id", "inners[7].id", "sizes[\"ab\"]", "choice");
  }

  @Test
  void saysOfWhatIsRequiredAndMissingThatItIsRequired() {
    List<Rejection.FieldViolation> violations =
        validation(Promised.getDescriptor()).check(Promised.getDefaultInstance());

    assertThat(violations)
        .extracting(v -> v.field() + " " + v.description())
        .containsExactly(
            "name is required", "tags is required", "count must be greater than or equal to 1");
    assertThat(
            validation(Promised.getDescriptor())
                .check(Promised.newBuilder().setName("A").addTags("").setCount(1).build()))
        .extracting(Rejection.FieldViolation::reason)
        .containsExactly("STRING_PATTERN");
  }

  @Test
  void refusesU0000InAnyString() {
    Unchecked message =
        Unchecked.newBuilder()
            .setText("a\0b")
            .addTexts("a")
            .addTexts("\0")
            .putPairs("k", "\0")
            .build();

    assertThat(fields(message)).containsExactly("text", "texts[1]", "pairs[\"k\"]");
  }

  @ParameterizedTest
  @ValueSource(longs = {Long.MAX_VALUE, Long.MIN_VALUE})
  void comparesTimesThatNoJavaTypeHolds(long seconds) {
    Rules message =
        Rules.newBuilder()
            .setSpan(Duration.newBuilder().setSeconds(seconds).setNanos(Integer.MAX_VALUE))
            .setPast(Timestamp.newBuilder().setSeconds(seconds).setNanos(Integer.MIN_VALUE))
            .build();

    assertThat(fields(message)).contains("span");
  }

  @Test
  void refusesToBeginWithARuleItDoesNotImplement() {
    for (Descriptor type :
        List.of(
            WithCel.getDescriptor(),
            WithUnknownRule.getDescriptor(),
            WithMessageRule.getDescriptor(),
            WithOpenPattern.getDescriptor(),
            AroundUnknownRule.getDescriptor())) {
      assertThatThrownBy(() -> validation(type))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("not implemented");
    }
  }

  @Test
  void stopsCollectingAtSomePoint() {
    Rules.Builder message = Rules.newBuilder();
    for (int i = 0; i < 1_000; i++) {
      message.addNames("");
    }

    assertThat(fields(message.build())).hasSize(50);
  }
}
