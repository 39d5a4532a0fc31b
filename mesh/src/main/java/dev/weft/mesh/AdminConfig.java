package dev.weft.mesh;

import java.util.Arrays;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Who may ask a process what it decides, by {@code weft.admin.v1.AdminService}: it names instances,
 * their addresses and how calls go, and closes circuit breakers.
 *
 * @param callers names of services, none of them {@code *}; empty for nobody
 * @param port of a process that serves no gRPC otherwise; 0 means any free one
 */
public record AdminConfig(Set<String> callers, int port) {
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,62}");
  private static final String NAMES = "names of services with commas between, and no *";

  /** Nobody may, which is the default. */
  public static final AdminConfig NOBODY = new AdminConfig(Set.of(), 0);

  public AdminConfig {
    callers = Set.copyOf(callers);
    if (!areNames(callers)) {
      throw new IllegalArgumentException("callers: " + callers + " (expected: " + NAMES + ")");
    }
  }

  /**
   * Reads {@code WEFT_ADMIN_CALLERS} (nobody), names with commas between, and {@code
   * WEFT_ADMIN_PORT} (0).
   */
  public static AdminConfig from(Env env) {
    Set<String> callers =
        env.optional("WEFT_ADMIN_CALLERS", AdminConfig::names).orElse(NOBODY.callers);
    return new AdminConfig(callers, env.port("WEFT_ADMIN_PORT", NOBODY.port));
  }

  private static Set<String> names(String text) {
    Set<String> names =
        Arrays.stream(text.split(",", -1)).map(String::strip).collect(Collectors.toSet());
    if (!areNames(names)) {
      throw new IllegalArgumentException(NAMES);
    }
    return names;
  }

  private static boolean areNames(Set<String> callers) {
    return callers.stream().allMatch(caller -> NAME.matcher(caller).matches());
  }
}
