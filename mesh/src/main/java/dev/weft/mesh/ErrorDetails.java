package dev.weft.mesh;

import com.google.protobuf.Any;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import io.grpc.Metadata;
import io.grpc.protobuf.ProtoUtils;
import java.time.Duration;

/** How a refusal is written into trailers: {@code google.rpc.Status} in {@link #KEY}. */
final class ErrorDetails {
  /** The name every gRPC library knows for a {@code google.rpc.Status} beside the plain status. */
  static final Metadata.Key<Status> KEY =
      Metadata.Key.of(
          "grpc-status-details-bin", ProtoUtils.metadataMarshaller(Status.getDefaultInstance()));

  /** ErrorInfo metadata: who is to blame instead of the service that answered. */
  static final String CAUSED_BY = "caused_by";

  /**
   * Trailers hold the details in base64 beside the message in percent encoding, and a client drops
   * a call whose trailers pass 8 KiB. Half of that leaves room for both.
   */
  private static final int BYTES_MAX = 3 * 1024;

  private static final int TEXT_BYTES_MAX = 512;

  private ErrorDetails() {}

  /** The trailers of a refusal by the service of this name. */
  static Metadata trailers(String service, Rejection rejection) {
    Status.Builder status =
        Status.newBuilder()
            .setCode(rejection.code().value())
            .setMessage(shortened(rejection.text()))
            .addDetails(Any.pack(info(service, rejection)));
    rejection
        .retryAfter()
        .ifPresent(
            after ->
                status.addDetails(
                    Any.pack(RetryInfo.newBuilder().setRetryDelay(proto(after)).build())));
    if (!rejection.violations().isEmpty()) {
      int room = BYTES_MAX - status.build().getSerializedSize();
      status.addDetails(Any.pack(badRequest(rejection, room)));
    }
    return trailers(status.build());
  }

  /** The trailers of a status that has a code only, so that every error carries ErrorInfo. */
  static Metadata trailers(String service, io.grpc.Status.Code code, String message) {
    return trailers(service, code, code.name(), message);
  }

  /** The trailers of a status that no {@link Rejection} has with this reason. */
  static Metadata trailers(
      String service, io.grpc.Status.Code code, String reason, String message) {
    return trailers(
        Status.newBuilder()
            .setCode(code.value())
            .setMessage(shortened(message))
            .addDetails(
                Any.pack(
                    ErrorInfo.newBuilder().setReason(reason).setDomain(domain(service)).build()))
            .build());
  }

  static Metadata trailers(Status status) {
    Metadata trailers = new Metadata();
    trailers.put(KEY, status);
    return trailers;
  }

  static String shortened(String text) {
    int bytes = 0;
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
      int c = text.codePointAt(i);
      bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
      if (bytes > TEXT_BYTES_MAX) {
        return text.substring(0, i) + "…";
      }
    }
    return text;
  }

  private static ErrorInfo info(String service, Rejection rejection) {
    return ErrorInfo.newBuilder()
        .setReason(rejection.reason())
        .setDomain(domain(service))
        .putAllMetadata(rejection.metadata())
        .build();
  }

  static String domain(String service) {
    return service + ".weft";
  }

  /** As many violations as fit: a client with the first twenty wrong fields has enough to do. */
  private static BadRequest badRequest(Rejection rejection, int room) {
    BadRequest.Builder request = BadRequest.newBuilder();
    int left = room;
    for (Rejection.FieldViolation violation : rejection.violations()) {
      BadRequest.FieldViolation next =
          BadRequest.FieldViolation.newBuilder()
              .setField(shortened(violation.field()))
              .setDescription(shortened(violation.description()))
              .setReason(violation.reason())
              .build();
      left -= next.getSerializedSize() + 3;
      if (left < 0) {
        break;
      }
      request.addFieldViolations(next);
    }
    return request.build();
  }

  private static com.google.protobuf.Duration proto(Duration duration) {
    return com.google.protobuf.Duration.newBuilder()
        .setSeconds(duration.toSeconds())
        .setNanos(duration.toNanosPart())
        .build();
  }
}
