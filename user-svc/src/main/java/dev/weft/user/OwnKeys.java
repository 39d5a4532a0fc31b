package dev.weft.user;

import dev.weft.mesh.KeySource;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What this process itself verifies tokens with: the keys and revocations it has in memory. */
final class OwnKeys implements KeySource {
  private static final Logger log = LoggerFactory.getLogger(OwnKeys.class);
  private static final Duration WAIT = Duration.ofSeconds(10);
  private static final Duration PAUSE = Duration.ofMillis(200);

  private final SigningKeys keys;
  private final RevocationFeed feed;

  OwnKeys(SigningKeys keys, RevocationFeed feed) {
    this.keys = keys;
    this.feed = feed;
  }

  /** Waits for the first keys: the mesh asks for them while this process is still being wired. */
  @Override
  public String jwks() {
    try {
      if (!keys.awaitLoaded(WAIT)) {
        throw new IllegalStateException("the signing keys were not read yet");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("stopped before the signing keys were read", e);
    }
    return keys.jwks();
  }

  @Override
  public Watch watchRevocations(RevocationListener listener) {
    Thread thread = Thread.ofVirtual().name("own-revocations").start(() -> follow(listener));
    return thread::interrupt;
  }

  private void follow(RevocationListener listener) {
    RevocationFeed.Cursor cursor = RevocationFeed.Cursor.START;
    boolean caughtUp = false;
    try {
      while (!Thread.currentThread().isInterrupted()) {
        if (!caughtUp && !feed.catchUp(WAIT)) {
          Thread.sleep(PAUSE);
          continue;
        }
        try {
          RevocationFeed.Batch batch = feed.after(cursor, caughtUp ? WAIT : Duration.ZERO);
          batch.revocations().forEach(listener::revoked);
          cursor = batch.next();
          if (!caughtUp && batch.revocations().isEmpty()) {
            caughtUp = true;
            listener.caughtUp();
          }
        } catch (RevocationFeed.StaleException e) {
          log.debug("own revocations wait for the database", e);
          Thread.sleep(PAUSE);
        }
      }
    } catch (InterruptedException e) {
      // Closed.
      Thread.currentThread().interrupt();
    }
  }
}
