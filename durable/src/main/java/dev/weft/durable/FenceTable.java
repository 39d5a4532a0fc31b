package dev.weft.durable;

import java.util.Optional;

/** Where a participant remembers steps, in the transaction of their effects. */
interface FenceTable {
  /**
   * Begins to remember a step; false if it is remembered already, or belongs to a saga so old that
   * it may be forgotten. Waits for other transactions that are at the same step.
   */
  boolean insert(CommandId step, FenceMemory memory);

  /** What is remembered, locked until the transaction ends. */
  Optional<FenceMemory> lock(CommandId step);

  void update(CommandId step, FenceMemory memory);
}
