package dev.weft.order;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * What each user did to an order last in this process, as long as no list of theirs was asked for:
 * that one is to show it. Of 10,000 users, those who did something last.
 *
 * <p>Thread-safe.
 */
final class RecentWrites {
  private static final int USERS_MAX = 10_000;

  // Guarded by this.
  private final Map<UUID, ReadAfter> last = new LinkedHashMap<>();

  synchronized void wrote(UUID userId, ReadAfter write) {
    last.remove(userId);
    last.put(userId, write);
    if (last.size() > USERS_MAX) {
      last.remove(last.keySet().iterator().next());
    }
  }

  synchronized Optional<ReadAfter> of(UUID userId) {
    return Optional.ofNullable(last.get(userId));
  }

  /** Forgets this one, unless there is a later one. */
  synchronized void listed(UUID userId, ReadAfter write) {
    last.remove(userId, write);
  }
}
