/**
 * payment-svc: the money of orders. One payment per order, for ever; captured once however often it
 * is asked for; never left unknown; with books that are only ever added to.
 *
 * <p>Open {@link dev.weft.payment.Payments} first, the use cases, then {@code Settlement}, which
 * brings what the card network was asked to a definite end, and {@code Payment}, the rules.
 */
@NullMarked
package dev.weft.payment;

import org.jspecify.annotations.NullMarked;
