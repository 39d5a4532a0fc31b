package dev.weft.prove;

import java.util.ArrayList;
import java.util.List;

/**
 * One crash: a process ends at a point of a step of an order's way.
 *
 * @param process that ends
 * @param failPoint where
 * @param way that the order takes through the step
 */
record Cell(String step, String point, String process, String failPoint, Way way) {

  /** The ways an order can go, and how each must end whatever crashes. */
  enum Way {
    /** The card is good. */
    BUY("card_ok", "STATE_CONFIRMED"),
    /** The card is refused: the stock is given back. */
    DECLINE("card_declined", "STATE_CANCELLED"),
    /** Called off while the goods are being pinned: payment and stock are given back. */
    CALL_OFF("card_ok", "STATE_CANCELLED"),
    /** Confirmed; then an admin gives all of its money back, and its goods follow. */
    GIVE_BACK("card_ok", "STATE_REFUNDED");

    final String card;
    final String end;

    Way(String card, String end) {
      this.card = card;
      this.end = end;
    }
  }

  /** A point that a step does not have, and why. */
  record Omitted(String step, String point, String reason) {}

  /** All crashes there are, and those that there are not. */
  record Grid(List<Cell> cells, List<Omitted> omitted) {}

  /**
   * A step of the order's way.
   *
   * @param saga its name in the saga and its direction; empty for what a client asks for
   * @param rpc the participant's method
   * @param network the card network's operation behind it, and payment-svc's step; empty if none
   */
  private record Step(
      String name,
      String saga,
      String rpc,
      String participant,
      String network,
      String settlement,
      Way way) {
    Cell cell(String point, String process, String failPoint) {
      return new Cell(name, point, process, failPoint, way);
    }
  }

  private static final List<Step> STEPS =
      List.of(
          new Step("accept", "", "CreateOrder", Shop.ORDER, "", "", Way.BUY),
          new Step("check-user", "check-user.forward", "BatchGetUsers", Shop.USER, "", "", Way.BUY),
          new Step("reserve", "reserve.forward", "ReserveStock", Shop.INVENTORY, "", "", Way.BUY),
          new Step(
              "authorize",
              "authorize.forward",
              "Authorize",
              Shop.PAYMENT,
              "authorize",
              "AUTHORIZE",
              Way.BUY),
          new Step("pin", "pin.forward", "PinReservation", Shop.INVENTORY, "", "", Way.BUY),
          new Step(
              "capture", "capture.forward", "Capture", Shop.PAYMENT, "capture", "CAPTURE", Way.BUY),
          new Step(
              "confirm", "confirm.forward", "ConfirmReservation", Shop.INVENTORY, "", "", Way.BUY),
          new Step("cancel", "", "CancelOrder", Shop.ORDER, "", "", Way.CALL_OFF),
          new Step(
              "void", "authorize.backward", "Void", Shop.PAYMENT, "void", "RELEASE", Way.CALL_OFF),
          new Step(
              "release",
              "reserve.backward",
              "ReleaseReservation",
              Shop.INVENTORY,
              "",
              "",
              Way.CALL_OFF),
          new Step(
              "release-declined",
              "reserve.backward",
              "ReleaseReservation",
              Shop.INVENTORY,
              "",
              "",
              Way.DECLINE),
          new Step("refund", "", "RefundPayment", Shop.PAYMENT, "refund", "REFUND", Way.GIVE_BACK));

  /** The grid: steps times points. */
  static Grid grid() {
    List<Cell> cells = new ArrayList<>();
    List<Omitted> omitted = new ArrayList<>();
    for (Step step : STEPS) {
      saga(step, cells, omitted);
      cells.add(step.cell("received", step.participant, "rpc." + step.rpc + ".received"));
      cells.add(step.cell("committed", step.participant, "rpc." + step.rpc + ".committed"));
      network(step, cells, omitted);
      if (step.saga.isEmpty()) {
        cells.add(step.cell("answered", Shop.EDGE, "edge." + step.rpc + ".answered"));
      } else {
        omitted.add(new Omitted(step.name, "answered", "no client waits for it at the edge"));
      }
      omitted.add(new Omitted(step.name, "published, not marked", "nobody here reads events yet"));
      omitted.add(
          new Omitted(step.name, "consumed, not acknowledged", "nobody here reads events yet"));
    }
    return new Grid(cells, omitted);
  }

  private static void saga(Step step, List<Cell> cells, List<Omitted> omitted) {
    for (String point : List.of("before-call", "after-call", "after-write")) {
      if (step.saga.isEmpty()) {
        omitted.add(new Omitted(step.name, point, "a client's request, no step of the saga"));
      } else {
        cells.add(step.cell(point, Shop.ORDER, "saga." + step.saga + "." + point));
      }
    }
  }

  private static void network(Step step, List<Cell> cells, List<Omitted> omitted) {
    if (step.network.isEmpty()) {
      for (String point :
          List.of("before-network", "network-received", "network-committed", "after-network")) {
        omitted.add(new Omitted(step.name, point, "the card network has no part in it"));
      }
      return;
    }
    String settlement = "payment." + step.settlement;
    cells.add(step.cell("before-network", Shop.PAYMENT, settlement + ".before-network"));
    cells.add(
        step.cell("network-received", Shop.CARD_NETWORK, "card." + step.network + ".received"));
    cells.add(
        step.cell("network-committed", Shop.CARD_NETWORK, "card." + step.network + ".committed"));
    cells.add(step.cell("after-network", Shop.PAYMENT, settlement + ".after-network"));
  }

  String name() {
    return step + "/" + point;
  }
}
