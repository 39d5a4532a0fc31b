package dev.weft.payment;

import dev.weft.durable.CommandId;
import dev.weft.durable.Database;
import dev.weft.durable.Fence;
import dev.weft.durable.Fence.Answer;
import dev.weft.durable.Fence.Attempt;
import dev.weft.durable.PageToken;
import dev.weft.durable.RequestIds;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.Rejection;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/**
 * The use cases. Each write first commits what is wanted, then lets {@link Settlement} ask the card
 * network, and answers with what came of it: the payment, a refusal, or UNAVAILABLE when that is
 * not known yet. Asking again is always safe and finds the outcome.
 *
 * <p>Thread-safe.
 */
final class Payments {
  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  /** What a fence need not keep. */
  private static final byte[] IN_THE_PAYMENT = {};

  private final Database database;
  private final PaymentStore store;
  private final Ledger ledger;
  private final Settlement settlement;
  private final Refunds refunds;
  private final Runnable tooLate;

  /**
   * @param tooLate told of each attempt to authorize what was given up before
   */
  Payments(
      Database database,
      PaymentStore store,
      Ledger ledger,
      Settlement settlement,
      Runnable tooLate) {
    this.database = database;
    this.store = store;
    this.ledger = ledger;
    this.settlement = settlement;
    this.tooLate = tooLate;
    refunds = new Refunds(store);
  }

  /** What an authorization asks for. */
  record Authorization(UUID orderId, UUID userId, Amount amount, String method, CommandId command) {
    /** Tells authorizations apart that carry the same command. */
    private byte[] hash() {
      return PaymentMessages.sha256(
              orderId
                  + " "
                  + userId
                  + " "
                  + amount.minor()
                  + " "
                  + amount.currency()
                  + " "
                  + method)
          .getBytes(StandardCharsets.US_ASCII);
    }
  }

  /**
   * What a refund by an administrator asks for.
   *
   * @param amount empty means all that is left
   * @param hash tells requests apart that carry the same id
   */
  record RefundWish(UUID paymentId, Optional<Amount> amount, RequestIds.Key request, String hash) {}

  /** Some rows of a list, and where it goes on; empty at its end. */
  record Page<T>(List<T> rows, String nextToken) {}

  Payment authorize(Authorization wanted) {
    Payment payment = database.inTransaction(tx -> begin(tx, wanted));
    if (payment.state() == PaymentState.AUTHORIZING) {
      payment = settlement.settle(payment);
    }
    return switch (payment.state()) {
      case AUTHORIZED -> {
        if (payment.released()) {
          throw voided();
        }
        yield payment;
      }
      case CAPTURING, CAPTURED, REFUNDED -> payment;
      case VOIDED -> throw voided();
      case DECLINED -> throw declined(payment);
      case AUTHORIZING -> throw unknown();
    };
  }

  Payment capture(UUID orderId, String commandId) {
    Payment payment =
        database.read(tx -> store.findByOrder(tx, orderId)).orElseThrow(Payments::notFound);
    if (payment.state() == PaymentState.AUTHORIZING) {
      payment = settlement.settle(payment);
    }
    payment = beginCapture(payment, commandId);
    if (payment.state() == PaymentState.CAPTURING) {
      payment = settlement.settle(payment);
    }
    return switch (payment.state()) {
      case CAPTURED, REFUNDED -> payment;
      case DECLINED -> throw declined(payment);
      case AUTHORIZED -> throw payment.released() ? notAuthorized() : unknown();
      case VOIDED -> throw notAuthorized();
      case AUTHORIZING, CAPTURING -> throw unknown();
    };
  }

  /** Empty when the order never had a payment; then it will never hold anything. */
  Optional<Payment> release(UUID orderId, CommandId command) {
    Optional<Payment> found = database.inTransaction(tx -> beginRelease(tx, orderId, command));
    if (found.isEmpty()) {
      return found;
    }
    Payment payment = found.get();
    if (payment.released() || payment.state() == PaymentState.CAPTURING) {
      payment = settlement.settle(payment);
    }
    return switch (payment.state()) {
      case VOIDED, DECLINED -> Optional.of(payment);
      case CAPTURED, REFUNDED ->
          throw Rejection.notAllowedNow("ALREADY_CAPTURED", "the payment was captured");
      case AUTHORIZING, AUTHORIZED, CAPTURING -> throw unknown();
    };
  }

