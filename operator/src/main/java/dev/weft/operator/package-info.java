/**
 * {@code ./weft events} and {@code ./weft dlq}: what services said, who is behind, and what could
 * not be taken in, by {@code weft.admin.v1} of each service, which answers nobody but the
 * operator's key. Nothing is changed without {@code --yes}.
 *
 * <p>Open {@link dev.weft.operator.Operator} first, then {@link dev.weft.operator.Services}.
 */
@NullMarked
package dev.weft.operator;

import org.jspecify.annotations.NullMarked;
