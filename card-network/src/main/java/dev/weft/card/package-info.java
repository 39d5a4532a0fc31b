/**
 * A simulated card network: a process of its own behind HTTP, with a durable ledger of its own, so
 * that a shop on it meets declines, slow answers and lost answers, and can be judged by books it
 * does not keep itself.
 *
 * <p>What was answered survives {@code kill -9}. Open {@link dev.weft.card.CardNetworkServer}
 * first, then {@code Charges} for what the operations do, and {@code Journal} for how they last.
 */
@NullMarked
package dev.weft.card;

import org.jspecify.annotations.NullMarked;
