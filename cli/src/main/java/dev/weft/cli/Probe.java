package dev.weft.cli;

import java.time.Duration;

/** Whether a process can be used, seen from outside. Thread-safe. */
final class Probe {
  private static final Duration SOON = Duration.ofSeconds(1);

  private final Http http;
  private final Programs programs;

  Probe(Http http, Programs programs) {
    this.http = http;
    this.programs = programs;
  }

  /** A service is ready when it says so and the registry does, too. */
  boolean answers(String process) {
    return switch (process) {
      case Programs.REGISTRY -> hasLeader();
      case Programs.CARD_NETWORK -> http.get(programs.url(process) + "/livez").ok();
      case Programs.EDGE -> saysReady(process);
      default -> passing(process) && saysReady(process);
    };
  }

  /**
   * Whether a process that was ready still says so, quickly; what the registry thinks of a service
   * does not matter to that.
   */
  boolean stillAnswers(String process) {
    return switch (process) {
      case Programs.REGISTRY -> hasLeader();
      case Programs.CARD_NETWORK -> http.get(programs.url(process) + "/livez", SOON).ok();
      default -> http.get(programs.managementUrl(process) + "/readyz", SOON).ok();
    };
  }

  /**
   * Throws {@link Trouble} if a registry that runs elsewhere does not show its own nodes, which
   * each has, to {@code ./weft}: it would not show when a service is ready, either. One that does
   * not answer may do so later.
   */
  void insistOnBeingShownWhatIsThere() {
    if (programs.startsRegistry()) {
      return;
    }
    String registry = programs.registryUrl();
    Http.Answer nodes = http.ask(registry + "/v1/catalog/nodes", programs.registryToken());
    if (nodes.status() == 403 || (nodes.ok() && nodes.body().strip().equals("[]"))) {
      throw new Trouble(
          2,
          "%s shows ./weft nothing%s: it needs a token that may read nodes and services, such as the"
                  .formatted(registry, nodes.ok() ? "" : " (" + nodes.body().strip() + ")")
              + " operator's, by CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE or as the file operator"
              + " in WEFT_CONSUL_TOKENS_DIR");
    }
  }

  private boolean hasLeader() {
    Http.Answer answer = http.get(programs.registryUrl() + "/v1/status/leader", SOON);
    return answer.ok() && answer.body().length() > 2; // else it is "" in quotes
  }

  private boolean passing(String instance) {
    String port = "\"Port\":" + programs.registeredPort(instance) + ",";
    Http.Answer answer =
        http.ask(
            programs.registryUrl()
                + "/v1/health/service/"
                + Instances.service(instance)
                + "?passing",
            programs.registryToken());
    return answer.ok() && answer.body().replace(" ", "").contains(port);
  }

  private boolean saysReady(String process) {
    return http.get(programs.managementUrl(process) + "/readyz").ok();
  }
}
