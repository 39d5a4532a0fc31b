package dev.weft.card;

/** What a merchant may ask for. */
sealed interface Command {
  long AMOUNT_MAX = 1_000_000_000_000L;

  /** The operation's word in the journal. */
  String operation();

  /** Holds an amount on a card. */
  record Authorize(String reference, String card, long amount, String currency) implements Command {
    public Authorize {
      word("reference", reference);
      word("card", card);
      positive(amount);
      if (!currency.matches("[A-Z]{3}")) {
        throw Refusal.invalid("currency: expected three capital letters");
      }
    }

    @Override
    public String operation() {
      return "authorize";
    }
  }

  /** Takes what is held. */
  record Capture(String chargeId) implements Command {
    @Override
    public String operation() {
      return "capture";
    }
  }

  /** Gives free what is held. */
  record Release(String chargeId) implements Command {
    @Override
    public String operation() {
      return "void";
    }
  }

  /** Gives back some of what was taken. */
  record Refund(String chargeId, String refundId, long amount) implements Command {
    public Refund {
      word("refundId", refundId);
      positive(amount);
    }

    @Override
    public String operation() {
      return "refund";
    }
  }

  /** Refuses what is not 1 to 200 visible ASCII characters. */
  static void word(String field, String value) {
    if (!value.matches("[!-~]{1,200}")) {
      throw Refusal.invalid(field + ": expected 1 to 200 visible ASCII characters");
    }
  }

  private static void positive(long amount) {
    if (amount < 1 || amount > AMOUNT_MAX) {
      throw Refusal.invalid("amount: expected 1 to " + AMOUNT_MAX + " minor units");
    }
  }
}
