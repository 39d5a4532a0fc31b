package dev.weft.edge;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A body of any type as messages: each part of it is one, the first with what path, query, form and
 * content type say.
 */
final class RawMessages implements Upload.Reader, Multipart.Reader {
  private static final byte[] NOTHING = {};

  private final Asked asked;
  private final Consumer<byte[]> messages;
  private final List<RequestTarget.Parameter> query;
  private final @Nullable Multipart form;
  private String contentType;
  private boolean begun;

  RawMessages(Asked asked, Consumer<byte[]> messages) {
    this.asked = asked;
    this.messages = messages;
    this.query = new ArrayList<>(asked.target().query());
    this.contentType = asked.headers().contentType();
    this.form = Multipart.is(contentType) ? Multipart.of(contentType, this) : null;
  }

  @Override
  public void read(byte[] part) {
    if (form == null) {
      data(part);
    } else {
      form.read(part);
    }
  }

  @Override
  public void end() {
    if (form != null) {
      form.end();
    }
    if (!begun) {
      data(NOTHING);
    }
  }

  @Override
  public void field(String name, String value) {
    query.add(new RequestTarget.Parameter(name, value));
  }

  @Override
  public void file(String type) {
    contentType = type;
  }

  @Override
  public void data(byte[] part) {
    Transcoder transcoder = asked.route().transcoder();
    byte[] message =
        begun
            ? transcoder.part(part)
            : transcoder.request(
                asked.found().variables(), query, part, asked.headers().of(contentType));
    begun = true;
    messages.accept(message);
  }
}
