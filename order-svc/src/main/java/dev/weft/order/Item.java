package dev.weft.order;

import java.util.UUID;

/** A product and how many of it. */
record Item(UUID productId, int quantity) {}
