package dev.weft.user;

import dev.weft.identity.v1.WatchRevocationsResponse;
import dev.weft.mesh.Rejection;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;

/**
 * One reader of revocations: the backlog, the word that it is complete, then each new one, and a
 * heartbeat when there is none. Runs on a thread of its own, because the thread of the call has to
 * be free to hear that the client is gone or can take more.
 */
final class RevocationStream {
  /** How long a reader waits for the database before it is sent to another instance. */
  private static final Duration CATCH_UP = Duration.ofSeconds(2);

  private static final Duration RETRY_AFTER = Duration.ofMillis(500);

  private final RevocationFeed feed;
  private final Duration heartbeat;
  private final ServerCallStreamObserver<WatchRevocationsResponse> replies;
  private final BiFunction<RevocationFeed.Batch, Boolean, WatchRevocationsResponse> message;
  private final Thread thread;
  private RevocationFeed.Cursor cursor;

  RevocationStream(
      RevocationFeed feed,
      Duration heartbeat,
      RevocationFeed.Cursor cursor,
      ServerCallStreamObserver<WatchRevocationsResponse> replies,
      BiFunction<RevocationFeed.Batch, Boolean, WatchRevocationsResponse> message) {
    this.feed = feed;
    this.heartbeat = heartbeat;
    this.cursor = cursor;
    this.replies = replies;
    this.message = message;
    this.thread =
        Thread.ofVirtual().name("revocation-stream").unstarted(Context.current().wrap(this::run));
  }

  /** Begins; to be called from the call's own method, which then returns. */
  void start() {
    replies.setOnReadyHandler(() -> LockSupport.unpark(thread));
    replies.setOnCancelHandler(thread::interrupt);
    thread.start();
  }

  private void run() {
    try {
      tell();
    } catch (InterruptedException e) {
      // The client is gone, or the server drains and has ended the call.
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      if (!replies.isCancelled()) {
        replies.onError(e);
      }
    }
  }

  private void tell() throws InterruptedException {
    if (!feed.catchUp(CATCH_UP)) {
      throw unavailable();
    }
    boolean caughtUp = false;
    while (!replies.isCancelled()) {
      awaitReady();
      RevocationFeed.Batch batch = next(caughtUp ? heartbeat : Duration.ZERO);
      cursor = batch.next();
      // Nothing more to come at once: all that was known when this began has been told.
      caughtUp |= batch.revocations().isEmpty();
      replies.onNext(message.apply(batch, caughtUp));
    }
  }

  private RevocationFeed.Batch next(Duration wait) throws InterruptedException {
    try {
      return feed.after(cursor, wait);
    } catch (RevocationFeed.StaleException e) {
      throw unavailable();
    }
  }

  private void awaitReady() throws InterruptedException {
    while (!replies.isReady() && !replies.isCancelled()) {
      LockSupport.park(this);
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
    }
  }

  private static Rejection unavailable() {
    return Rejection.unavailable(
        "REVOCATIONS_UNAVAILABLE", "revocations cannot be read at the moment", RETRY_AFTER);
  }
}
