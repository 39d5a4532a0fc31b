package dev.weft.card;

import dev.weft.card.Charge.Status;
import dev.weft.failpoint.FailPoint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The network's ledger: every charge, and every key with what was answered to it. All of it is in
 * memory and follows from the journal; nothing is told, not even to a look-up, before the journal
 * has it on the disk.
 *
 * <p>A command with a key that was used before gives the charge as it was answered then; only an
 * effect is remembered, so a refused command may come again. Thread-safe.
 *
 * <p>Bounded by what it holds in memory, each charge, refund and answer weighed by the figures
 * below. As payment-svc makes them, a captured charge weighs 894 bytes and a refund 399; measured
 * are 750 and 350 (57,140 captured charges in a heap of 96 MiB: 42.6 MB in use when they were made,
 * 39.5 MB when they were replayed). When only an eighth of the bound is left, authorizations are
 * refused; when nothing is left, refunds too. Captures and voids go on: each authorized charge has
 * room for its own from the start.
 */
final class Charges implements AutoCloseable {
  /** A charge and its reference, but for the reference's and the card's letters. */
  private static final int CHARGE_BYTES = 320;

  /** A key and what was answered to it, but for the key's letters. */
  private static final int ANSWER_BYTES = 224;

  /** A refund in its charge, but for its id's letters. */
  private static final int REFUND_BYTES = 96;

  /** Kept free for each authorized charge: its capture or void, with the longest key. */
  private static final int ENDING_BYTES = ANSWER_BYTES + 200;

  private final InstantSource clock;
  private final long bytesMax;
  private final Journal journal;

  private final ReentrantLock lock = new ReentrantLock();
  private final List<Charge> charges = new ArrayList<>();
  private final Map<String, Integer> byReference = new HashMap<>();
  private final Map<String, Answer> answers = new HashMap<>();

  private long bytes;

  /** What a key was used for, and what a charge was like then; the charge itself has the rest. */
  private record Answer(
      UUID fingerprint, int index, Status status, int refunds, Instant updateTime) {}

  /**
   * Opens the ledger in this directory, which is made if it is missing.
   *
   * @param bytesMax what it may hold in memory
   * @param onFailure told once when the disk fails; from then on nothing can be answered
   */
  Charges(Path directory, InstantSource clock, long bytesMax, Consumer<IOException> onFailure)
      throws IOException {
    this.clock = clock;
    this.bytesMax = bytesMax;
    journal = Journal.open(directory, this::replay, onFailure);
  }

  /** Does what the command says, once per key. */
  Charge perform(String key, Command command) {
    Command.word("Idempotency-Key", key);
    String fingerprint = fingerprint(command);
    FailPoint.hit("card.", command.operation(), ".received");
    Charge charge;
    long ticket;
    lock.lock();
    try {
      Answer before = answers.get(key);
      if (before == null) {
        charge = effect(command);
        roomFor(key, command);
        ticket = journal.append(LedgerJson.line(command.operation(), key, fingerprint, charge));
        remember(key, fingerprint, charge);
      } else if (before.fingerprint().equals(packed(fingerprint))) {
        charge =
            charges
                .get(before.index())
                .asOf(before.status(), before.refunds(), before.updateTime());
        ticket = journal.last();
      } else {
        throw Refusal.keyReused();
      }
    } finally {
      lock.unlock();
    }
    journal.awaitDurable(ticket);
    FailPoint.hit("card.", command.operation(), ".committed");
    return charge;
  }

  /** Whether a command with this key had its effect already. */
  boolean answered(String key) {
    lock.lock();
    try {
      return answers.containsKey(key);
    } finally {
      lock.unlock();
    }
  }

  Optional<Charge> find(String id) {
    return read(() -> indexOf(id));
  }

  Optional<Charge> findByReference(String reference) {
    return read(() -> byReference.get(reference));
  }

  /** Every effect there ever was, in its order, as in {@link Journal#read}. */
  Journal.Page ledger(long from, int entriesMax) throws IOException {
    return journal.read(from, entriesMax);
  }

  /** As {@link Journal#awaitMore}. */
  void awaitLedger(long after, Duration atMost) throws InterruptedException {
    journal.awaitMore(after, atMost);
  }

  /** As {@link Journal#placeOrBegin}. */
  long placeInLedger(long place) throws IOException {
    return journal.placeOrBegin(place);
  }

  int size() {
    lock.lock();
    try {
      return charges.size();
    } finally {
      lock.unlock();
    }
  }

  /** What it holds in memory, by its own figures. */
  long bytes() {
    lock.lock();
    try {
      return bytes;
    } finally {
      lock.unlock();
    }
  }

