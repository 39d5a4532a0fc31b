package dev.weft.order;

import dev.weft.durable.SagaDefinition;

/** Why an order was cancelled. The names are what a saga keeps as its reason to turn back. */
enum CancelReason {
  REQUESTED,
  OUT_OF_STOCK,
  PAYMENT_DECLINED,
  USER_NOT_ACTIVE,
  /** Named as the saga engine names it: {@link SagaDefinition#TIMED_OUT}. */
  TIMED_OUT
}
