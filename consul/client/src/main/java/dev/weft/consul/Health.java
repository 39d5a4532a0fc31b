package dev.weft.consul;

/** What Consul says about one check, or about an instance by the worst of its checks. */
public enum Health {
  PASSING,
  WARNING,
  CRITICAL,
  /** Taken out by an operator; counts as critical for everyone who looks for instances. */
  MAINTENANCE;

  /** The health Consul calls {@code status}; a word this version does not know is critical. */
  static Health of(String status) {
    return switch (status) {
      case "passing" -> PASSING;
      case "warning" -> WARNING;
      case "maintenance" -> MAINTENANCE;
      default -> CRITICAL;
    };
  }

  /** The word for a check's status: Consul has no check status of its own for maintenance. */
  String checkStatus() {
    return switch (this) {
      case PASSING -> "passing";
      case WARNING -> "warning";
      case CRITICAL, MAINTENANCE -> "critical";
    };
  }
}
