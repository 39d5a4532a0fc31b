package dev.weft.edge;

import io.grpc.Status;
import java.util.List;

/** A request that the edge answers itself, with this problem. */
final class Refused extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Problem problem;

  Refused(Problem problem) {
    super(problem.message(), null, false, false);
    this.problem = problem;
  }

  Problem problem() {
    return problem;
  }

  /** The same, said of one element of a stream of messages; the first is 0. */
  Refused ofElement(long index) {
    return new Refused(problem.ofElement(index));
  }

  /** 400: the request is wrong as a whole. */
  static Refused badRequest(String reason, String message) {
    return new Refused(Problem.of(400, Status.Code.INVALID_ARGUMENT, reason, message));
  }

  /** 400: these parts of the request are wrong. */
  static Refused badRequest(String reason, List<Problem.Violation> violations) {
    Problem.Violation first = violations.getFirst();
    String message = first.pointer().isEmpty() ? first.detail() : first.toString();
    return new Refused(
        Problem.of(400, Status.Code.INVALID_ARGUMENT, reason, message).withViolations(violations));
  }

  /** 400: the part of the request at this JSON Pointer is wrong. */
  static Refused field(String reason, String pointer, String detail) {
    return badRequest(reason, List.of(new Problem.Violation(pointer, detail)));
  }
}
