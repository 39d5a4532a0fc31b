package dev.weft.mesh;

import dev.weft.admin.v1.AdminServiceGrpc;
import dev.weft.admin.v1.ExplainCallRequest;
import dev.weft.admin.v1.ExplainCallResponse;
import dev.weft.admin.v1.Header;
import dev.weft.admin.v1.ListCircuitsRequest;
import dev.weft.admin.v1.ListCircuitsResponse;
import dev.weft.admin.v1.ResetCircuitsRequest;
import dev.weft.admin.v1.ResetCircuitsResponse;
import io.grpc.Metadata;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.OptionalDouble;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What operators ask a process about its own calls. Who they are is decided before: see {@link
 * AdminConfig}.
 *
 * <p>Thread-safe.
 */
final class AdminService extends AdminServiceGrpc.AdminServiceImplBase {
  private static final Logger log = LoggerFactory.getLogger(AdminService.class);
  private static final int HEADERS_MAX = 64;
  private static final Pattern METHOD = Pattern.compile("[\\w.]+/\\w+");

  private final OutboundStack outbound;
  private final Explainer explainer;

  AdminService(OutboundStack outbound, Explainer explainer) {
    this.outbound = outbound;
    this.explainer = explainer;
  }

  @Override
  public void explainCall(
      ExplainCallRequest request, StreamObserver<ExplainCallResponse> observer) {
    Explanation explanation = outbound.explain(question(request), explainer);
    observer.onNext(
        ExplainCallResponse.newBuilder()
            .setExplanation(ExplanationMessages.explanation(explanation))
            .build());
    observer.onCompleted();
  }

  @Override
  public void listCircuits(
      ListCircuitsRequest request, StreamObserver<ListCircuitsResponse> observer) {
    ListCircuitsResponse.Builder reply = ListCircuitsResponse.newBuilder();
    outbound
        .circuits(request.getService())
        .forEach(circuit -> reply.addCircuits(ExplanationMessages.circuit(circuit)));
    observer.onNext(reply.build());
    observer.onCompleted();
  }

  @Override
  public void resetCircuits(
      ResetCircuitsRequest request, StreamObserver<ResetCircuitsResponse> observer) {
    if (request.getService().isEmpty()) {
      throw Rejection.invalid("service", "is required");
    }
    List<CircuitReport> open =
        outbound.circuits(request.getService()).stream()
            .filter(circuit -> circuit.state() != CircuitState.CLOSED)
            .filter(
                circuit ->
                    request.getMethod().isEmpty() || request.getMethod().equals(circuit.method()))
            .toList();
    if (!request.getDryRun()) {
      open.forEach(this::reset);
    }
    ResetCircuitsResponse.Builder reply = ResetCircuitsResponse.newBuilder();
    open.forEach(circuit -> reply.addCircuits(ExplanationMessages.circuit(circuit)));
    observer.onNext(reply.build());
    observer.onCompleted();
  }

  private void reset(CircuitReport circuit) {
    log.info(
        "{} has the circuit to {} {} closed",
        Caller.current().requireService(),
        circuit.service(),
        circuit.method());
    outbound.reset(circuit.service(), circuit.method());
  }

  private Explanation.Question question(ExplainCallRequest request) {
    String method = request.getMethod();
    if (!METHOD.matcher(method).matches()) {
      throw Rejection.invalid("method", "must be as package.Service/Method");
    }
    double draw = request.getDraw();
    if (!(draw >= 0 && draw < 100)) {
      throw Rejection.invalid("draw", "must be from 0 to less than 100");
    }
    return new Explanation.Question(
        service(request.getService(), method),
        method,
        headers(request.getHeadersList()),
        request.getKey(),
        request.hasDraw() ? OptionalDouble.of(draw) : OptionalDouble.empty());
  }

  /** Only what is called already: nobody shall open channels from outside. */
  private String service(String named, String method) {
    if (named.isEmpty()) {
      return outbound
          .serviceOf(method)
          .orElseThrow(
              () ->
                  Rejection.notFound(
                      "METHOD_NOT_CALLED",
                      "this process has made no unary call of the method yet: name the service"));
    }
    if (!outbound.knows(named)) {
      throw Rejection.notFound("SERVICE_NOT_CALLED", "this process does not call the service");
    }
    return named;
  }

  private static Metadata headers(List<Header> said) {
    if (said.size() > HEADERS_MAX) {
      throw Rejection.invalid("headers", "must be at most " + HEADERS_MAX);
    }
    Metadata headers = new Metadata();
    for (Header header : said) {
      try {
        headers.put(
            Metadata.Key.of(header.getName(), Metadata.ASCII_STRING_MARSHALLER), header.getValue());
      } catch (IllegalArgumentException e) {
        throw Rejection.invalid("headers", "must have names of metadata that is text");
      }
    }
    return headers;
  }
}
