package dev.weft.edge;

import io.grpc.Metadata;
import java.util.function.Function;

/**
 * Answers a request with what its call ended with.
 *
 * @param changes learns what the call may have changed
 */
record ToClient(Exchange exchange, Asked asked, Changes changes, LongWork work)
    implements Recipient {
  /** The least of the statuses that leave open what was done. */
  private static final int CLIENT_LEFT = 499;

  @Override
  public void reply(byte[] message, Metadata told) {
    changes.note(asked);
    Answer answer = Success.of(asked, exchange, message, told);
    exchange.alsoAnswer(told);
    send(exchange, answer, coding -> coding.encode(answer.body()), work);
  }

  @Override
  public void fail(Problem problem) {
    if (problem.status() >= CLIENT_LEFT) {
      changes.note(asked);
    }
    Fallback.of(asked.rpc(), problem).ifPresentOrElse(this::answer, () -> exchange.refuse(problem));
  }

  /**
   * Has the call made. Where it is refused, as for want of an instance, what the contract declares
   * for that is answered.
   */
  void having(Runnable call) {
    try {
      call.run();
    } catch (Refused e) {
      answer(Fallback.of(asked.rpc(), e.problem()).orElseThrow(() -> e));
    }
  }

  /** Answers in the place of the service. Nobody may keep that. */
  void answer(Fallback fallback) {
    Answer answer = Success.declared(asked, exchange, fallback.message());
    exchange.alsoAnswer(fallback.headers());
    send(exchange, answer, coding -> coding.encode(answer.body()), work);
  }

  /**
   * Sends an answer, coded as the client likes it.
   *
   * @param coded makes its body so
   */
  static void send(
      Exchange exchange, Answer plain, Function<ContentCoding, byte[]> coded, LongWork work) {
    exchange
        .coding(plain)
        .ifPresentOrElse(
            coding -> {
              if (plain.body().length <= Gateway.INLINE_BYTES_MAX) {
                exchange.answer(plain.coded(coding, coded.apply(coding)));
              } else {
                work.run(
                    exchange, () -> plain.coded(coding, coded.apply(coding)), exchange::answer);
              }
            },
            () -> exchange.answer(plain));
  }
}
