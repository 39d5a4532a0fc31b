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
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.crypto.Mac;
import javax.crypto.SecretKey;

/**
 * Tells the merchant what happened to charges: captured, voided, declined, refunded. Reads it from
 * the journal, so that a crash loses none, and tells it at least once, in no order.
 *
 * <p>Each event is posted until it is taken (2xx), at first after 100 ms, when the answer to the
 * merchant's own request should have arrived, then after 200 ms, doubling to 30 s; after 24 hours
 * it is given up. Beside the journal, {@code webhooks.position} says up to where all were taken.
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
  private final AtomicBoolean refused = new AtomicBoolean();
  private final Thread reader;
  private volatile boolean closed;
  // Only the reader's, until it has ended.
  private final Queue<Batch> open = new ArrayDeque<>();
  private long taken;
  private long saved;

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

  Webhooks(Charges charges, Merchant merchant, Path directory, InstantSource clock)
      throws IOException {
    this.charges = charges;
    this.merchant = merchant;
    this.clock = clock;
    file = directory.resolve(FILE);
    taken = charges.placeInLedger(load(file));
    saved = taken;
    http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT)
            .executor(threads)
            .build();
    reader = Thread.ofVirtual().name("webhooks").start(this::read);
  }

  /** What is not taken by now is told after the next start. */
  @Override
  public void close() throws IOException {
    closed = true;
    reader.interrupt();
    boolean interrupted = false;
    while (true) {
      try {
        reader.join();
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
            at = page.next();
            tell(
                page.lines().stream().flatMap(line -> LedgerJson.event(line).stream()).toList(),
                at);
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

  private void tell(List<LedgerJson.Event> events, long end) throws InterruptedException {
    Batch batch = new Batch(end, new AtomicInteger(events.size()));
    open.add(batch);
    for (LedgerJson.Event event : events) {
      room.acquire();
      threads.execute(
          () -> {
            try {
              tell(event);
              batch.left().decrementAndGet();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            } finally {
              room.release();
            }
          });
    }
  }

  private void tell(LedgerJson.Event event) throws InterruptedException {
    Thread.sleep(FIRST);
    for (int attempt = 0;
        event.time().plus(GIVE_UP).isAfter(clock.instant());
        attempt = Math.min(attempt + 1, 16)) {
      if (post(event)) {
        return;
      }
      long wait = Math.min(RETRY_MILLIS_MAX, RETRY_MILLIS_MIN << attempt);
      Thread.sleep(ThreadLocalRandom.current().nextLong(wait / 2, wait + 1));
    }
    log.log(System.Logger.Level.WARNING, "event {0} was never taken, given up", event.id());
  }

  private boolean post(LedgerJson.Event event) throws InterruptedException {
    posts.acquire();
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
        refused.set(false);
        return true;
      }
      complain(event, "status " + status);
    } catch (IOException e) {
      complain(event, e.toString());
    } finally {
      posts.release();
    }
    return false;
  }

  /** Once until an event is taken again. */
  private void complain(LedgerJson.Event event, String why) {
    if (!closed && !refused.getAndSet(true)) {
      log.log(
          System.Logger.Level.WARNING,
          "{0} does not take event {1} ({2}); it and others are sent again",
          merchant.url(),
          event.id(),
          why);
    }
  }

  private void save() throws IOException {
    for (Batch first = open.peek(); first != null && first.left().get() == 0; first = open.peek()) {
      taken = first.end();
      open.remove();
    }
    if (taken != saved) {
      // Not forced: an older one after a power loss means that some are told again.
      Path fresh = file.resolveSibling(FILE + ".new");
      Files.writeString(fresh, Long.toString(taken));
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      saved = taken;
    }
  }

  private static long load(Path file) throws IOException {
    try {
      return Long.parseLong(Files.readString(file).strip());
    } catch (NoSuchFileException e) {
      return 0;
    } catch (NumberFormatException e) {
      log.log(System.Logger.Level.WARNING, "{0} is damaged: telling everything again", file);
      return 0;
    }
  }
}
