package dev.weft.mesh;

import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.WatchRevocationsRequest;
import dev.weft.identity.v1.WatchRevocationsResponse;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The issuing service, by {@code weft.identity.v1} over the mesh.
 *
 * <p>Watches revocations on one virtual thread: when the stream ends, for whatever reason, it is
 * opened again where it ended, after a pause of up to 100 ms doubling to 10 s that is over when a
 * message comes.
 */
final class RemoteKeySource implements KeySource {
  private static final Logger log = LoggerFactory.getLogger(RemoteKeySource.class);
  private static final Duration KEYS_DEADLINE = Duration.ofSeconds(1);
  private static final long FIRST_PAUSE_MILLIS = 100;
  private static final long LONGEST_PAUSE_MILLIS = 10_000;
  private static final long LONGEST_FIRST_PAUSE_MILLIS = 1_000;

  private final String issuer;
  private final IdentityServiceGrpc.IdentityServiceBlockingStub keys;
  private final IdentityServiceGrpc.IdentityServiceBlockingStub revocations;

  /**
   * @param issuer the {@code iss} whose revocations matter here
   * @param unary to the issuing service
   * @param streams to the issuing service
   */
  RemoteKeySource(String issuer, Channel unary, Channel streams) {
    this.issuer = issuer;
    this.keys = IdentityServiceGrpc.newBlockingStub(unary);
    this.revocations = IdentityServiceGrpc.newBlockingStub(streams);
  }

  @Override
  public String jwks() {
    return keys.withDeadlineAfter(KEYS_DEADLINE.toMillis(), TimeUnit.MILLISECONDS)
        .listKeys(ListKeysRequest.getDefaultInstance())
        .getJwks();
  }

  @Override
  public Watch watchRevocations(RevocationListener listener) {
    // Its own context: the watch outlives the call that may have opened the mesh.
    Context.CancellableContext context = Context.ROOT.withCancellation();
    Thread thread =
        Thread.ofVirtual()
            .name("revocations")
            .start(context.wrap(new RevocationWatch(listener, context)));
    return () -> {
      context.cancel(null);
      thread.interrupt();
    };
  }

  private final class RevocationWatch implements Runnable {
    private final RevocationListener listener;
    private final Context context;
    private String resumeToken = "";
    private long pauseMillis = FIRST_PAUSE_MILLIS;
    private long longestPauseMillis = LONGEST_FIRST_PAUSE_MILLIS;
    private final long began = System.nanoTime();
    private boolean heard;
    private boolean reported;

    RevocationWatch(RevocationListener listener, Context context) {
      this.listener = listener;
      this.context = context;
    }

    @Override
    public void run() {
      while (!context.isCancelled()) {
        try {
          read();
        } catch (StatusRuntimeException e) {
          ended(e.getStatus());
        } catch (RuntimeException e) {
          log.error("revocations: a message could not be taken in", e);
        }
        pause();
      }
    }

    private void read() {
      Iterator<WatchRevocationsResponse> messages =
          revocations.watchRevocations(
              WatchRevocationsRequest.newBuilder().setResumeToken(resumeToken).build());
      while (messages.hasNext()) {
        WatchRevocationsResponse message = messages.next();
        for (dev.weft.identity.v1.Revocation revocation : message.getRevocationsList()) {
          read(revocation).ifPresent(listener::revoked);
        }
        if (message.getCaughtUp()) {
          listener.caughtUp();
          longestPauseMillis = LONGEST_PAUSE_MILLIS;
        }
        heard = true;
        resumeToken = message.getResumeToken();
        pauseMillis = FIRST_PAUSE_MILLIS;
        if (reported) {
          reported = false;
          log.info("revocations arrive again");
        }
      }
    }

    private void ended(Status status) {
      if (context.isCancelled()) {
        return;
      }
      switch (status.getCode()) {
        // The issuer does not know our place any more: from the beginning.
        case INVALID_ARGUMENT, OUT_OF_RANGE -> resumeToken = "";
        default -> {}
      }
      boolean starting = !heard && System.nanoTime() - began < IssuerKeys.QUIET.toNanos();
      if (!reported && !starting && pauseMillis > FIRST_PAUSE_MILLIS) {
        reported = true;
        log.warn(
            "revocations do not arrive ({}); the known ones stay in use, and it is tried again",
            status.getCode());
      }
    }

    private void pause() {
      try {
        Thread.sleep(ThreadLocalRandom.current().nextLong(pauseMillis) + 1);
        pauseMillis = Math.min(2 * pauseMillis, longestPauseMillis);
      } catch (InterruptedException e) {
        // Only close interrupts, after it cancelled the context.
        Thread.currentThread().interrupt();
      }
    }

    private Optional<Revocation> read(dev.weft.identity.v1.Revocation revocation) {
      if (!revocation.getIssuer().equals(issuer)) {
        return Optional.empty();
      }
      Instant expiresAt = instant(revocation.getExpireTime());
      return switch (revocation.getTargetCase()) {
        case TOKEN_ID -> Optional.of(new Revocation.Token(revocation.getTokenId(), expiresAt));
        case SUBJECT ->
            Optional.of(
                new Revocation.Subject(
                    revocation.getSubject().getSubject(),
                    instant(revocation.getSubject().getIssuedBefore()),
                    expiresAt));
        case TARGET_NOT_SET -> Optional.empty();
      };
    }

    private Instant instant(com.google.protobuf.Timestamp time) {
      return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
    }
  }
}
