package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A form with one file (RFC 7578), read as it comes: what is before the file are fields, and the
 * file is handed on in parts and never kept. What is not such a form beyond doubt is refused.
 */
final class Multipart {
  private static final int HEAD_BYTES_MAX = 4 * 1024;
  private static final int FIELD_BYTES_MAX = 8 * 1024;
  private static final int FIELDS_MAX = 32;
  private static final byte[] LINE = {'\r', '\n'};
  private static final byte[] BLANK = {'\r', '\n', '\r', '\n'};

  private static final Pattern BOUNDARY =
      Pattern.compile("(?i)multipart/form-data\\s*;\\s*boundary=(?:\"([^\"]*)\"|([^;\"\\s]*))\\s*");
  private static final Pattern BOUNDARY_TEXT =
      Pattern.compile("[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]");

  /** Java matches what is repeated by calling itself: so it may be repeated a few times only. */
  private static final Pattern DISPOSITION =
      Pattern.compile("(?i)form-data((?:\\s*;\\s*[a-z*]+=(?:\"[^\"]*\"|[^\\s;\"]+)){1,8})");

  private static final Pattern PARAMETER =
      Pattern.compile("([A-Za-z*]+)=(?:\"([^\"]*)\"|([^\\s;\"]+))");

  private final byte[] delimiter;
  private final Reader reader;
  private byte[] pending = {};
  private State state = State.BEGIN;
  private int fields;
  private @Nullable String field;
  private boolean hadFile;

  /** What is made of a form. */
  interface Reader {
    /** A field, before the file. */
    void field(String name, String value);

    /**
     * The file begins.
     *
     * @param contentType empty when the form says none
     */
    void file(String contentType);

    /** A part of the file, not empty. */
    void data(byte[] part);
  }

  private enum State {
    /** Before the first delimiter. */
    BEGIN,
    /** Behind a delimiter: the form ends, or a part begins. */
    BETWEEN,
    HEAD,
    BODY,
    /** Whatever may follow the end says nothing. */
    END
  }

  private Multipart(String boundary, Reader reader) {
    this.delimiter = ("\r\n--" + boundary).getBytes(US_ASCII);
    this.reader = reader;
  }

  static boolean is(String contentType) {
    return contentType.regionMatches(true, 0, "multipart/form-data", 0, 19);
  }

  /** Throws {@link Refused} with 400 if the header does not say what stands between the parts. */
  static Multipart of(String contentType, Reader reader) {
    Matcher matcher = BOUNDARY.matcher(contentType);
    String boundary =
        !matcher.matches() ? "" : matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
    if (!BOUNDARY_TEXT.matcher(boundary).matches()) {
      throw malformed("multipart/form-data needs a boundary, and nothing else");
    }
    return new Multipart(boundary, reader);
  }

  /** Reads more of it. Throws {@link Refused} with 400 as soon as it is wrong. */
  void read(byte[] more) {
    if (state == State.END) {
      return;
    }
    byte[] all = Arrays.copyOf(pending, pending.length + more.length);
    System.arraycopy(more, 0, all, pending.length, more.length);
    int at = 0;
    for (int next = step(all, at); next >= 0; next = step(all, at)) {
      at = next;
    }
    pending = state == State.END ? new byte[0] : Arrays.copyOfRange(all, at, all.length);
  }

  /** It must be complete by now. */
  void end() {
    if (state != State.END) {
      throw malformed("the form ends too early");
    }
    if (!hadFile) {
      throw malformed("the form has no file");
    }
  }

  /** Goes on as far as one thing reaches. Returns where, or -1 when more is needed for that. */
  private int step(byte[] all, int at) {
    return switch (state) {
      case BEGIN -> begin(all, at);
      case BETWEEN -> between(all, at);
      case HEAD -> head(all, at);
      case BODY -> body(all, at);
      case END -> -1;
    };
  }

  private int begin(byte[] all, int at) {
    int length = delimiter.length - LINE.length;
    if (all.length - at < length) {
      return -1;
    }
    if (!Arrays.equals(all, at, at + length, delimiter, LINE.length, delimiter.length)) {
      throw malformed("the form does not begin with its boundary");
    }
    state = State.BETWEEN;
    return at + length;
  }

