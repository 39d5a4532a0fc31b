package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.function.Consumer;

/**
 * A body of many JSON documents as messages: one a line, or the elements of one array. Each is read
 * as the body of a request of one message would be, with path and query, as soon as it is whole; no
 * more than one is kept.
 */
final class JsonElements implements Upload.Reader {
  private final Asked asked;
  private final Form form;
  private final Consumer<byte[]> messages;
  private final ByteArrayOutputStream kept = new ByteArrayOutputStream();
  private State state;
  private long index;
  private boolean inText;
  private boolean escaped;
  private int depth;

  /** What stands between the documents. */
  enum Form {
    LINES,
    ARRAY;

    /** Throws {@link Refused} with 415 if a body says that it is neither. */
    static Form of(HttpHeaders headers) {
      List<String> said = headers.getAll("content-type");
      if (MediaTypes.isText(said, "application/x-ndjson")) {
        return LINES;
      }
      if (MediaTypes.isText(said, "application/json")) {
        return ARRAY;
      }
      throw new Refused(Problems.streamMediaType());
    }
  }

  private enum State {
    /** Before the array. */
    BEGIN,
    /** Within the array, or within lines. */
    ELEMENTS,
    /** Behind the array. */
    END
  }

  /**
   * @param messages gets the bytes of each
   */
  JsonElements(Asked asked, Form form, Consumer<byte[]> messages) {
    this.asked = asked;
    this.form = form;
    this.messages = messages;
    this.state = form == Form.LINES ? State.ELEMENTS : State.BEGIN;
  }

  @Override
  public void read(byte[] part) {
    int start = 0;
    for (int i = 0; i < part.length; i++) {
      if (state != State.ELEMENTS) {
        around(part[i]);
        start = i + 1;
      } else if (ends(part[i])) {
        keep(part, start, i);
        start = i + 1;
        element(part[i]);
      }
    }
    keep(part, start, part.length);
  }

  private void around(byte b) {
    if (state == State.BEGIN && b == '[') {
      state = State.ELEMENTS;
    } else if (!isSpace(b)) {
      throw malformed("the body is not one array of JSON");
    }
  }

  /** Whether this stands behind an element. What is within one is not judged here. */
  private boolean ends(byte b) {
    if (form == Form.LINES) {
      return b == '\n';
    }
    if (inText) {
      inText = escaped || b != '"';
      escaped = !escaped && b == '\\';
      return false;
    }
    switch (b) {
      case '"' -> inText = true;
      case '{', '[' -> depth++;
      case '}', ']' -> {
        if (depth == 0) {
          return b == ']';
        }
        depth--;
      }
      case ',' -> {
        return depth == 0;
      }
      default -> {
        // Of no consequence for where it ends.
      }
    }
    return false;
  }

  private void keep(byte[] part, int from, int to) {
    int bytesMax = asked.rpc().requestBytesMax();
    if (kept.size() + to - from > bytesMax) {
      throw new Refused(Problems.messageTooLong(bytesMax)).ofElement(index);
    }
    kept.write(part, from, to - from);
  }

  private void element(byte end) {
    byte[] json = kept.toByteArray();
    kept.reset();
    boolean last = form == Form.ARRAY && end == ']';
    if (last) {
      state = State.END;
    }
    if (!isBlank(json)) {
      message(json);
    } else if (form == Form.ARRAY && !(last && index == 0)) {
      throw malformed("there is nothing between two commas").ofElement(index);
    }
  }

  private void message(byte[] json) {
    byte[] message;
    try {
      message =
          asked
              .route()
              .transcoder()
              .request(asked.found().variables(), asked.target().query(), json, asked.headers());
    } catch (Refused e) {
      throw e.ofElement(index);
    }
    index++;
    messages.accept(message);
  }

  @Override
  public void end() {
    if (form == Form.LINES) {
      element((byte) '\n');
    } else if (state == State.ELEMENTS) {
      throw malformed("the array does not end");
    }
  }

  private static boolean isBlank(byte[] json) {
    for (byte b : json) {
      if (!isSpace(b)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isSpace(byte b) {
    return b == ' ' || b == '\t' || b == '\r' || b == '\n';
  }

  private static Refused malformed(String why) {
    return Refused.field("MALFORMED_JSON", "", why);
  }
}
