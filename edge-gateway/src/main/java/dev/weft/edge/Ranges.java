package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Parts of a body that is bytes (RFC 9110, 14): one range a request. Several, and what is no range,
 * are ignored, as the RFC allows: the answer is whole then.
 */
final class Ranges {
  private static final Pattern RANGE = Pattern.compile("(?i:bytes)=([0-9]{0,18})-([0-9]{0,18})");

  private Ranges() {}

  /**
   * The part that is asked for, or the answer as it is.
   *
   * @param whole a success, with its tag if it has one
   * @throws Refused with 416 if it has no such part
   */
  static Answer of(Answer whole, Exchange exchange) {
    Answer answer = whole.with("Accept-Ranges", "bytes");
    HttpHeaders request = exchange.request().headers();
    List<String> asked = request.getAll("range");
    if (asked.size() != 1 || exchange.isHead() || !isOf(whole, request.getAll("if-range"))) {
      return answer;
    }
    Matcher range = RANGE.matcher(asked.getFirst().strip());
    if (!range.matches() || range.group().endsWith("=-")) {
      return answer;
    }
    long length = whole.body().length;
    boolean suffix = range.group(1).isEmpty();
    long last = suffix || range.group(2).isEmpty() ? length - 1 : Long.parseLong(range.group(2));
    long first =
        suffix
            ? Math.max(0, length - Long.parseLong(range.group(2)))
            : Long.parseLong(range.group(1));
    if (!suffix && last < first && !range.group(2).isEmpty()) {
      return answer;
    }
    if (first >= length) {
      exchange.alsoAnswer("Content-Range", "bytes */" + length);
      throw new Refused(Problems.noSuchRange(length));
    }
    last = Math.min(last, length - 1);
    return Answer.of(
            206,
            whole.contentType(),
            Arrays.copyOfRange(whole.body(), (int) first, (int) last + 1),
            answer.headers())
        .with(Map.of("Content-Range", "bytes " + first + "-" + last + "/" + length));
  }

  /** Whether the part is wanted of just this answer, or of any. */
  private static boolean isOf(Answer whole, List<String> condition) {
    String tag = whole.headers().getOrDefault("ETag", "");
    return condition.isEmpty() || (tag.startsWith("\"") && condition.equals(List.of(tag)));
  }
}
