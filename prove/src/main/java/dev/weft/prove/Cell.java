package dev.weft.prove;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

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
    GIVE_BACK("card_ok", "STATE_REFUNDED"),
    /** The card is good, and the order is looked for where lists are read from. */
    LOOK("card_ok", "STATE_CONFIRMED"),
    /** Called off when it was confirmed: money and goods come back, by events alone. */
    RETURN("card_ok", "STATE_REFUNDED"),
    /** Its customer deletes the account before any money could be taken. */
    LEAVE("card_ok", "STATE_CANCELLED");

    final String card;
    final String end;

    Way(String card, String end) {
      this.card = card;
      this.end = end;
    }
  }

  /** A point that a step does not have, and why. */
  record Omitted(String step, String point, String reason) {
    String name() {
      return step + "/" + point;
    }
  }

  /**
   * All crashes there are, and those that there are not.
   *
   * @param tables the points that steps have in common, table by table
   */
  record Grid(List<Cell> cells, List<Omitted> omitted, List<List<String>> tables) {}

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

  private static final List<String> STEP_POINTS =
      List.of(
          "before-call",
          "after-call",
          "after-write",
          "received",
          "committed",
          "before-network",
          "network-received",
          "network-committed",
          "after-network",
          "answered");

  private static final List<String> EVENT_POINTS =
      List.of("recorded", "sequenced", "arrived", "handled", "consumed", "unmarked", "published");

  /**
   * The grid: steps times points, and events on their ways times points.
   *
   * @param noBroker why events go without a broker; empty if they go by one
   */
  static Grid grid(Optional<String> noBroker) {
    List<Cell> cells = new ArrayList<>();
    List<Omitted> omitted = new ArrayList<>();
    steps(cells, omitted);
    for (Flow flow : Flow.values()) {
      events(flow, noBroker, cells, omitted);
    }
    return new Grid(cells, omitted, List.of(STEP_POINTS, EVENT_POINTS));
  }

  private static void steps(List<Cell> cells, List<Omitted> omitted) {
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
    }
  }

  private static void events(
      Flow flow, Optional<String> noBroker, List<Cell> cells, List<Omitted> omitted) {
    String log = "event.sequence." + flow.source;
    String handle = "event.handle." + flow.consumer;
    said(flow, "recorded", log + ".before", cells, omitted);
    said(flow, "sequenced", log + ".after", cells, omitted);
    cells.add(event(flow, "arrived", flow.handler, handle + ".before"));
    cells.add(event(flow, "handled", flow.handler, handle + ".before-commit"));
    cells.add(event(flow, "consumed", flow.handler, handle + ".after-commit"));
    if (noBroker.isEmpty() && flow.byBroker()) {
      said(flow, "published", "event.publish." + flow.source + ".confirmed", cells, omitted);
      omitted.add(new Omitted(flow.word(), "unmarked", "the broker is told, not the source"));
    } else {
      String why = noBroker.orElse("its own log brings it, past the broker");
      omitted.add(new Omitted(flow.word(), "published", why));
      cells.add(event(flow, "unmarked", flow.source, "event.acknowledge." + flow.consumer));
    }
  }

  /** A point that an event comes by once, whoever is to get it. */
  private static void said(
      Flow flow, String point, String failPoint, List<Cell> cells, List<Omitted> omitted) {
    if (flow == Flow.GOODS_OWED) {
      String why = "the same event as in " + Flow.MONEY_OWED.word();
      omitted.add(new Omitted(flow.word(), point, why));
    } else {
      cells.add(event(flow, point, flow.source, failPoint));
    }
  }

  private static Cell event(Flow flow, String point, String process, String failPoint) {
    Way way =
        switch (flow) {
          case VIEW -> Way.LOOK;
          case FAREWELL -> Way.LEAVE;
          case MONEY_OWED, GOODS_OWED, MONEY_BACK, GOODS_BACK -> Way.RETURN;
        };
    return new Cell(flow.word(), point, process, failPoint, way);
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
