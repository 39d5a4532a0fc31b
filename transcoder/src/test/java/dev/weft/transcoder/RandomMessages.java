package dev.weft.transcoder;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.Duration;
import com.google.protobuf.FieldMask;
import com.google.protobuf.ListValue;
import com.google.protobuf.Message;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import com.google.protobuf.Value;
import dev.weft.transcoder.test.Everything;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Messages of any type with random contents that JSON can say, the same for the same seed. */
final class RandomMessages {
  private static final String[] TEXTS = {
    "",
    "plain",
    "with \"quotes\" and \\",
    "\n\t\r\b\f\u0001\u001f\u007f",
    "Ünïcödé",
    "漢字",
    "😀𐍈",
    "</a>&'=",
    "a rather long text without anything special in it, longer than a length of one byte can say, so that the"
        + " length needs two bytes of its own and what was written is moved",
    "\u2028\u2029\ufeff\uffff",
    "0",
    "é".repeat(70),
  };
  private static final long[] LONGS = {
    0,
    1,
    -1,
    127,
    128,
    300,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 32,
    (1L << 53) + 1,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    999_999_999_999_999_999L,
  };
  private static final double[] DOUBLES = {
    0,
    1,
    0.1,
    -1.5,
    1e100,
    4.9e-324,
    Double.MAX_VALUE,
    Double.NaN,
    Double.POSITIVE_INFINITY,
    Double.NEGATIVE_INFINITY,
    123456789.125,
  };
  private static final float[] FLOATS = {
    0, 1, 0.1f, -1.5f, Float.MIN_VALUE, Float.MAX_VALUE, Float.NaN, Float.NEGATIVE_INFINITY,
  };
  private static final int DEPTH_MAX = 2;

  private final Random random;

  RandomMessages(long seed) {
    random = new Random(seed);
  }

  Message next(Message type) {
    return message(type, 0);
  }

  private Message message(Message type, int depth) {
    Message wellKnown = wellKnown(type, depth);
    if (wellKnown != null) {
      return wellKnown;
    }
    Message.Builder builder = type.newBuilderForType();
    // Small messages mostly: many of them find more than a few huge ones.
    int density = depth == 0 ? 1 + random.nextInt(8) : 4 + random.nextInt(8);
    for (FieldDescriptor field : type.getDescriptorForType().getFields()) {
      if (random.nextInt(density) != 0 && !field.isRequired()) {
        continue;
      }
      if (field.getJavaType() == JavaType.MESSAGE && depth >= DEPTH_MAX && !field.isRequired()) {
        continue;
      }
      if (field.isMapField()) {
        entries(field, builder, depth);
      } else if (field.isRepeated()) {
        int count = random.nextInt(4);
        for (int i = 0; i < count; i++) {
          builder.addRepeatedField(field, value(field, builder, depth));
        }
      } else {
        builder.setField(field, value(field, builder, depth));
      }
    }
    return builder.build();
  }

  private void entries(FieldDescriptor field, Message.Builder builder, int depth) {
    int count = random.nextInt(random.nextInt(5) == 0 ? 20 : 3);
    Set<Object> keys = new HashSet<>();
    for (int i = 0; i < count; i++) {
      Message.Builder entry = builder.newBuilderForField(field);
      FieldDescriptor keyField = entry.getDescriptorForType().findFieldByNumber(1);
      FieldDescriptor valueField = entry.getDescriptorForType().findFieldByNumber(2);
      Object key = value(keyField, entry, depth);
      if (keys.add(key)) {
        entry.setField(keyField, key).setField(valueField, value(valueField, entry, depth));
        builder.addRepeatedField(field, entry.build());
      }
    }
  }

  private Object value(FieldDescriptor field, Message.Builder parent, int depth) {
    return switch (field.getJavaType()) {
      case INT -> (int) number();
      case LONG -> number();
      case FLOAT ->
          random.nextBoolean() ? FLOATS[random.nextInt(FLOATS.length)] : random.nextFloat();
      case DOUBLE ->
          random.nextBoolean() ? DOUBLES[random.nextInt(DOUBLES.length)] : random.nextGaussian();
      case BOOLEAN -> random.nextBoolean();
      case STRING -> text();
      case BYTE_STRING -> bytes();
      case ENUM -> enumValue(field.getEnumType());
      case MESSAGE -> message(parent.newBuilderForField(field).buildPartial(), depth + 1);
    };
  }

