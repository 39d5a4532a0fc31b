/**
 * {@code ./weft prove}: drives the whole system from outside, breaks it, heals it, reads everything
 * back and judges it. Open {@link dev.weft.prove.Prove} first, then {@link dev.weft.prove.Judge}.
 */
@NullMarked
package dev.weft.prove;

import org.jspecify.annotations.NullMarked;
