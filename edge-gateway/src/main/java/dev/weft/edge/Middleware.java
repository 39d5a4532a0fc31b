package dev.weft.edge;

import java.util.List;
import java.util.function.Consumer;

/**
 * A step that every request takes before its way is looked for. It may read the request and change
 * its headers, have the headers of its answer changed ({@link Exchange#onAnswer}) or added to
 * ({@link Exchange#alsoAnswer}), answer it, or refuse it by throwing {@link Refused}.
 *
 * <p>{@link EdgeServer} lists the steps, once and in the order in which they are taken. Bodies pass
 * them by: requests have contracts for those, and answers come in parts.
 *
 * <p>Called on the event loop of the exchange, which must not wait, for many requests at a time by
 * as many threads as there are loops.
 */
interface Middleware {
  /**
   * Takes the step.
   *
   * @param next all that comes after it; to be called once, or never if the request was answered.
   *     Later is possible too, by {@link Gateway#guarded} on the event loop
   */
  void serve(Exchange exchange, Consumer<Exchange> next);

  /** These steps in their order and then the last one, as one. */
  static Consumer<Exchange> chain(List<Middleware> steps, Consumer<Exchange> last) {
    Consumer<Exchange> chain = last;
    for (Middleware step : steps.reversed()) {
      Consumer<Exchange> next = chain;
      chain = exchange -> step.serve(exchange, next);
    }
    return chain;
  }
}
