/**
 * {@code ./weft events} and {@code ./weft dlq}: what services said, who is behind, and what could
 * not be taken in; {@code ./weft routes} and {@code ./weft breaker}: what processes decide about
 * their calls. By {@code weft.admin.v1} of each, which answers nobody but the operator's key. None
 * of them changes anything without {@code --yes}. {@code ./weft split} writes the registry's
 * entries for a canary.
 *
 * <p>Open {@link dev.weft.operator.Operator} first, then {@link dev.weft.operator.Services} and
 * {@link dev.weft.operator.Processes}.
 */
@NullMarked
package dev.weft.operator;

import org.jspecify.annotations.NullMarked;
