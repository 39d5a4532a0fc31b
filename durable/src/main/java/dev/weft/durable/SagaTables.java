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
  /**
   * What a move made of a saga.
   *
   * @param overdue whether it is past its soft limit
   * @param news how many times others were told of it, this move included
   */
  record Moved(boolean overdue, long news) {}

  /** What a claim took up, and all gates. */
  record Claim(List<SagaRun> sagas, List<Gate> gates) {}

  /** Writes a new saga, already in our hands when it is leased. */
  SagaRun insert(
      Handle tx, SagaDefinition definition, String subject, String data, Optional<Duration> lease);

  /**
   * Takes up sagas that are due, of definitions we know, at most this many; not those we are still
   * running although their lease ended, since we would only fence ourselves. Says what gates there
   * are as well.
   */
  Claim claim(Handle tx, int atMost, Duration lease, Collection<UUID> running);

  /** Takes up sagas that wait at a gate, those first whose patience ends first. */
  List<SagaRun> claimAt(
      Handle tx, String dependency, int atMost, Duration lease, Collection<UUID> running);

  /**
   * Gives the lease up to wait at a gate, until the soft limit where that turns the saga back, and
   * no longer than its patience. Nobody misses the opening: a gate in whose hands somebody is stays
   * until the saga is there.
   *
   * @return false if the gate is gone by now, or the saga is no longer ours
   */
  boolean await(Handle tx, SagaRun run, String dependency, Duration patience);

  /**
   * Writes a move and keeps the lease, or gives it up to wait.
   *
   * @param until how long the lease is to hold, at least half of it; or how long the saga waits
   * @return nothing if the saga is no longer ours
   */
  Optional<Moved> move(Handle tx, SagaRun run, Move move, Duration until);

  /** Keeps the leases of running sagas. */
  int renew(Handle tx, Collection<UUID> running, Duration lease);

  /** Hands everything back that is still ours, for another runner to take up at once. */
  int releaseAll(Handle tx);
}
