package dev.weft.durable;

import dev.weft.durable.Saga.State;
import java.util.List;
import java.util.Optional;

/**
 * What became of a saga, for those who are to hear of it: told in the transaction that makes it so,
 * at the saga's end, and before that once if an undoing of it stalls.
 *
 * @param number counts what is told of one saga, from 1 on
 * @param reason why it turned back; empty if it did not
 * @param done names of the steps that were done, in their order, whether undone since or not
 * @param undone names of the steps that are undone, in their order
 * @param refused the step that was definitely refused
 */
public record SagaNews(
    String definition,
    int version,
    State state,
    long number,
    String reason,
    List<String> done,
    List<String> undone,
    Optional<String> refused) {

  public SagaNews {
    done = List.copyOf(done);
    undone = List.copyOf(undone);
  }
}
