/**
 * The command {@code ./weft}: starts the whole system as separate processes, keeps it running, and
 * tells how it is.
 *
 * <p>Open {@link dev.weft.cli.Supervisor} first: what is started, in which order, and what it is
 * told.
 */
@NullMarked
package dev.weft.cli;

import org.jspecify.annotations.NullMarked;
