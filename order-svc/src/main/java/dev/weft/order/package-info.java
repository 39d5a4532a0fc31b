/**
 * order-svc: takes orders, each once however often it is sent, and brings every one of them to
 * CONFIRMED or CANCELLED, whatever fails in between; keeps the carts they come from.
 *
 * <p>Open {@link dev.weft.order.Orders} first, the use cases, then {@code OrderSaga}, the steps
 * from PENDING to the end, and {@code Order}, the rules.
 */
@NullMarked
package dev.weft.order;

import org.jspecify.annotations.NullMarked;
