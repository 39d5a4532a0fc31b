package dev.weft.operator;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.TextFormat;
import com.google.protobuf.Timestamp;
import com.google.protobuf.UnknownFieldSet;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;

/** What others wrote, fit for a terminal. */
final class Text {
  private Text() {}

  /** Without what would move the cursor or end the line. */
  static String clean(String text) {
    return text.replaceAll("[\\p{Cntrl}\\x{80}-\\x{9f}]+", " ").strip();
  }

  static String shortened(String text, int atMost) {
    String clean = clean(text);
    return clean.length() <= atMost ? clean : clean.substring(0, atMost - 1) + "…";
  }

  static String or(String text, String otherwise) {
    return text.isEmpty() ? otherwise : clean(text);
  }

  /** To the millisecond. */
  static String time(Timestamp time) {
    return Instant.ofEpochSecond(time.getSeconds(), time.getNanos())
        .truncatedTo(ChronoUnit.MILLIS)
        .toString();
  }

  /** The trace id of a W3C trace context; empty if there is none. */
  static String trace(String traceParent) {
    String[] parts = traceParent.split("-", -1);
    return parts.length >= 4 ? clean(parts[1]) : "";
  }

  /** Protobuf by the numbers of its fields, as {@code protoc --decode_raw}; else base64. */
  static String payload(ByteString data) {
    try {
      return clean(
          TextFormat.printer()
              .emittingSingleLine(true)
              .escapingNonAscii(false)
              .printToString(UnknownFieldSet.parseFrom(data)));
    } catch (InvalidProtocolBufferException e) {
      return "base64 " + base64(data);
    }
  }

  static String base64(ByteString data) {
    return Base64.getEncoder().encodeToString(data.toByteArray());
  }

  /**
   * Columns as wide as they have to be, the last one as long as it is.
   *
   * @param rows the first one the headings
   */
  static List<String> table(List<List<String>> rows) {
    List<Integer> widths = new ArrayList<>();
    for (List<String> row : rows) {
      for (int i = 0; i < row.size(); i++) {
        int width = row.get(i).length();
        if (i == widths.size()) {
          widths.add(width);
        } else {
          widths.set(i, Math.max(widths.get(i), width));
        }
      }
    }
    return rows.stream().map(row -> line(row, widths)).toList();
  }

  private static String line(List<String> row, List<Integer> widths) {
    List<String> cells = new ArrayList<>();
    for (int i = 0; i < row.size(); i++) {
      cells.add(row.get(i) + " ".repeat(widths.get(i) - row.get(i).length()));
    }
    return cells.stream().collect(Collectors.joining("  ")).stripTrailing();
  }
}
