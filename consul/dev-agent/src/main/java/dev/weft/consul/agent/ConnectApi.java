package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code /v1/connect/ca} and {@code /v1/agent/connect}: certificates, and whether one may come in.
 */
final class ConnectApi {
  private static final int BODY_MAX = 1024 * 1024;
  private static final Pattern SERVICE = Pattern.compile("/ns/([^/]+)/dc/([^/]+)/svc/([^/]+)");
  private static final Pattern AGENT = Pattern.compile("/agent/client/dc/([^/]+)/id/([^/]+)");

  private final State state;
  private final Ledger ledger;
  private final CertificateAuthority ca;
  private final IntentionsApi intentions;
  private final Reads reads;
  private final DevAgentConfig.DefaultPolicy defaultPolicy;

  ConnectApi(State state, Reads reads, IntentionsApi intentions, DevAgentConfig config) {
    this.state = state;
    ledger = state.ledger();
    ca = state.ca();
    this.intentions = intentions;
    this.reads = reads;
    defaultPolicy = config.intentions();
  }

  void addTo(HttpFace http) {
    http.serve("GET", "/v1/agent/connect/ca/roots", this::agentRoots);
    http.serve("GET", "/v1/agent/connect/ca/leaf/", this::leaf);
    http.serve("POST", "/v1/agent/connect/authorize", this::authorize);
    http.serve("GET", "/v1/connect/ca/roots", this::roots);
    http.serve("GET", "/v1/connect/ca/configuration", this::settings);
    http.serve("PUT", "/v1/connect/ca/configuration", this::configure);
  }

  private Reply agentRoots(Request request) throws InterruptedException {
    state.ensureCa();
    return reads.ofAgent(request, ca::rootsIndex, () -> Reply.json(ca.rootsJson()));
  }

  private Reply roots(Request request) throws InterruptedException {
    boolean pem =
        switch (request.query("pem")) {
          case "1", "t", "T", "true", "TRUE", "True" -> true;
          case "", "0", "f", "F", "false", "FALSE", "False" -> false;
          default ->
              throw new ApiError(
                  400, "Bad request: The 'pem' query parameter must be a boolean value");
        };
    state.ensureCa();
    return reads.indexed(
        request, ca::rootsIndex, () -> pem ? pem(ca.roots()) : Reply.json(ca.rootsJson()));
  }

  private static Reply pem(List<CertificateAuthority.Root> roots) {
    StringBuilder text = new StringBuilder();
    for (CertificateAuthority.Root root : roots) {
      text.append(root.pem());
      root.intermediates().forEach(text::append);
    }
    return Reply.bytes(
        200,
        "application/pem-certificate-chain",
        text.toString().getBytes(StandardCharsets.US_ASCII));
  }

  private Reply leaf(Request request) throws InterruptedException {
    String service = request.tail();
    if (service.isEmpty()) {
      throw new ApiError(500, "URI must be either service or agent");
    }
    state.ensureCa();
    return reads.ofAgent(
        request, () -> ca.leaf(service).modifyIndex(), () -> Reply.json(ca.leaf(service).json()));
  }

  private Reply settings(Request request) throws InterruptedException {
    request.consistency();
    state.ensureCa();
    return ledger.read(() -> Reply.json(ca.settingsJson()));
  }

  private Reply configure(Request request) throws InterruptedException {
    CaSettings wanted =
        request.json("Bad request: Request decode failed: ", BODY_MAX, CaSettings::parse);
    return ledger.durably(
        () -> {
          ca.configure(wanted);
          return Reply.empty();
        });
  }

  /** Whether who has this certificate may call the target; the trust domain is not looked at. */
  private Reply authorize(Request request) {
    record Asked(String target, String uri) {}
    Asked asked =
        request.json(
            "Bad request: Request decode failed: ",
            BODY_MAX,
            json -> {
              Fields fields =
                  new Fields(json, List.of("Target", "ClientCertURI", "ClientCertSerial"));
              return new Asked(fields.text("Target"), fields.text("ClientCertURI"));
            });
    if (asked.target().isEmpty()) {
      throw new ApiError(400, "Bad request: Target service must be specified");
    }
    String source = service(asked.uri());
    return ledger.read(
        () -> {
          Intention deciding = intentions.deciding(source, asked.target());
          if (deciding == null) {
            return authorized(
                defaultPolicy.allows(),
                defaultPolicy.allows()
                    ? "ACLs disabled, access is allowed by default"
                    : "Default behavior configured by ACLs");
          }
          return authorized(
              deciding.allows(),
              (deciding.hasPermissions() ? "Matched L7 intention: " : "Matched intention: ")
                  + deciding);
        });
  }

  private static Reply authorized(boolean allowed, String reason) {
    return Reply.json(object("Authorized", allowed, "Reason", reason));
  }

  private static String service(String uri) {
    try {
      URI parsed = URI.create(uri);
      if (!"spiffe".equals(parsed.getScheme()) || parsed.getHost() == null) {
        throw new ApiError(400, "Bad request: ClientCertURI not a valid Connect identifier");
      }
      Matcher service = SERVICE.matcher(parsed.getPath());
      if (service.matches()) {
        return service.group(3);
      }
      throw new ApiError(
          400,
          AGENT.matcher(parsed.getPath()).matches() || parsed.getPath().isEmpty()
              ? "Bad request: ClientCertURI not a valid Service identifier"
              : "Bad request: ClientCertURI not a valid Connect identifier");
    } catch (IllegalArgumentException e) {
      throw new ApiError(400, "Bad request: ClientCertURI not a valid Connect identifier");
    }
  }
}
