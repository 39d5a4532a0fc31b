package dev.weft.edge;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;

/** A form with one file, read whole: for a request that is one message. */
final class UploadForm implements Multipart.Reader {
  private final List<RequestTarget.Parameter> fields = new ArrayList<>();
  private final ByteArrayOutputStream file = new ByteArrayOutputStream();
  private String contentType = "";

  private UploadForm() {}

  /** Throws {@link Refused} with 400 if it is none. */
  static UploadForm of(String contentType, byte[] body) {
    UploadForm form = new UploadForm();
    Multipart parts = Multipart.of(contentType, form);
    parts.read(body);
    parts.end();
    return form;
  }

  @Override
  public void field(String name, String value) {
    fields.add(new RequestTarget.Parameter(name, value));
  }

  @Override
  public void file(String type) {
    contentType = type;
  }

  @Override
  public void data(byte[] part) {
    file.writeBytes(part);
  }

  /** The fields, which are as parameters of the query. */
  List<RequestTarget.Parameter> fields() {
    return fields;
  }

  /** Of the file; empty when the form does not say it. */
  String contentType() {
    return contentType;
  }

  byte[] file() {
    return file.toByteArray();
  }
}
