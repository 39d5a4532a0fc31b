package dev.weft.edge;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.weft.redis.Redis;
import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScriptOutputType;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The buckets of several edges together, in their Redis: as {@link Buckets}, by Redis's clock and
 * to the microsecond. All buckets of a request are taken from in one step, or, if one of them is
 * empty, none is.
 *
 * <p>A key is gone when its bucket is full, so Redis keeps as many as callers came in the longest
 * window; one that loses them all has full buckets. They are named {@code weft:limit:} and whom
 * they are for, so that operators can find and delete them.
 *
 * <p>Thread-safe.
 */
final class SharedBuckets {
  /**
   * For each key its interval and its tolerance in microseconds, and of each the answer is as that
   * of {@link Buckets#take}, in whole ones.
   */
  private static final String SCRIPT =
      """
      local time = redis.call('TIME')
      local now = time[1] * 1000000 + time[2]
      local full, out, empty = {}, {}, false
      for i = 1, #KEYS do
        local interval = tonumber(ARGV[2 * i - 1])
        local tolerance = tonumber(ARGV[2 * i])
        local ahead = math.max(0, (tonumber(redis.call('GET', KEYS[i])) or 0) - now)
        if ahead > tolerance then
          empty = true
          out[i] = math.floor(tolerance - ahead)
        else
          out[i] = ahead + interval
        end
      end
      if not empty then
        for i = 1, #KEYS do
          redis.call('SET', KEYS[i], string.format('%.3f', now + out[i]), 'PX', math.ceil(out[i] / 1000))
        end
      end
      return out
      """;

  private static final double NANOS_OF_MICRO = 1_000;
  private static final String DIGEST = sha1(SCRIPT);
  private static final String PREFIX = "weft:limit:";

  private final Redis redis;

  /**
   * One of them.
   *
   * @param name whom it is for
   */
  record Bucket(String name, Quota quota) {}

  SharedBuckets(Redis redis) {
    this.redis = redis;
  }

  /**
   * Takes a token of each.
   *
   * @return of each what {@link Buckets#take} says; a failure if Redis does not answer in time. It
   *     comes on a thread that must not be kept
   */
  CompletableFuture<List<Long>> take(List<Bucket> buckets) {
    byte[][] keys = new byte[buckets.size()][];
    byte[][] values = new byte[2 * buckets.size()][];
    for (int i = 0; i < keys.length; i++) {
      Quota quota = buckets.get(i).quota();
      keys[i] = (PREFIX + buckets.get(i).name()).getBytes(UTF_8);
      values[2 * i] = micros(quota.intervalNanos());
      values[2 * i + 1] = micros(quota.toleranceNanos());
    }
    return redis
        .<List<Long>>answer(
            commands -> commands.evalsha(DIGEST, ScriptOutputType.MULTI, keys, values))
        .exceptionallyCompose(
            failure ->
                isUnknown(failure)
                    // A Redis that has just begun; from here on it knows.
                    ? redis.<List<Long>>answer(
                        commands -> commands.eval(SCRIPT, ScriptOutputType.MULTI, keys, values))
                    : CompletableFuture.failedFuture(failure))
        .thenApply(answered -> nanos(answered, buckets.size()));
  }

  private static byte[] micros(long nanos) {
    return Double.toString(nanos / NANOS_OF_MICRO).getBytes(US_ASCII);
  }

  private static List<Long> nanos(Optional<List<Long>> answered, int expected) {
    List<Long> micros = answered.orElse(List.of());
    if (micros.size() != expected) {
      throw new IllegalStateException("an answer for " + micros.size() + " of " + expected);
    }
    return micros.stream().map(TimeUnit.MICROSECONDS::toNanos).toList();
  }

  private static boolean isUnknown(@Nullable Throwable failure) {
    return failure != null
        && (failure instanceof RedisNoScriptException || isUnknown(failure.getCause()));
  }

  private static String sha1(String text) {
    try {
      // The name that Redis gives a script; nothing is kept safe by it.
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-1").digest(text.getBytes(UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-1", e);
    }
  }
}
