package dev.weft.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * How many processes run each service. The first has the service's name, the others that and a
 * number: {@code order-svc}, {@code order-svc-2}.
 *
 * @param counts by service, 1 to {@value #MAX}; those that are not named have one
 * @param versions what instances call their version; those that are not named have their build's
 */
record Instances(Map<String, Integer> counts, Map<String, String> versions) {
  static final int MAX = 5;
  static final Instances SINGLE = new Instances(Map.of());

  /** All of the version of their build. */
  Instances(Map<String, Integer> counts) {
    this(counts, Map.of());
  }

  /** Throws {@link Trouble} if there is no such service or instance, or it is too many. */
  Instances {
    counts = Map.copyOf(counts);
    versions = Map.copyOf(versions);
    counts.forEach(
        (service, count) -> {
          if (!Programs.SERVICES.contains(service)) {
            throw new Trouble(
                2,
                "--instances "
                    + service
                    + ": no such service (expected: "
                    + String.join(", ", Programs.SERVICES)
                    + ")");
          }
          if (count < 1 || count > MAX) {
            throw new Trouble(
                2, "--instances " + service + "=" + count + " (expected: 1 to " + MAX + ")");
          }
        });
    List<String> all = all(counts);
    versions.forEach(
        (instance, version) -> {
          if (!all.contains(instance)) {
            throw new Trouble(
                2,
                "--version-of "
                    + instance
                    + ": no such instance (expected: "
                    + String.join(", ", all)
                    + ")");
          }
          if (!version.matches("[A-Za-z0-9][A-Za-z0-9._+-]{0,62}")) {
            throw new Trouble(
                2, "--version-of " + instance + "=" + version + " (expected: such as v2 or 1.4.0)");
          }
        });
  }

  /** The names of all, the first of each service first. */
  List<String> all() {
    return all(counts);
  }

  private static List<String> all(Map<String, Integer> counts) {
    List<String> all = new ArrayList<>(Programs.SERVICES);
    for (String service : Programs.SERVICES) {
      for (int i = 2; i <= counts.getOrDefault(service, 1); i++) {
        all.add(service + "-" + i);
      }
    }
    return all;
  }

  /** Whether it is one of a service, and not another process. */
  static boolean isInstance(String process) {
    return Programs.SERVICES.contains(service(process));
  }

  /** What it is an instance of; the process itself, if of none. */
  static String service(String process) {
    return Programs.SERVICES.stream()
        .filter(service -> process.startsWith(service + "-"))
        .findFirst()
        .orElse(process);
  }

  /** 1 for the first. */
  static int number(String instance) {
    String service = service(instance);
    return instance.equals(service)
        ? 1
        : Integer.parseInt(instance.substring(service.length() + 1));
  }
}