  /** Asks the card network for a refund that it has not made, now. */
  PaymentStore.ListedRefund retryRefund(UUID refundId) {
    Payment payment =
        database.read(
            tx -> {
              Refund refund = store.findRefund(tx, refundId).orElseThrow(Payments::noRefund);
              if (refund.ended()) {
                throw Rejection.wrongState("REFUND_ENDED", "the refund is " + refund.state());
              }
              return store.find(tx, refund.paymentId()).orElseThrow();
            });
    settlement.settle(payment);
    return database.read(tx -> store.findListedRefund(tx, refundId)).orElseThrow();
  }

  /** Gives back all that is left of an order's payment. */
  Payment refundOrder(UUID orderId) {
    Payment payment =
        settlement.settle(
            database.inTransaction(
                tx -> {
                  Payment now = store.lockByOrder(tx, orderId).orElseThrow(Payments::notFound);
                  return now.state() == PaymentState.CAPTURED ? refunds.oweAll(tx, now) : now;
                }));
    UUID id = payment.id();
    return switch (payment.state()) {
      case REFUNDED -> payment;
      case CAPTURED ->
          throw database.<Boolean>read(tx -> store.isStalled(tx, id)) ? refundRefused() : unknown();
      case AUTHORIZING, AUTHORIZED, CAPTURING, VOIDED, DECLINED -> throw notCaptured();
    };
  }

  /**
   * As {@link #refundOrder}, in the caller's transaction: the card network is asked when that has
   * committed, and nobody waits for it.
   *
   * @throws IllegalStateException if the order paid nothing
   */
  void oweAll(Handle tx, UUID orderId) {
    Payment payment = store.lockByOrder(tx, orderId).orElseThrow(Payments::notFound);
    switch (payment.state()) {
      case CAPTURED -> {
        Payment owed = refunds.oweAll(tx, payment);
        database.afterCommit(() -> settlement.begin(owed));
      }
      case REFUNDED -> {}
      case AUTHORIZING, AUTHORIZED, CAPTURING, VOIDED, DECLINED ->
          throw new IllegalStateException(
              "order " + orderId + " paid nothing, its payment is " + payment.state());
    }
  }

  /** Gives back what the wish says, once per request id; the same request gets the same answer. */
  Payment refund(RefundWish wish) {
    byte[] reply = database.inTransaction(tx -> beginRefund(tx, wish));
    UUID refundId = uuid(reply);
    Payment payment =
        settlement.settle(
            database.read(tx -> store.find(tx, wish.paymentId()).orElseThrow(Payments::notFound)));
    Refund refund = database.read(tx -> store.findRefund(tx, refundId).orElseThrow());
    return switch (refund.state()) {
      case DONE -> {
        Refund.Done done = refund.done().orElseThrow();
        yield payment.asOfRefund(done.refundedAfterMinor(), done.time());
      }
      case REQUESTED -> throw unknown();
      case STALLED, REFUSED -> throw refundRefused();
    };
  }

  /** A payment of this user; of anybody when the user is empty. */
  Payment get(UUID paymentId, Optional<UUID> ofUser) {
    return database
        .read(tx -> store.find(tx, paymentId))
        .filter(payment -> ofUser.isEmpty() || payment.userId().equals(ofUser.get()))
        .orElseThrow(Payments::notFound);
  }

  /** Payments of this user, newest first; of everybody when the user is empty. */
  Page<Payment> list(Optional<UUID> ofUser, Optional<UUID> orderId, int size, String token) {
    String[] arguments = {
      "payments", ofUser.map(UUID::toString).orElse("*"), orderId.map(UUID::toString).orElse("")
    };
    Optional<UUID> before = lastKey(token, arguments).map(Payments::uuidInToken);
    List<Payment> rows = database.read(tx -> store.list(tx, ofUser, orderId, before, size + 1));
    return page(rows, size, last -> last.id().toString(), arguments);
  }

  /** Refunds, newest first; in one state, or in any. */
  Page<PaymentStore.ListedRefund> listRefunds(
      Optional<Refund.State> state, int size, String token) {
    String[] arguments = {"refunds", state.map(Refund.State::name).orElse("*")};
    Optional<UUID> before = lastKey(token, arguments).map(Payments::uuidInToken);
    List<PaymentStore.ListedRefund> rows =
        database.read(tx -> store.listRefunds(tx, state, before, size + 1));
    return page(rows, size, last -> last.refund().id().toString(), arguments);
  }

