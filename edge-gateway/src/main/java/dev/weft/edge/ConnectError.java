package dev.weft.edge;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.google.protobuf.Any;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Failures and the ends of streams as Connect's specification has them, in JSON. */
final class ConnectError {
  private static final JsonFactory JSON = new JsonFactory();

  private interface Content {
    void write(JsonGenerator out) throws IOException;
  }

  private ConnectError() {}

  /** The body of an answer that is an error. */
  static byte[] body(Problem problem) {
    return object(out -> error(out, problem));
  }

  /** The last message of a stream. */
  static byte[] end(Optional<Problem> failure, Map<String, String> trailers) {
    return object(
        out -> {
          if (failure.isPresent()) {
            out.writeObjectFieldStart("error");
            error(out, failure.get());
            out.writeEndObject();
          }
          if (!trailers.isEmpty()) {
            out.writeObjectFieldStart("metadata");
            for (Map.Entry<String, String> trailer : trailers.entrySet()) {
              out.writeArrayFieldStart(trailer.getKey());
              out.writeString(trailer.getValue());
              out.writeEndArray();
            }
            out.writeEndObject();
          }
        });
  }

  private static void error(JsonGenerator out, Problem problem) throws IOException {
    out.writeStringField("code", problem.code().name().toLowerCase(Locale.ROOT));
    out.writeStringField("message", problem.message());
    out.writeArrayFieldStart("details");
    for (Any detail : GrpcStatus.status(problem).getDetailsList()) {
      out.writeStartObject();
      String url = detail.getTypeUrl();
      out.writeStringField("type", url.substring(url.lastIndexOf('/') + 1));
      out.writeStringField(
          "value",
          Base64.getEncoder().withoutPadding().encodeToString(detail.getValue().toByteArray()));
      out.writeEndObject();
    }
    out.writeEndArray();
  }

  private static byte[] object(Content content) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
    try (JsonGenerator out = JSON.createGenerator(bytes)) {
      out.writeStartObject();
      content.write(out);
      out.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
