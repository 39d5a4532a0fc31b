package dev.weft.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ./weft key}. */
@Command(
    name = "key",
    description = {
      "Makes the key by which a new service proves its name to the running ones, which learn of it"
          + " within a second. Prints what the service has to know, for a shell:",
      "  eval \"$(./weft key greeter-svc)\""
    },
    mixinStandardHelpOptions = true)
final class KeyCommand implements Callable<Integer> {
  private static final String USUAL_REGISTRY =
      "http://127.0.0.1:" + Ports.fixed().of(Programs.REGISTRY);
  private static final Pattern SERVICE = Pattern.compile("[a-z][a-z0-9-]{0,62}");

  @Parameters(paramLabel = "NAME", description = "The service's name in the registry.")
  private String service = "";

  @Option(
      names = "--state",
      paramLabel = "DIR",
      defaultValue = "${env:WEFT_STATE_DIR}",
      description = "The folder the system was started with (default: .weft).")
  private @Nullable Path state;

  @Override
  public Integer call() {
    if (!SERVICE.matcher(service).matches()) {
      throw new Trouble(
          2, service + " is no name of a service: lower-case letters, digits and hyphens");
    }
    if (service.equals(Programs.OPERATOR)) {
      throw new Trouble(
          2, "no service is called operator: that key is for ./weft events and ./weft dlq");
    }
    StateDir dir = StateDir.of(state);
    SystemState running =
        SystemState.live(dir)
            .orElseThrow(() -> new Trouble(3, "not running: start it with ./weft up"));
    ServiceKeys keys = ServiceKeys.in(dir.folder("identity"), List.of(service));
    String registry = running.urls().get("registry");
    // Who starts a system from the same shell later would be taken to have a registry of his own.
    if (registry != null && !registry.equals(USUAL_REGISTRY)) {
      export("CONSUL_HTTP_ADDR", registry);
    }
    if (running.plaintext()) {
      export("WEFT_TLS", "off");
    }
    export("WEFT_SERVICE_KEY_FILE", keys.privateKey(service).toString());
    export("WEFT_SERVICE_KEYS_FILE", keys.set().toString());
    return 0;
  }

  private static void export(String variable, String value) {
    System.out.println("export " + variable + "=" + quoted(value));
  }

  /** One word for a POSIX shell, whatever is in it. */
  static String quoted(String value) {
    return "'" + value.replace("'", "'\\''") + "'";
  }
}
