package dev.weft.prove;

/** What is promised; {@code (A)} at every moment, {@code (Q)} when the system is quiet. */
enum Invariant {
  M1(
      "a capture belongs to one confirmed order or was given back, never both (the card network's"
          + " ledger)"),
  M2(
      "what was taken less what was given back is the total of confirmed orders less refunds, per"
          + " user"),
  M3("at most one capture per order"),
  M4(
      "what was given back is what an admin asked for, each request once, and all of it for a"
          + " refunded order; never more than taken"),
  M5("the charge is the price of what was ordered, never what a client says"),
  M6("ledger lines never change, and each transaction sums to zero"),
  M7("no declined payment has a confirmed order"),
  M8("no authorization is left open"),
  K1("received = available + reserved + sold, and what was brought in is there"),
  K2("no part of a stock is ever below zero"),
  K3("nothing is reserved when all is quiet"),
  K4("sold are the items of confirmed orders"),
  K5("of n units and more buyers exactly n get one, and never more is sold than there was"),
  K6(
      "a reservation ends once: confirmed, released or expired; what a refunded order bought comes"
          + " back once"),
  K7("what is reserved after it was released takes no stock"),
  K8("all lines of an order are reserved, or none"),
  O1("an order only moves as the contract says, and stays where it ended"),
  O2("every order ends, within 30 s of the last fault and the last order"),
  O3("an order that was acknowledged is there"),
  O4("a request of unknown outcome made one order at most, exactly one once repeated"),
  O5("a refused request left nothing behind"),
  O6("an order stands where its saga stands"),
  O7(
      "an accepted cancel wins: the order ends cancelled, or refunded if it was confirmed; a"
          + " refused one loses"),
  O8("undone are only steps that ran or may have run, in reverse; and they all are"),
  O9("each step has its effect once, however often it was tried (network's lines, movements)"),
  O10("a deleted user's pending orders are cancelled, confirmed ones stay"),
  O11(
      "what cannot be undone is in the list of stalled sagas",
      "an undoing stalls after ten failures in a row; no fault here lasts so long"),
  I1("the same key and request get the same status and body"),
  I2("a key with another request is refused with 422", Untried.BY_CUSTOMERS),
  I3("one key at the same moment makes one order", Untried.BY_CUSTOMERS),
  I4("a key is its user's own", Untried.BY_CUSTOMERS),
  I5("an order without a key is refused with 400", Untried.BY_CUSTOMERS),
  I6("who lost the answer and asks again learns what really happened"),
  I7("a key is known after order-svc, payment-svc and the database were killed"),
  I8("an order is charged once, also by a request with another key"),
  I9("the order of fields makes no other request", Untried.BY_CUSTOMERS),
  A1("nobody sees another's order", Untried.BY_CUSTOMERS),
  E1("what a service did has its event: orders, accounts, money given back, goods that came back"),
  E2("an event tells of something that was done"),
  E3("events come in the order of their positions, and of each aggregate's versions, without gaps"),
  E4("an event is the same whenever it is read"),
  E5("what is made of events is what they say, each of them once"),
  E6("an event is handled by each group it is for, or is a dead letter; nothing else is handled"),
  E7("a poisonous event holds up no other order", Untried.BY_POISON),
  E8("no event waits when all is quiet"),
  E9(
      "an event that no queue takes is reported, kept, and brought later",
      "only a broker has queues that are lost, with --faults --broker"),
  E10("an event of a newer schema is kept for an operator, not dropped", Untried.BY_POISON),
  E11("an event leads back to one request, by its causes and in one correlation"),
  Q1("lists show orders as they are"),
  Q2("the read model made anew is what it was, row for row"),
  Q3("an order in a list never gets older"),
  Q4("who says what they saw is shown nothing older, or told to come again"),
  Q5("who turns pages while others order misses none and sees none twice"),
  AUDIT("the system's own audit agrees");

  final String text;

  /** Why nothing tries it; empty if something does. */
  final String undriven;

  Invariant(String text) {
    this(text, "");
  }

  Invariant(String text, String undriven) {
    this.text = text;
    this.undriven = undriven;
  }

  /** Why something is not tried by each run. */
  private static final class Untried {
    static final String BY_CUSTOMERS = "only customers try it, with --faults or --soak";
    static final String BY_POISON = "only the poison of --faults does";
  }
}
