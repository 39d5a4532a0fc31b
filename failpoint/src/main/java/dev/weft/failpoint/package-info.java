/** Places where a proof may end, stall or fail a process; open {@link FailPoint} first. */
@NullMarked
package dev.weft.failpoint;

import org.jspecify.annotations.NullMarked;
