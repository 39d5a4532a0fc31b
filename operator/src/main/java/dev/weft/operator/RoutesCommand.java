package dev.weft.operator;

import dev.weft.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import dev.weft.admin.v1.CallExplanation;
import dev.weft.admin.v1.ExplainCallRequest;
import dev.weft.admin.v1.Header;
import dev.weft.operator.Services.Answers;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ./weft routes}. */
@Command(
    name = "routes",
    description =
        "Explains where calls of a method go, and why: each process that makes such calls says what"
            + " it would do. Nothing is sent.",
    mixinStandardHelpOptions = true)
final class RoutesCommand implements Callable<Integer> {
  private final Function<Optional<Path>, Processes> open;

  @Option(
      names = "--why",
      paramLabel = "METHOD",
      required = true,
      description = "Its full name: package.Service/Method.")
  private String method = "";

  @Parameters(
      paramLabel = "NAME:VALUE",
      arity = "0..*",
      description = "Metadata of the call, for routes that ask for it.")
  private List<String> headers = List.of();

  @Option(
      names = "--from",
      paramLabel = "SERVICE",
      description = "Calls of this service alone (default: of all that have called the method).")
  private String from = "";

  @Option(
      names = "--service",
      paramLabel = "SERVICE",
      description =
          "The called service (default: the one whose method it is, of those that were called).")
  private String service = "";

  @Option(
      names = "--key",
      paramLabel = "TEXT",
      description = "What the call goes by, for a service that is called by a key.")
  private String key = "";

  @Option(
      names = "--draw",
      paramLabel = "PERCENT",
      description = "Which share is drawn, 0 to less than 100 (default: any, as for a call).")
  private @Nullable Double draw;

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  RoutesCommand(Function<Optional<Path>, Processes> open) {
    this.open = open;
  }

  @Override
  public Integer call() {
    ExplainCallRequest request = request();
    Answers<Optional<CallExplanation>> answers;
    try (Processes processes = open.apply(system.state())) {
      answers = processes.askAll(from, admin -> ask(admin, request));
    }
    List<List<String>> told = new ArrayList<>();
    answers
        .replies()
        .forEach(
            (process, reply) ->
                reply.ifPresent(
                    explanation -> told.add(ExplanationText.lines(process, explanation))));
    PrintWriter out = Output.out(spec);
    for (int i = 0; i < told.size(); i++) {
      if (i > 0) {
        out.println();
      }
      told.get(i).forEach(out::println);
    }
    if (answers.troubles().isEmpty() && told.isEmpty()) {
      throw new Trouble(
          Trouble.FAILED,
          service.isEmpty()
              ? "nobody has made a unary call of %s yet: --service names the one that serves it"
                  .formatted(Text.clean(method))
              : "no process that was asked calls " + Text.clean(service));
    }
    return Output.troubles(spec, answers.troubles());
  }

  /** Empty if the process makes no such calls. */
  private static Optional<CallExplanation> ask(
      AdminServiceBlockingStub admin, ExplainCallRequest request) {
    try {
      return Optional.of(admin.explainCall(request).getExplanation());
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private ExplainCallRequest request() {
    ExplainCallRequest.Builder request =
        ExplainCallRequest.newBuilder().setService(service).setMethod(method).setKey(key);
    for (String header : headers) {
      int colon = header.indexOf(':');
      if (colon < 1) {
        throw new ParameterException(
            Output.required(spec).commandLine(), header + " is no NAME:VALUE");
      }
      request.addHeaders(
          Header.newBuilder()
              .setName(header.substring(0, colon).strip())
              .setValue(header.substring(colon + 1).strip()));
    }
    if (draw != null) {
      request.setDraw(draw);
    }
    return request.build();
  }
}
