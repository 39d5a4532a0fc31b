/**
 * Events between services: said in the transaction of their effect, and taken in once by everybody
 * who is to know, in the order of each aggregate.
 *
 * <p>Open {@link dev.weft.events.EventLog} first for a service that says events, {@link
 * dev.weft.events.EventBus} for one that handles them. How they travel is an {@link
 * dev.weft.events.EventTransport}.
 */
@NullMarked
package dev.weft.events;

import org.jspecify.annotations.NullMarked;
