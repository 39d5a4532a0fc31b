/**
 * Consul from Java: a process registers itself and stays registered, follows the instances of the
 * services it calls, and reads, writes and follows keys.
 *
 * <p>Open {@link dev.weft.consul.Consul} first: it is the only entry point, one per process. What a
 * watch believes when the agent restarts, loses its leader or hides what a token may not see is
 * decided in {@code LastKnown}; how it polls, in {@code Watch}.
 *
 * <p>Works with every Consul from 1.8 on: unknown fields of an answer are ignored, and no field is
 * sent that 1.8 does not know.
 */
@NullMarked
package dev.weft.consul;

import org.jspecify.annotations.NullMarked;
