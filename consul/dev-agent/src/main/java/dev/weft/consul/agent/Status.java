package dev.weft.consul.agent;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The health of a check, from good to bad. */
enum Status {
  PASSING,
  WARNING,
  CRITICAL;

  /** The status called {@code name}, or null if there is none. */
  static @Nullable Status called(String name) {
    for (Status status : values()) {
      if (status.text().equals(name)) {
        return status;
      }
    }
    return null;
  }

  String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  Status worse(Status other) {
    return compareTo(other) >= 0 ? this : other;
  }
}
