package dev.weft.mesh;

import com.google.protobuf.Timestamp;
import java.time.Instant;

/** Times as they are sent. Pure. */
public final class Timestamps {
  private Timestamps() {}

  public static Timestamp of(Instant time) {
    return Timestamp.newBuilder()
        .setSeconds(time.getEpochSecond())
        .setNanos(time.getNano())
        .build();
  }
}