  /**
   * Lines of the books, oldest first; of one order or of all. While a line before the page's end is
   * still being written, the page is empty and the token leads to it once more.
   */
  Page<Ledger.Entry> listLedger(Set<UUID> orderIds, int size, String token) {
    String[] arguments = {
      "ledger", orderIds.stream().sorted().map(UUID::toString).collect(Collectors.joining(" "))
    };
    long after = lastKey(token, arguments).map(Payments::numberInToken).orElse(0L);
    // The lines of one order wait for each other: its payment is locked.
    OptionalLong settled =
        orderIds.size() == 1 ? OptionalLong.of(Long.MAX_VALUE) : Ledger.TABLE.settled(database);
    if (settled.isEmpty()) {
      return new Page<>(List.of(), PageToken.after(Long.toString(after), arguments));
    }
    List<Ledger.Entry> rows =
        database.read(tx -> ledger.list(tx, orderIds, after, settled.getAsLong(), size + 1));
    return page(rows, size, last -> Long.toString(last.id()), arguments);
  }

  private Payment begin(Handle tx, Authorization wanted) {
    store.lockOrder(tx, wanted.orderId());
    AtomicReference<Payment> begun = new AtomicReference<>();
    Attempt attempt =
        Fence.attempt(
            tx,
            wanted.command(),
            wanted.hash(),
            () -> {
              insert(tx, wanted).ifPresent(begun::set);
              return new Answer.Done(IN_THE_PAYMENT);
            });
    return switch (attempt) {
      case Attempt.Answered _ -> {
        Payment payment =
            Optional.ofNullable(begun.get())
                .or(() -> store.lockByOrder(tx, wanted.orderId()))
                .orElseThrow();
        if (!payment.sameRequest(wanted.userId(), wanted.amount(), wanted.method())) {
          throw ofOtherContent();
        }
        yield payment;
      }
      case Attempt.Cancelled() -> {
        tooLate.run();
        throw voided();
      }
      case Attempt.Reused() -> throw ofOtherContent();
    };
  }

  /** Begins the order's one payment, unless another command did. */
  private Optional<Payment> insert(Handle tx, Authorization wanted) {
    Optional<Payment> begun =
        store.insert(
            tx,
            new Payment(
                UuidV7.next(),
                wanted.orderId(),
                wanted.userId(),
                wanted.amount(),
                wanted.method(),
                PaymentState.AUTHORIZING,
                0,
                0,
                0,
                Optional.empty(),
                Optional.empty(),
                Payment.Commands.authorize(wanted.command().toString()),
                // The database's clock sets both.
                Instant.EPOCH,
                Instant.EPOCH));
    if (begun.isEmpty() && store.lockByOrder(tx, wanted.orderId()).isEmpty()) {
      throw voided();
    }
    return begun;
  }

  private Payment beginCapture(Payment read, String commandId) {
    if (!read.capturable()) {
      return read;
    }
    return database
        .inOneStatement(tx -> store.saveUnlessChanged(tx, read, read.capturing(commandId)))
        .orElseGet(
            () ->
                database.inTransaction(
                    tx -> {
                      Payment now = store.lock(tx, read.id());
                      return now.capturable() ? store.save(tx, now.capturing(commandId)) : now;
                    }));
  }

  private Optional<Payment> beginRelease(Handle tx, UUID orderId, CommandId command) {
    store.lockOrder(tx, orderId);
    Optional<Payment> found = store.lockByOrder(tx, orderId);
    if (found.isEmpty()) {
      Fence.undo(tx, command, _ -> {});
      store.remember(tx, orderId, command.toString());
      return found;
    }
    Payment payment = found.get();
    boolean open =
        payment.state() == PaymentState.AUTHORIZING || payment.state() == PaymentState.AUTHORIZED;
    if (!open || payment.released()) {
      return found;
    }
    Fence.undo(tx, command, _ -> {});
    return Optional.of(store.save(tx, payment.releasing(command.toString())));
  }

