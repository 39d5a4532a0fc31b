package dev.weft.order;

/** Where an account stands, as user-svc said last. Its names are those in the database. */
enum UserState {
  ACTIVE,
  DISABLED,
  DELETED
}
