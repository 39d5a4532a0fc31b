package dev.weft.card;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The cards this network has issued, and how each behaves. */
enum Card {
  /** Everything succeeds at once. */
  CARD_OK(null),
  /** No authorization. */
  CARD_DECLINED("card_declined"),
  /** No authorization. */
  CARD_INSUFFICIENT_FUNDS("insufficient_funds"),
  /** The capture takes its time, and succeeds. */
  CARD_SLOW(null),
  /** The capture succeeds, but nobody is told: the connection goes silent and then away. */
  CARD_TIMEOUT(null),
  /** Stands for every name that is no card of this network. */
  UNKNOWN("unknown_card");

  private final String text = name().toLowerCase(Locale.ROOT);
  private final Optional<String> declineReason;

  Card(@Nullable String declineReason) {
    this.declineReason = Optional.ofNullable(declineReason);
  }

  static Card named(String name) {
    return Arrays.stream(values())
        .filter(card -> card != UNKNOWN && card.text.equals(name))
        .findFirst()
        .orElse(UNKNOWN);
  }

  /** The one text of this name that every charge may hold; its own for what is no card. */
  String shared(String name) {
    return this == UNKNOWN ? name : text;
  }

  /** Why an authorization is refused, if it is. */
  Optional<String> declineReason() {
    return declineReason;
  }
}
