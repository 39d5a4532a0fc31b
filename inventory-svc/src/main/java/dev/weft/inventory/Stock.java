package dev.weft.inventory;

import java.util.UUID;

/** How much of a product is there. */
record Stock(UUID productId, long received, long available, long reserved, long sold) {}