  boolean healthy() {
    return journal.healthy();
  }

  @Override
  public void close() throws IOException {
    journal.close();
  }

  private Charge effect(Command command) {
    Instant now = clock.instant().truncatedTo(ChronoUnit.MICROS);
    return switch (command) {
      case Command.Authorize wanted -> authorize(wanted, now);
      case Command.Capture(String id) -> get(id).capture(now);
      case Command.Release(String id) -> get(id).release(now);
      case Command.Refund(String id, String refundId, long amount) ->
          get(id).refund(new Charge.Refund(refundId, amount), now);
    };
  }

  private Charge authorize(Command.Authorize wanted, Instant now) {
    if (byReference.containsKey(wanted.reference())) {
      throw Refusal.conflict("reference_in_use", "there is a charge with this reference");
    }
    Optional<String> declineReason = Card.named(wanted.card()).declineReason();
    return new Charge(
        "ch_" + charges.size(),
        wanted.reference(),
        wanted.card(),
        wanted.amount(),
        wanted.currency(),
        declineReason.isPresent() ? Status.DECLINED : Status.AUTHORIZED,
        0,
        List.of(),
        declineReason,
        now,
        now);
  }

  private Charge get(String id) {
    Integer index = indexOf(id);
    if (index == null) {
      throw Refusal.notFound("no such charge");
    }
    return charges.get(index);
  }

  private @Nullable Integer indexOf(String id) {
    if (!id.matches("ch_(0|[1-9][0-9]{0,8})")) {
      return null;
    }
    int index = Integer.parseInt(id, 3, id.length(), 10);
    return index < charges.size() ? index : null;
  }

  /** Refuses a command that could not be kept, before it has an effect. */
  private void roomFor(String key, Command command) {
    long most =
        switch (command) {
          case Command.Authorize wanted ->
              bytesMax
                  - bytesMax / 8
                  - chargeBytes(wanted.reference(), wanted.card())
                  - ENDING_BYTES
                  - answerBytes(key);
          case Command.Refund wanted ->
              bytesMax - refundBytes(wanted.refundId()) - answerBytes(key);
          case Command.Capture _, Command.Release _ -> Long.MAX_VALUE;
        };
    if (bytes > most) {
      throw Refusal.unavailable(
          "ledger_full", "the ledger holds " + charges.size() + " charges: begin a new one");
    }
  }

  private void remember(String key, String fingerprint, Charge told) {
    Integer known = indexOf(told.id());
    int index = known == null ? charges.size() : known;
    Charge charge = known == null ? told : told.sharing(charges.get(index));
    if (known == null) {
      byReference.put(charge.reference(), index);
      charges.add(charge);
      bytes += chargeBytes(charge.reference(), charge.card()) + endingBytes(charge);
    } else {
      Charge before = charges.set(index, charge);
      bytes += endingBytes(charge) - endingBytes(before);
      charge.refunds().stream()
          .skip(before.refunds().size())
          .forEach(refund -> bytes += refundBytes(refund.id()));
    }
    answers.put(
        key,
        new Answer(
            packed(fingerprint),
            index,
            charge.status(),
            charge.refunds().size(),
            charge.updateTime()));
    bytes += answerBytes(key);
  }

  private void replay(String line) {
    LedgerJson.Effect effect = LedgerJson.effect(line);
    remember(effect.key(), effect.fingerprint(), effect.charge());
  }

  private static int chargeBytes(String reference, String card) {
    return CHARGE_BYTES
        + reference.length()
        + (Card.named(card) == Card.UNKNOWN ? card.length() : 0);
  }

  private static int endingBytes(Charge charge) {
    return charge.status() == Status.AUTHORIZED ? ENDING_BYTES : 0;
  }

  private static int answerBytes(String key) {
    return ANSWER_BYTES + key.length();
  }

  private static int refundBytes(String refundId) {
    return REFUND_BYTES + refundId.length();
  }

  private static UUID packed(String fingerprint) {
    return new UUID(
        Long.parseUnsignedLong(fingerprint, 0, 16, 16),
        Long.parseUnsignedLong(fingerprint, 16, 32, 16));
  }

  private Optional<Charge> read(Index index) {
    Charge charge;
    long ticket;
    lock.lock();
    try {
      Integer found = index.find();
      charge = found == null ? null : charges.get(found);
      ticket = journal.last();
    } finally {
      lock.unlock();
    }
    // What is seen here may have been done a moment ago: a crash must not take it back.
    journal.awaitDurable(ticket);
    return Optional.ofNullable(charge);
  }

  private interface Index {
    @Nullable Integer find();
  }

  private static String fingerprint(Command command) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(LedgerJson.canonical(command).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
