package dev.weft.inventory;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.redis.Redis;
import dev.weft.redis.RedisFailedException;
import dev.weft.shop.inventory.v1.Product;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SetArgs;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Products in Redis, for all processes, each under {@code weft:product:1:ID}: an {@code L} and the
 * lease, or a {@code P} and the message.
 *
 * <p>Filling and forgetting are not waited for. They arrive in the order given, before whatever
 * this process looks up after them.
 */
final class RedisTier implements CacheTier {
  private static final Logger log = LoggerFactory.getLogger(RedisTier.class);

  /** Its number changes when a product of before would be misread. */
  private static final String PREFIX = "weft:product:1:";

  private static final byte LEASED = 'L';
  private static final byte KEPT = 'P';

  /** Compares and sets, in one step. */
  private static final String FILL =
      """
      if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
      redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
      return 1
      """;

  private final Redis redis;
  private final Duration life;
  private final CacheMetrics metrics;

  /**
   * @param life how long a product is kept at most
   */
  RedisTier(Redis redis, Duration life, CacheMetrics metrics) {
    this.redis = redis;
    this.life = life;
    this.metrics = metrics;
  }

  @Override
  public String name() {
    return "redis";
  }

  @Override
  public Found lookup(UUID id) {
    long lease = ThreadLocalRandom.current().nextLong();
    try {
      // One step: what is there or, if nothing is, a lease of ours.
      Optional<byte[]> there =
          redis.ask(
              commands ->
                  commands.setGet(
                      key(id), bytes(lease), SetArgs.Builder.nx().px(CacheTimes.LEASE)));
      return there.isPresent() ? parse(there.get()) : new Miss(lease);
    } catch (RedisFailedException e) {
      log.debug("product {} is read without Redis", id, e);
    } catch (InvalidProtocolBufferException e) {
      log.warn("what Redis has of product {} cannot be read, it is forgotten", id, e);
      forget(List.of(id));
    }
    return new Away();
  }

  private static Found parse(byte[] value) throws InvalidProtocolBufferException {
    ByteBuffer bytes = ByteBuffer.wrap(value);
    if (value.length == 1 + Long.BYTES && bytes.get() == LEASED) {
      return new Miss(bytes.getLong());
    }
    if (value.length > 0 && bytes.get(0) == KEPT) {
      return new Hit(Product.parseFrom(bytes.slice(1, value.length - 1)));
    }
    throw new InvalidProtocolBufferException("it is neither a product nor a lease");
  }

  @Override
  public void fill(UUID id, long lease, Product product) {
    byte[] value =
        ByteBuffer.allocate(1 + product.getSerializedSize())
            .put(KEPT)
            .put(product.toByteArray())
            .array();
    byte[] millis = Long.toString(CacheTimes.jittered(life).toMillis()).getBytes(UTF_8);
    var _ =
        redis
            .<Long>send(
                commands ->
                    commands.eval(
                        FILL,
                        ScriptOutputType.INTEGER,
                        new byte[][] {key(id)},
                        bytes(lease),
                        value,
                        millis))
            .thenAccept(kept -> metrics.filled(this, kept == 1));
  }

  @Override
  public void forget(Collection<UUID> ids) {
    byte[][] keys = ids.stream().map(RedisTier::key).toArray(byte[][]::new);
    var _ = redis.send(commands -> commands.del(keys));
  }

  private static byte[] key(UUID id) {
    return (PREFIX + id).getBytes(UTF_8);
  }

  private static byte[] bytes(long lease) {
    return ByteBuffer.allocate(1 + Long.BYTES).put(LEASED).putLong(lease).array();
  }
}
