package dev.weft.card;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.crypto.Mac;
import javax.crypto.SecretKey;

/**
 * Tells the merchant what happened to charges: captured, voided, declined, refunded. Reads it from
 * the journal, so that a crash loses none, and tells it at least once, in no order.
 *
 * <p>Each event is posted until it is taken (2xx), at first after 100 ms, when the answer to the
 * merchant's own request should have arrived, then after 200 ms, doubling to 30 s; after 24 hours
 * it is given up. An event that is five minutes old and not taken, by a merchant who is there, is
 * {@linkplain Aside set aside}: tried now and then, it keeps no other one waiting. Beside the
 * journal, {@code webhooks.position} says up to where all were taken, and which are set aside.
 */
final class Webhooks implements AutoCloseable {
  static final String FILE = "webhooks.position";

  private static final int LINES_AT_ONCE = 100;

  /** Events that wait or run; with so many, the next ones stay in the journal. */
  private static final int OPEN_MAX = 1_000;

  private static final int POSTS_AT_ONCE = 8;
  private static final Duration FIRST = Duration.ofMillis(100);
  private static final long RETRY_MILLIS_MIN = 200;
  private static final long RETRY_MILLIS_MAX = 30_000;
  private static final Duration GIVE_UP = Duration.ofHours(24);
  private static final Duration SET_ASIDE = Duration.ofMinutes(5);
  private static final Duration ASIDE_EVERY = Duration.ofMinutes(1);
  private static final Duration COMPLAIN_EVERY = Duration.ofMinutes(1);

  /** Refusals after which a turn of those set aside ends; while they are taken, it goes on. */
  private static final int ASIDE_REFUSED_MAX = 100;

  private static final Duration CONNECT = Duration.ofSeconds(1);
  private static final Duration ANSWER = Duration.ofSeconds(5);
  private static final Duration SAVE_EVERY = Duration.ofSeconds(1);
  private static final System.Logger log = System.getLogger(Webhooks.class.getName());

  private final Charges charges;
  private final Merchant merchant;
  private final Path file;
  private final InstantSource clock;
  private final HttpClient http;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Semaphore room = new Semaphore(OPEN_MAX);
  private final Semaphore posts = new Semaphore(POSTS_AT_ONCE);
  private final AtomicLong complained =
      new AtomicLong(System.nanoTime() - COMPLAIN_EVERY.toNanos());
  private final Aside aside = new Aside();
  private final Thread reader;
  private final Thread asideTeller;
  private volatile boolean closed;
  private volatile long lastTaken = System.nanoTime();
  // Only the reader's, until it has ended.
  private final Queue<Batch> open = new ArrayDeque<>();
  private long taken;
  private long saved;
  private long asideSaved;

