package dev.weft.edge;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import com.github.benmanes.caffeine.cache.RemovalCause;
import dev.weft.mesh.Caller;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The answers that are kept, with a bound on the bytes of all, of one, and of those of one user.
 * What is asked for often stays longest, so that many questions that nobody asks again drive out
 * little (Caffeine's TinyLFU). Thread-safe.
 */
final class KeptAnswers {
  /** Of all bytes, one answer may have this part, and so may the answers to one user. */
  private static final int PART = 16;

  private static final int ANSWER_BYTES_MAX = 1 << 20;

  private final int partMax;
  private final Cache<Key, Kept> answers;

  /** Bytes that users have; who has none is not there. */
  private final Map<String, Integer> ofUsers = new ConcurrentHashMap<>();

  /**
   * All that an answer depends on.
   *
   * @param route by what it is made: another one when the contract is another
   * @param target of the request, as it was sent: in another order it is another question, since
   *     repeated fields have an order
   * @param passed headers that the service gets as they are
   * @param user whose token came along, with all that the token says
   */
  record Key(Transcoder route, String target, List<String> passed, Optional<Caller.User> user) {}

  /**
   * @param bytesMax of all; memory is taken when it is used
   */
  KeptAnswers(int bytesMax, LongSupplier nanoTime) {
    this.partMax = bytesMax / PART;
    this.answers =
        Caffeine.newBuilder()
            .ticker(nanoTime::getAsLong)
            .executor(Runnable::run)
            .maximumWeight(bytesMax)
            .weigher(KeptAnswers::weight)
            .expireAfter(Expiry.writing((Key _, Kept kept) -> kept.life()))
            .removalListener(this::removed)
            .build();
  }

  private static int weight(Key key, Kept kept) {
    return key.target.length() + kept.bytes();
  }

  @Nullable Kept find(Key key) {
    return answers.getIfPresent(key);
  }

  /** Keeps an answer. Returns false if it is too large, or its user has too many. */
  boolean keep(Key key, Kept kept) {
    int bytes = weight(key, kept);
    if (bytes > Math.min(partMax, ANSWER_BYTES_MAX) || !takePart(key, bytes)) {
      return false;
    }
    answers.put(key, kept);
    return true;
  }

  private boolean takePart(Key key, int bytes) {
    if (key.user.isEmpty()) {
      return true;
    }
    String user = key.user.get().id();
    if (take(user, bytes)) {
      return true;
    }
    // What is too old may still be there.
    answers.cleanUp();
    return take(user, bytes);
  }

  private boolean take(String user, int bytes) {
    boolean[] taken = new boolean[1];
    ofUsers.compute(
        user,
        (_, held) -> {
          int all = (held == null ? 0 : held) + bytes;
          taken[0] = all <= partMax;
          return taken[0] ? Integer.valueOf(all) : held;
        });
    return taken[0];
  }

  private void removed(@Nullable Key key, @Nullable Kept kept, RemovalCause cause) {
    if (key != null && kept != null && key.user.isPresent()) {
      int bytes = weight(key, kept);
      ofUsers.computeIfPresent(
          key.user.get().id(), (_, held) -> held == bytes ? null : Integer.valueOf(held - bytes));
    }
  }

  /** Bytes of all answers that are kept, without those that are too many or too old. */
  long bytes() {
    answers.cleanUp();
    return answers.policy().eviction().orElseThrow().weightedSize().orElse(0);
  }
}
