/**
 * The whole system, from outside: started by {@code ./weft up} as a stranger would, and called over
 * REST and gRPC.
 *
 * <p>Open {@link dev.weft.e2e.Weft} first: a running system and what can be asked of it. Most tests
 * share one; those that stop or break the whole start their own.
 */
@NullMarked
package dev.weft.e2e;

import org.jspecify.annotations.NullMarked;