  private int between(byte[] all, int at) {
    if (all.length - at < 2) {
      return -1;
    }
    if (all[at] == '-' && all[at + 1] == '-') {
      state = State.END;
    } else if (all[at] == LINE[0] && all[at + 1] == LINE[1]) {
      state = State.HEAD;
      // The head of a part ends with a blank line, also when it has no other.
      return at;
    } else {
      throw malformed("a boundary is followed by something else");
    }
    return at + 2;
  }

  private int head(byte[] all, int at) {
    int end = find(BLANK, all, at);
    if (end < 0 ? all.length - at > HEAD_BYTES_MAX : end - at > HEAD_BYTES_MAX) {
      throw malformed("the head of a part is too long");
    }
    if (end < 0) {
      return -1;
    }
    partBegins(new String(all, at, end - at, ISO_8859_1).strip());
    state = State.BODY;
    return end + BLANK.length;
  }

  private void partBegins(String head) {
    if (hadFile) {
      throw malformed("the file must be the last part of the form");
    }
    Map<String, String> headers = new HashMap<>();
    for (String line : head.split("\r\n", -1)) {
      int colon = line.indexOf(':');
      if (colon <= 0
          || headers.put(
                  line.substring(0, colon).toLowerCase(Locale.ROOT),
                  line.substring(colon + 1).strip())
              != null) {
        throw malformed("the head of a part is wrong");
      }
    }
    String encoding = headers.getOrDefault("content-transfer-encoding", "binary");
    if (!List.of("7bit", "8bit", "binary").contains(encoding.toLowerCase(Locale.ROOT))) {
      throw malformed("a part may not be encoded");
    }
    Matcher disposition = DISPOSITION.matcher(headers.getOrDefault("content-disposition", ""));
    if (!disposition.matches()) {
      throw malformed("a part does not say how it belongs to the form");
    }
    String parameters = disposition.group(1);
    String name = parameter(parameters, "name").orElseThrow(() -> malformed("a part has no name"));
    if (parameter(parameters, "filename")
        .or(() -> parameter(parameters, "filename*"))
        .isPresent()) {
      hadFile = true;
      field = null;
      String type = headers.getOrDefault("content-type", "");
      reader.file(MediaTypes.isOne(type) ? type : "");
    } else if (++fields > FIELDS_MAX) {
      throw malformed("the form has too many fields");
    } else {
      field = name;
    }
  }

  private static Optional<String> parameter(String parameters, String name) {
    return PARAMETER
        .matcher(parameters)
        .results()
        .filter(match -> match.group(1).equalsIgnoreCase(name))
        .findFirst()
        .map(match -> match.group(2) == null ? match.group(3) : match.group(2))
        .map(latin1 -> new String(latin1.getBytes(ISO_8859_1), UTF_8));
  }

  private int body(byte[] all, int at) {
    int end = find(delimiter, all, at);
    if (field != null) {
      if (end < 0 ? all.length - at > FIELD_BYTES_MAX : end - at > FIELD_BYTES_MAX) {
        throw malformed("a field is too long");
      }
      if (end < 0) {
        return -1;
      }
      reader.field(field, new String(all, at, end - at, UTF_8));
    } else {
      // What may be the begin of a delimiter waits for the rest.
      int known = end < 0 ? Math.max(at, all.length - delimiter.length + 1) : end;
      if (known > at) {
        reader.data(Arrays.copyOfRange(all, at, known));
      }
      if (end < 0) {
        return known > at ? known : -1;
      }
    }
    state = State.BETWEEN;
    return end + delimiter.length;
  }

  private static int find(byte[] wanted, byte[] in, int from) {
    for (int i = from; i <= in.length - wanted.length; i++) {
      if (in[i] == wanted[0] && Arrays.equals(in, i, i + wanted.length, wanted, 0, wanted.length)) {
        return i;
      }
    }
    return -1;
  }

  private static Refused malformed(String why) {
    return Refused.badRequest("MALFORMED_FORM", why);
  }
}
