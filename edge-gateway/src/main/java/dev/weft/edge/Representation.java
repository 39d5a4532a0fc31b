package dev.weft.edge;

import java.util.Optional;

/**
 * What a read is answered with, to whoever asks the same: before a client's conditions, ranges and
 * codings.
 *
 * @param whole a 200, with its tag if it has one
 * @param nextPage the link to it, if it is a page and not the last
 */
record Representation(Answer whole, Optional<String> nextPage) {
  /**
   * What this client is answered of it.
   *
   * @throws Refused if the client wants another version only, or a part that there is not
   */
  Answer to(Exchange exchange, Asked asked) {
    nextPage.ifPresent(link -> exchange.alsoAnswer("Link", link));
    if (!asked.rpc().fresh().isZero()) {
      exchange.alsoAnswer("Vary", "Authorization");
    }
    Answer answer = Reuse.conditional(whole, exchange.request().headers());
    return asked.route().transcoder().answersAnything() && answer.status() == 200
        ? Ranges.of(answer, exchange)
        : answer;
  }
}
