/**
 * Programs that measure the system as its users meet it. Each prints the machine, every single run
 * and the spread, never a mean alone; none is a test. Start one with {@code bench/run NAME}.
 */
@NullMarked
package dev.weft.bench;

import org.jspecify.annotations.NullMarked;
