package dev.weft.durable;

import dev.weft.durable.SagaRun.Move;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** What a runner reads and writes of sagas, under its name as their owner. */
interface SagaTables {
  /** Writes a new saga, already in our hands when it is leased. */
  SagaRun insert(
      Handle tx, SagaDefinition definition, String subject, String data, Optional<Duration> lease);

  /**
   * Takes up sagas that are due, of definitions we know, at most this many; not those we are still
   * running although their lease ended, since we would only fence ourselves.
   */
  List<SagaRun> claim(Handle tx, int atMost, Duration lease, Collection<UUID> running);

  /**
   * Writes a move and keeps the lease, or gives it up to wait.
   *
   * @param until how long the lease is to hold, at least half of it; or how long the saga waits
   * @return whether the saga is past its soft limit; nothing if it is no longer ours
   */
  Optional<Boolean> move(Handle tx, SagaRun run, Move move, Duration until);

  /** Keeps the leases of running sagas. */
  int renew(Handle tx, Collection<UUID> running, Duration lease);

  /** Hands everything back that is still ours, for another runner to take up at once. */
  int releaseAll(Handle tx);
}