  private byte[] beginRefund(Handle tx, RefundWish wish) {
    RequestIds.Outcome outcome =
        RequestIds.once(
            tx,
            wish.request(),
            wish.hash().getBytes(StandardCharsets.US_ASCII),
            () -> {
              Payment payment = store.find(tx, wish.paymentId()).orElseThrow(Payments::notFound);
              payment = store.lock(tx, payment.id());
              String cause =
                  Refund.ofRequest(wish.request().principal(), wish.request().requestId());
              Optional<Refund> before = store.findRefundByCause(tx, cause);
              if (before.isPresent()) {
                // The request id was forgotten, being old; what it did is not.
                return bytes(before.get().id());
              }
              UUID refundId = UuidV7.next();
              refunds.begin(tx, payment, refundId, cause, refundMinor(payment, wish.amount()));
              return bytes(refundId);
            });
    return switch (outcome) {
      case RequestIds.Outcome.Fresh(byte[] reply) -> reply;
      case RequestIds.Outcome.Replayed(byte[] reply) -> reply;
      case RequestIds.Outcome.Reused() -> throw Rejection.requestIdReused();
      case RequestIds.Outcome.InProgress() -> throw Rejection.requestInProgress();
    };
  }

  /** How much to give back; refuses what the payment does not have. */
  private static long refundMinor(Payment payment, Optional<Amount> wanted) {
    if (payment.state() != PaymentState.CAPTURED && payment.state() != PaymentState.REFUNDED) {
      throw notCaptured();
    }
    if (wanted.isPresent() && !wanted.get().currency().equals(payment.amount().currency())) {
      throw Rejection.invalid(
          "amount.currency_code", "the payment is in " + payment.amount().currency());
    }
    long minor = wanted.map(Amount::minor).orElse(payment.refundableMinor());
    if (minor == 0 || minor > payment.refundableMinor()) {
      throw Rejection.wrongState(
          "REFUND_EXCEEDS_CAPTURE", "more than what is left of the captured amount");
    }
    return minor;
  }

  private static <T> Page<T> page(
      List<T> rows, int size, Function<T, String> key, String... arguments) {
    if (rows.size() <= size) {
      return new Page<>(rows, "");
    }
    List<T> shown = rows.subList(0, size);
    return new Page<>(shown, PageToken.after(key.apply(shown.getLast()), arguments));
  }

  private static Optional<String> lastKey(String token, String... arguments) {
    try {
      return PageToken.lastKey(token, arguments);
    } catch (IllegalArgumentException e) {
      throw Rejection.invalid("page_token", String.valueOf(e.getMessage()));
    }
  }

  private static UUID uuidInToken(String key) {
    try {
      return UUID.fromString(key);
    } catch (IllegalArgumentException e) {
      throw Rejection.invalid("page_token", "the page token is damaged");
    }
  }

  private static long numberInToken(String key) {
    try {
      return Long.parseLong(key);
    } catch (NumberFormatException e) {
      throw Rejection.invalid("page_token", "the page token is damaged");
    }
  }

  private static byte[] bytes(UUID id) {
    return ByteBuffer.allocate(16)
        .putLong(id.getMostSignificantBits())
        .putLong(id.getLeastSignificantBits())
        .array();
  }

  private static UUID uuid(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    return new UUID(buffer.getLong(), buffer.getLong());
  }

  private static Rejection notFound() {
    return Rejection.notFound("PAYMENT_NOT_FOUND", "no such payment");
  }

  private static Rejection noRefund() {
    return Rejection.notFound("REFUND_NOT_FOUND", "no such refund");
  }

  private static Rejection ofOtherContent() {
    return Rejection.alreadyExists(
        "PAYMENT_EXISTS", "the order has a payment of another user, amount or card");
  }

  private static Rejection voided() {
    return Rejection.notAllowedNow("PAYMENT_VOIDED", "the order's payment was given free");
  }

  private static Rejection notAuthorized() {
    return Rejection.notAllowedNow("NOT_AUTHORIZED", "the payment was given free");
  }

  private static Rejection declined(Payment payment) {
    return Rejection.notAllowedNow("PAYMENT_DECLINED", "the card network declined the payment")
        .with("decline_reason", payment.declineReason().orElse("declined"));
  }

  private static Rejection notCaptured() {
    return Rejection.wrongState("NOT_CAPTURED", "the payment was not captured");
  }

  private static Rejection refundRefused() {
    return Rejection.wrongState("REFUND_REFUSED", "the card network refused the refund");
  }

  private static Rejection unknown() {
    return Rejection.unavailable(
            "CARD_NETWORK_UNAVAILABLE", "the card network has not said what happened", RETRY_AFTER)
        .causedBy("card-network");
  }
}