  /**
   * Who is told, and the key that shows them who tells.
   *
   * @param url where events are posted
   */
  record Merchant(URI url, SecretKey key) {
    /**
     * The value of {@code Card-Signature}: {@code t=<seconds since 1970>,v1=<hex of HMAC-SHA-256
     * over the seconds, a dot and the body>}.
     */
    String signature(long seconds, String body) {
      try {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(key);
        byte[] signed = mac.doFinal((seconds + "." + body).getBytes(StandardCharsets.UTF_8));
        return "t=" + seconds + ",v1=" + HexFormat.of().formatHex(signed);
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** Some events of the journal, up to a place in it. */
  private record Batch(long end, AtomicInteger left) {}

  /** What came of a post. */
  private enum Outcome {
    TAKEN,
    REFUSED,
    NOT_HEARD
  }

  Webhooks(Charges charges, Merchant merchant, Path directory, InstantSource clock)
      throws IOException {
    this.charges = charges;
    this.merchant = merchant;
    this.clock = clock;
    file = directory.resolve(FILE);
    List<String> lines = load(file);
    long position = lines.isEmpty() ? 0 : Long.parseLong(lines.getFirst());
    taken = charges.placeInLedger(position);
    saved = taken;
    if (taken == position && taken > 0) {
      lines.subList(1, lines.size()).forEach(aside::addLine);
    }
    asideSaved = aside.changes();
    http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT)
            .executor(threads)
            .build();
    reader = Thread.ofVirtual().name("webhooks").start(this::read);
    asideTeller = Thread.ofVirtual().name("webhooks-aside").start(this::tellAside);
  }

  /** What is not taken by now is told after the next start. */
  @Override
  public void close() throws IOException {
    closed = true;
    reader.interrupt();
    asideTeller.interrupt();
    boolean interrupted = false;
    while (true) {
      try {
        reader.join();
        asideTeller.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    http.shutdownNow();
    threads.shutdownNow();
    threads.close();
    save();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void read() {
    long at = taken;
    long savedAt = System.nanoTime();
    try {
      while (true) {
        charges.awaitLedger(at, SAVE_EVERY);
        try {
          Journal.Page page = charges.ledger(at, LINES_AT_ONCE);
          if (page.next() > at) {
            tell(events(page), at, page.next());
            at = page.next();
          }
          if (System.nanoTime() - savedAt > SAVE_EVERY.toNanos()) {
            save();
            savedAt = System.nanoTime();
          }
        } catch (IOException e) {
          log.log(System.Logger.Level.ERROR, "webhooks wait for the disk", e);
          Thread.sleep(SAVE_EVERY);
        }
      }
    } catch (InterruptedException e) {
      // Closed.
      log.log(System.Logger.Level.DEBUG, "no more webhooks");
    }
  }

  private static List<LedgerJson.Event> events(Journal.Page page) {
    return page.lines().stream().flatMap(line -> LedgerJson.event(line).stream()).toList();
  }

  private void tell(List<LedgerJson.Event> events, long begin, long end)
      throws InterruptedException {
    Batch batch = new Batch(end, new AtomicInteger(events.size()));
    open.add(batch);
    for (LedgerJson.Event event : events) {
      room.acquire();
      threads.execute(
          () -> {
            try {
              tell(event, begin);
              batch.left().decrementAndGet();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            } finally {
              room.release();
            }
          });
    }
  }

  /** Returns when the event is taken, set aside or given up. */
  private void tell(LedgerJson.Event event, long place) throws InterruptedException {
    long begun = System.nanoTime();
    Thread.sleep(FIRST);
    for (int attempt = 0; isYounger(event, GIVE_UP); attempt = Math.min(attempt + 1, 16)) {
      Outcome outcome = postInTurn(event);
      if (outcome == Outcome.TAKEN) {
        return;
      }
      // When nobody is there, no event keeps another one waiting: then they stay where they are.
      boolean there = outcome == Outcome.REFUSED || lastTaken - begun > 0;
      if (there && !isYounger(event, SET_ASIDE) && aside.add(event.id(), place)) {
        return;
      }
      long wait = Math.min(RETRY_MILLIS_MAX, RETRY_MILLIS_MIN << attempt);
      Thread.sleep(ThreadLocalRandom.current().nextLong(wait / 2, wait + 1));
    }
    giveUp(event.id());
  }

  /** Tries what is set aside, one after the other, beside all others. */
  private void tellAside() {
    try {
      while (true) {
        try {
          tellAsideOnce();
        } catch (IOException e) {
          log.log(System.Logger.Level.ERROR, "webhooks set aside wait for the disk", e);
        }
        Thread.sleep(ASIDE_EVERY);
      }
    } catch (InterruptedException e) {
      // Closed.
      log.log(System.Logger.Level.DEBUG, "no more webhooks that were set aside");
    }
  }

  private void tellAsideOnce() throws IOException, InterruptedException {
    int refusals = 0;
    for (Aside.Entry entry : aside.entries()) {
      Optional<LedgerJson.Event> event =
          events(charges.ledger(entry.place(), LINES_AT_ONCE)).stream()
              .filter(one -> one.id().equals(entry.id()))
              .findFirst();
      if (event.isEmpty() || !isYounger(event.get(), GIVE_UP)) {
        aside.remove(entry.id());
        giveUp(entry.id());
        continue;
      }
      switch (post(event.get())) {
        case TAKEN -> aside.remove(entry.id());
        case REFUSED -> {
          aside.toTheEnd(entry.id());
          refusals++;
        }
        case NOT_HEARD -> {
          aside.toTheEnd(entry.id());
          return;
        }
      }
      if (refusals == ASIDE_REFUSED_MAX) {
        return;
      }
    }
  }

  private boolean isYounger(LedgerJson.Event event, Duration age) {
    return event.time().plus(age).isAfter(clock.instant());
  }

  private static void giveUp(String event) {
    log.log(System.Logger.Level.WARNING, "event {0} was never taken, given up", event);
  }

  private Outcome postInTurn(LedgerJson.Event event) throws InterruptedException {
    posts.acquire();
    try {
      return post(event);
    } finally {
      posts.release();
    }
  }

  private Outcome post(LedgerJson.Event event) throws InterruptedException {
    try {
      long now = clock.instant().getEpochSecond();
      int status =
          http.send(
                  HttpRequest.newBuilder(merchant.url())
                      .timeout(ANSWER)
                      .header("Content-Type", "application/json")
                      .header("Card-Signature", merchant.signature(now, event.body()))
                      .POST(BodyPublishers.ofString(event.body()))
                      .build(),
                  BodyHandlers.discarding())
              .statusCode();
      if (status >= 200 && status < 300) {
        lastTaken = System.nanoTime();
        return Outcome.TAKEN;
      }
      complain(event, "status " + status);
      return Outcome.REFUSED;
    } catch (IOException e) {
      complain(event, e.toString());
      return Outcome.NOT_HEARD;
    }
  }

  /** Once a minute at most. */
  private void complain(LedgerJson.Event event, String why) {
    long last = complained.get();
    long now = System.nanoTime();
    if (!closed && now - last >= COMPLAIN_EVERY.toNanos() && complained.compareAndSet(last, now)) {
      log.log(
          System.Logger.Level.WARNING,
          "{0} does not take event {1} ({2}); it and others are sent again, {3} are set aside",
          merchant.url(),
          event.id(),
          why,
          Integer.toString(aside.size()));
    }
  }

  private void save() throws IOException {
    for (Batch first = open.peek(); first != null && first.left().get() == 0; first = open.peek()) {
      taken = first.end();
      open.remove();
    }
    // After the position: what was set aside before it moved is in the list.
    long asideNow = aside.changes();
    if (taken != saved || asideNow != asideSaved) {
      // Not forced: an older one after a power loss means that some are told again.
      Path fresh = file.resolveSibling(FILE + ".new");
      Files.writeString(fresh, taken + "\n" + aside.lines());
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      saved = taken;
      asideSaved = asideNow;
    }
  }

  /** The position, and a line for each event that is set aside; nothing when there is none. */
  private static List<String> load(Path file) throws IOException {
    try {
      List<String> lines = Files.readString(file).lines().toList();
      if (!lines.isEmpty()
          && lines.getFirst().matches("[0-9]{1,18}")
          && lines.stream().skip(1).allMatch(Aside::isLine)) {
        return lines;
      }
      log.log(System.Logger.Level.WARNING, "{0} is damaged: telling everything again", file);
    } catch (NoSuchFileException e) {
      log.log(System.Logger.Level.DEBUG, "nothing was told yet");
    }
    return List.of();
  }
}
