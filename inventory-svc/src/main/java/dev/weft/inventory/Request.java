package dev.weft.inventory;

import dev.weft.durable.RequestIds;
import dev.weft.mesh.Rejection;
import java.util.function.Supplier;
import org.jdbi.v3.core.Handle;

/**
 * A request with an id of the caller's choice: sent twice, it has one effect and one answer.
 *
 * @param hash tells requests apart that carry the same id
 */
// Handed on as it is; nobody compares requests.
@SuppressWarnings("ArrayRecordComponent")
record Request(RequestIds.Key key, byte[] hash) {
  /** The reply to this request: the effect's, now or when it was first made. */
  byte[] once(Handle tx, Supplier<byte[]> effect) {
    return switch (RequestIds.once(tx, key, hash, effect)) {
      case RequestIds.Outcome.Fresh(byte[] reply) -> reply;
      case RequestIds.Outcome.Replayed(byte[] reply) -> reply;
      case RequestIds.Outcome.Reused() -> throw Rejection.requestIdReused();
      case RequestIds.Outcome.InProgress() -> throw Rejection.requestInProgress();
    };
  }
}
