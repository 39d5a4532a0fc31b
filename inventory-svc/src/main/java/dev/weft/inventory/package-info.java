/**
 * inventory-svc: what the shop sells, at what price, and how much of it is there. No unit is sold
 * twice and none gets lost: received = available + reserved + sold, at every moment.
 *
 * <p>Open {@link dev.weft.inventory.Reservations} first, then {@code StockStore}, whose one
 * statement makes every change of stock, and {@code Catalogue}.
 */
@NullMarked
package dev.weft.inventory;

import org.jspecify.annotations.NullMarked;