  private Object enumValue(EnumDescriptor type) {
    if (type.getFullName().equals("google.protobuf.NullValue")) {
      return type.getValues().getFirst();
    }
    if (!type.isClosed() && random.nextInt(5) == 0) {
      return type.findValueByNumberCreatingIfUnknown(random.nextInt(100));
    }
    return type.getValues().get(random.nextInt(type.getValues().size()));
  }

  private long number() {
    return switch (random.nextInt(3)) {
      case 0 -> LONGS[random.nextInt(LONGS.length)];
      case 1 -> random.nextInt(1_000);
      default -> random.nextLong();
    };
  }

  private String text() {
    return TEXTS[random.nextInt(TEXTS.length)];
  }

  private ByteString bytes() {
    byte[] bytes = new byte[random.nextInt(random.nextInt(4) == 0 ? 400 : 8)];
    random.nextBytes(bytes);
    return ByteString.copyFrom(bytes);
  }

  /** What only some contents of are right. */
  private @Nullable Message wellKnown(Message type, int depth) {
    return switch (type.getDescriptorForType().getFullName()) {
      case "google.protobuf.Timestamp" ->
          Timestamp.newBuilder()
              .setSeconds(random.nextLong(-62_135_596_800L, 253_402_300_800L))
              .setNanos(nanos())
              .build();
      case "google.protobuf.Duration" -> {
        long seconds = random.nextLong(-315_576_000_000L, 315_576_000_000L);
        yield Duration.newBuilder()
            .setSeconds(random.nextInt(4) == 0 ? 0 : seconds)
            .setNanos(seconds < 0 ? -nanos() : nanos())
            .build();
      }
      case "google.protobuf.FieldMask" ->
          FieldMask.newBuilder().addPaths("a").addPaths("b_c.d_e").addPaths("f1").build();
      case "google.protobuf.Any" ->
          switch (random.nextInt(4)) {
            case 0 -> Any.getDefaultInstance();
            case 1 -> Any.pack(Timestamp.newBuilder().setSeconds(random.nextInt()).build());
            case 2 -> Any.pack(struct(depth));
            default -> Any.pack(message(Everything.getDefaultInstance(), depth + 1));
          };
      case "google.protobuf.Struct" -> struct(depth);
      case "google.protobuf.ListValue" -> list(depth);
      case "google.protobuf.Value" -> any(depth);
      default -> null;
    };
  }

  private int nanos() {
    return switch (random.nextInt(4)) {
      case 0 -> 0;
      case 1 -> random.nextInt(1_000) * 1_000_000;
      case 2 -> random.nextInt(1_000_000) * 1_000;
      default -> random.nextInt(1_000_000_000);
    };
  }

  private Struct struct(int depth) {
    Struct.Builder struct = Struct.newBuilder();
    int count = random.nextInt(4);
    for (int i = 0; i < count; i++) {
      struct.putFields(text(), any(depth + 1));
    }
    return struct.build();
  }

  private ListValue list(int depth) {
    ListValue.Builder list = ListValue.newBuilder();
    int count = random.nextInt(4);
    for (int i = 0; i < count; i++) {
      list.addValues(any(depth + 1));
    }
    return list.build();
  }

  private Value any(int depth) {
    Value.Builder value = Value.newBuilder();
    return switch (random.nextInt(depth > DEPTH_MAX ? 4 : 6)) {
      case 0 -> value.setNullValue(NullValue.NULL_VALUE).build();
      case 1 -> value.setNumberValue(random.nextGaussian() * 1e6).build();
      case 2 -> value.setStringValue(text()).build();
      case 3 -> value.setBoolValue(random.nextBoolean()).build();
      case 4 -> value.setStructValue(struct(depth + 1)).build();
      default -> value.setListValue(list(depth + 1)).build();
    };
  }
}
