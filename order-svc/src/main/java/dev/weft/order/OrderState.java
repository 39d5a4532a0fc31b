package dev.weft.order;

/** Where an order stands. */
enum OrderState {
  PENDING,
  CONFIRMED,
  CANCELLED,
  REFUNDING,
  REFUNDED;

  /** Whether nothing is under way: it stays so unless somebody asks for more. */
  boolean rests() {
    return switch (this) {
      case PENDING, REFUNDING -> false;
      case CONFIRMED, CANCELLED, REFUNDED -> true;
    };
  }
}
