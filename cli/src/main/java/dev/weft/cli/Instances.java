package dev.weft.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * How many processes run each service. The first has the service's name, the others that and a
 * number: {@code order-svc}, {@code order-svc-2}.
 *
 * @param counts by service, 1 to {@value #MAX}; those that are not named have one
 */
record Instances(Map<String, Integer> counts) {
  static final int MAX = 5;
  static final Instances SINGLE = new Instances(Map.of());

  /** Throws {@link Trouble} if there is no such service, or it is too many. */
  Instances {
    counts = Map.copyOf(counts);
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
  }

  /** The names of all, the first of each service first. */
  List<String> all() {
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
