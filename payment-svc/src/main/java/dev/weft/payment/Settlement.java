package dev.weft.payment;

import dev.weft.durable.Database;
import dev.weft.durable.Work;
import dev.weft.failpoint.FailPoint;
import dev.weft.mesh.TimeLeft;
import io.grpc.Context;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings payments to rest: asks the card network for what their rows say is to be done, and writes
 * down what it did. What is to be done is always committed before the network is asked, and no
 * transaction is open while it is.
 *
 * <p>The work for a payment runs on a thread of its own, once at a time in this process, and goes
 * on when its caller gives up or goes away. Two processes at the same payment do no harm: the
 * network does a thing once per key, and whoever writes second finds it written.
 *
 * <p>What the network tells by itself ({@link #told}) only makes that sooner.
 *
 * <p>Thread-safe.
 */
final class Settlement implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Settlement.class);

  /** Longer than any one step, which may cost an answer and a look-up. */
  static final Duration PATIENCE = Duration.ofSeconds(9);

  /** Authorize and release, or a few refunds; whatever is left then is left to the resolver. */
  private static final int STEPS_MAX = 8;

  private static final int ROUNDS_MAX = 3;

  private final Database database;
  private final PaymentStore store;
  private final Ledger ledger;
  private final CardNetwork network;
  private final Refunds refunds;
  private final PaymentEvents events;
  private final ConcurrentHashMap<UUID, CompletableFuture<Payment>> running =
      new ConcurrentHashMap<>();

  Settlement(
      Database database,
      PaymentStore store,
      Ledger ledger,
      CardNetwork network,
      PaymentEvents events) {
    this.database = database;
    this.store = store;
    this.ledger = ledger;
    this.network = network;
    this.events = events;
    refunds = new Refunds(store);
  }

  /** Sets to work on the payment, unless it is being worked on, and does not wait for it. */
  void begin(Payment payment) {
    CompletableFuture<Payment> work = new CompletableFuture<>();
    // What is wanted too late for work that is about to end, the resolver takes up.
    if (payment.next().isPresent() && running.putIfAbsent(payment.id(), work) == null) {
      start(payment, work);
    }
  }

  /**
   * Works on the payment until it is at rest or nothing more can be learned now, and returns it as
   * it is then; or as it is when the caller's deadline comes near, while the work goes on.
   */
  Payment settle(Payment payment) {
    long patienceEnds = System.nanoTime() + TimeLeft.ofCall(PATIENCE).toNanos();
    Payment known = payment;
    for (int round = 0; round < ROUNDS_MAX && known.next().isPresent(); round++) {
      CompletableFuture<Payment> mine = new CompletableFuture<>();
      CompletableFuture<Payment> others = running.putIfAbsent(payment.id(), mine);
      if (others == null) {
        start(known, mine);
        return await(mine, patienceEnds).orElse(known);
      }
      Optional<Payment> ended = await(others, patienceEnds);
      if (ended.isEmpty()) {
        return known;
      }
      known = database.read(tx -> store.find(tx, payment.id()).orElseThrow());
      if (ended.get().next().isPresent()) {
        // Nothing more can be learned now.
        return known;
      }
      // It may have ended just before what this caller wants was written: then another round.
    }
    return known;
  }

  /**
   * Takes what the card network tells by itself: moves the payment by it exactly as an answer
   * would, once per event, and lets whoever waits for that answer have it now. What says nothing of
   * the payment's next step, being old, early or known, changes nothing and costs no write.
   *
   * @return false if there is no such payment here
   */
  boolean told(CardEvent event) {
    Optional<Payment> found = database.read(tx -> store.findByOrder(tx, event.orderId()));
    if (found.flatMap(Payment::next).isPresent()) {
      UUID id = found.get().id();
      // Who comes after this look waits for more than the event tells.
      CompletableFuture<Payment> waiting = running.get(id);
      Payment moved = database.inTransaction(tx -> take(tx, id, event));
      // The work that still waits for the network's answer ends for itself, and finds it written.
      if (moved.next().isEmpty() && waiting != null && running.remove(id, waiting)) {
        waiting.complete(moved);
      }
    }
    return found.isPresent();
  }

  private Payment take(Handle tx, UUID paymentId, CardEvent event) {
    Payment now = store.lock(tx, paymentId);
    if (now.next().isEmpty() || !store.take(tx, event, now)) {
      return now;
    }
    for (Optional<Payment.Step> step = now.next(); step.isPresent(); step = now.next()) {
      Optional<Payment> moved = learn(tx, now, step.get(), event.charge());
      if (moved.isEmpty()) {
        break;
      }
      now = moved.get();
    }
    return now;
  }

  /**
   * Waits for what runs, as long as one step may take; what is left then, a later start takes up.
   */
  @Override
  public void close() {
    try {
      CompletableFuture.allOf(running.values().toArray(CompletableFuture[]::new))
          .get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      log.warn("{} payments are left for the next start", running.size());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void start(Payment payment, CompletableFuture<Payment> result) {
    // The fork keeps the trace and the request id, and leaves deadline and cancellation behind.
    Runnable work =
        Context.current()
            .fork()
            .wrap(
                () -> {
                  try {
                    Payment end = run(payment);
                    running.remove(payment.id(), result);
                    result.complete(end);
                  } catch (RuntimeException | Error e) {
                    running.remove(payment.id(), result);
                    result.completeExceptionally(e);
                    log.warn(
                        "payment {} is left {}, it is taken up again later: {}",
                        payment.id(),
                        payment.state(),
                        why(e));
                    log.debug("payment {} is left", payment.id(), e);
                  }
                });
    Thread.ofVirtual().name("payment-" + payment.orderId()).start(work);
  }

  private static String why(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.toString();
  }

  private Payment run(Payment begun) {
    Payment payment = begun;
    for (int i = 0; i < STEPS_MAX; i++) {
      Optional<Payment.Step> step = payment.next();
      if (step.isEmpty()) {
        return payment;
      }
      FailPoint.hit("payment.", step.get().name(), ".before-network");
      Optional<Payment> moved =
          switch (step.get()) {
            case AUTHORIZE -> authorize(payment);
            case CAPTURE -> capture(payment);
            case RELEASE -> release(payment);
            case REFUND -> refund(payment);
          };
      if (moved.isEmpty()) {
        UUID id = payment.id();
        database.inTransactionVoid(tx -> store.postpone(tx, id));
        return payment;
      }
      payment = moved.get();
    }
    return payment;
  }

  private Optional<Payment> authorize(Payment payment) {
    CardNetwork.Reply reply = network.authorize(payment);
    FailPoint.hit("payment.AUTHORIZE.after-network");
    return reply.charge().isPresent()
        ? write(payment, Payment.Step.AUTHORIZE, reply.charge().get())
        : reply.refusal().map(code -> writeDeclined(payment, code));
  }

  private Optional<Payment> capture(Payment payment) {
    Optional<CardCharge> charge = network.capture(payment).charge();
    FailPoint.hit("payment.CAPTURE.after-network");
    return charge.flatMap(told -> write(payment, Payment.Step.CAPTURE, told));
  }

  private Optional<Payment> release(Payment payment) {
    Optional<CardCharge> charge = network.release(payment).charge();
    FailPoint.hit("payment.RELEASE.after-network");
    return charge.flatMap(told -> write(payment, Payment.Step.RELEASE, told));
  }

  private Optional<Payment> refund(Payment payment) {
    Refund refund = database.read(tx -> store.nextRefund(tx, payment.id())).orElse(null);
    if (refund == null) {
      // Another process ended it since the payment was read.
      return Optional.of(database.read(tx -> store.find(tx, payment.id()).orElseThrow()));
    }
    CardNetwork.Reply reply = network.refund(payment, refund);
    FailPoint.hit("payment.REFUND.after-network");
    if (reply.charge().isEmpty()) {
      return Optional.empty();
    }
    CardCharge told = reply.charge().get();
    return told.refunded(refund)
        ? write(payment, Payment.Step.REFUND, told)
        : reply.refusal().flatMap(code -> writeRefused(payment, refund, code));
  }

  /** Moves the payment by what the charge says, unless it has moved since the network was asked. */
  private Optional<Payment> write(Payment asked, Payment.Step step, CardCharge told) {
    // It hardly ever has: then there is no need to lock it first.
    Optional<Payment> moved = after(asked, step, told).flatMap(after -> write(asked, after));
    return moved.isPresent()
        ? moved
        : database.inTransaction(
            tx -> {
              Payment now = store.lock(tx, asked.id());
              return now.next().equals(Optional.of(step))
                  ? learn(tx, now, step, told)
                  : Optional.of(now);
            });
  }

  /** Nothing if it has moved since it was read. */
  private Optional<Payment> write(Payment read, Payment after) {
    Work<Optional<Payment>> write =
        tx -> store.saveUnlessChanged(tx, read, after).map(saved -> booked(tx, saved));
    return after.state() == PaymentState.CAPTURED
        ? database.inTransaction(write)
        : database.inOneStatement(write);
  }

  /**
   * Moves the payment, which this transaction has locked, by what the charge says of its next step;
   * empty when it says nothing of it yet.
   */
  private Optional<Payment> learn(Handle tx, Payment now, Payment.Step step, CardCharge told) {
    return step == Payment.Step.REFUND
        ? Optional.ofNullable(refunded(tx, now, told))
        : after(now, step, told).map(after -> booked(tx, store.save(tx, after)));
  }

  /**
   * The payment after what the charge says of its next step; empty when it says nothing of it yet,
   * and of refunds, which have rows of their own.
   */
  private static Optional<Payment> after(Payment now, Payment.Step step, CardCharge told) {
    return Optional.ofNullable(
        switch (step) {
          case AUTHORIZE ->
              switch (told.status()) {
                // Captured, when the books were restored from a backup: the capture finds out.
                case AUTHORIZED, CAPTURED -> now.authorized(told.id());
                case DECLINED -> now.declined(reason(told));
                case VOIDED -> now.voided();
              };
          case CAPTURE ->
              switch (told.status()) {
                case CAPTURED -> now.captured();
                case DECLINED, VOIDED -> now.declined(reason(told));
                // Not captured yet: the request may still be on its way.
                case AUTHORIZED -> null;
              };
          case RELEASE ->
              switch (told.status()) {
                case DECLINED, VOIDED -> now.voided();
                case CAPTURED -> now.captured();
                case AUTHORIZED -> null;
              };
          case REFUND -> null;
        });
  }

  private Payment booked(Handle tx, Payment saved) {
    if (saved.state() == PaymentState.CAPTURED) {
      ledger.captured(tx, saved);
    }
    return saved;
  }

  private @Nullable Payment refunded(Handle tx, Payment now, CardCharge told) {
    Refund refund = store.nextRefund(tx, now.id()).orElse(null);
    if (refund == null
        || !told.refunded(refund)
        || !store.done(tx, refund, now.refundedMinor() + refund.amountMinor())) {
      return null;
    }
    ledger.refunded(tx, now, refund);
    Payment refunded = store.save(tx, now.refunded(refund.amountMinor()));
    events.refunded(tx, refunded, refund);
    return refunded;
  }

  private static String reason(CardCharge charge) {
    return charge.declineReason().orElse("charge_" + charge.status()).toLowerCase(Locale.ROOT);
  }

  private Payment writeDeclined(Payment asked, String code) {
    return database.inTransaction(
        tx -> {
          Payment now = store.lock(tx, asked.id());
          return now.state() == asked.state() ? store.save(tx, now.declined(code)) : now;
        });
  }

  /** Empty when it is owed: then there is nothing more to learn now. */
  private Optional<Payment> writeRefused(Payment asked, Refund refund, String code) {
    if (refund.refusal().isEmpty()) {
      log.error(
          "refund {} of payment {} of order {} was refused: {}{}",
          refund.id(),
          asked.id(),
          asked.orderId(),
          code,
          refund.owed() ? "; it is owed, and asked for again" : "");
    }
    Payment after =
        database.inTransaction(tx -> refunds.refused(tx, store.lock(tx, asked.id()), refund, code));
    return refund.owed() ? Optional.empty() : Optional.of(after);
  }

  /** The result; empty when it is not there in time. Fails as the work failed. */
  private static Optional<Payment> await(CompletableFuture<Payment> work, long ends) {
    try {
      return Optional.of(work.get(Math.max(0, ends - System.nanoTime()), TimeUnit.NANOSECONDS));
    } catch (TimeoutException e) {
      return Optional.empty();
    } catch (ExecutionException e) {
      throw new CompletionException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }
}
