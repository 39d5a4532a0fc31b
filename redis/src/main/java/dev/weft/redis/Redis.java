package dev.weft.redis;

import dev.weft.mesh.Telemetry;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.ClientOptions.DisconnectedBehavior;
import io.lettuce.core.MaintNotificationsConfig;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.protocol.ProtocolVersion;
import io.lettuce.core.resource.ClientResources;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/**
 * One connection to Redis for all of a process, which connects by itself and does so again whenever
 * the connection is lost. Commands go on their way in the order they are given, many at a time.
 *
 * <p>Nobody waits longer than {@link RedisConfig#patience()} (50 ms), and without a connection not
 * at all; {@value #SILENCES_MAX} answers in a row that did not come in time end the connection, so
 * that a Redis that hangs is as good as one that is away. {@value #QUEUE_MAX} commands at most wait
 * to be written, and as many to be answered; one more is refused. No command is sent twice.
 *
 * <p>Redis 7 or newer, or what speaks like it; a single server, no cluster. Thread-safe. Whoever
 * opens it closes it.
 */
public final class Redis implements AutoCloseable {
  static final int SILENCES_MAX = 5;
  static final int QUEUE_MAX = 256;

  private static final Duration CONNECT_MAX = Duration.ofSeconds(2);
  private static final Duration CLOSE_MAX = Duration.ofSeconds(2);

  /** The least the client takes. */
  private static final int THREADS = 2;

  private static final ClientOptions OPTIONS =
      ClientOptions.builder()
          .autoReconnect(false)
          .disconnectedBehavior(DisconnectedBehavior.REJECT_COMMANDS)
          .requestQueueSize(QUEUE_MAX)
          .protocolVersion(ProtocolVersion.RESP3)
          .maintNotificationsConfig(MaintNotificationsConfig.disabled())
          .socketOptions(SocketOptions.builder().connectTimeout(CONNECT_MAX).build())
          // Who waits has a time-out of his own; a silent connection ends all that nobody waits
          // for.
          .timeoutOptions(TimeoutOptions.builder().timeoutCommands(false).build())
          .build();

  private final RedisConfig config;
  private final ClientResources resources;
  private final RedisClient client;
  private final RedisMetrics metrics;
  private final RedisLink<StatefulRedisConnection<byte[], byte[]>> link;
  private final Broadcast broadcast;
  private final AtomicInteger silences = new AtomicInteger();

  private Redis(RedisConfig config, String service, Telemetry telemetry) {
    this.config = config;
    resources =
        ClientResources.builder()
            .ioThreadPoolSize(THREADS)
            .computationThreadPoolSize(THREADS)
            .build();
    client = RedisClient.create(resources, uri(config, service));
    client.setOptions(OPTIONS);
    metrics = new RedisMetrics(telemetry);
    link =
        new RedisLink<>(
            "commands", config.toString(), () -> client.connect(ByteArrayCodec.INSTANCE), _ -> {});
    metrics.watch("commands", () -> link.connection().isPresent());
    broadcast =
        new Broadcast(
            this, config.toString(), () -> client.connectPubSub(ByteArrayCodec.INSTANCE), metrics);
  }

  private static RedisURI uri(RedisConfig config, String service) {
    RedisURI.Builder builder =
        RedisURI.builder()
            .withHost(config.host())
            .withPort(config.port())
            .withDatabase(config.database())
            .withSsl(config.tls())
            .withClientName(service)
            .withTimeout(CONNECT_MAX);
    config
        .password()
        .ifPresent(
            password ->
                config
                    .user()
                    .ifPresentOrElse(
                        user -> builder.withAuthentication(user, password.toCharArray()),
                        () -> builder.withPassword(password.toCharArray())));
    return builder.build();
  }

  /**
   * Connects from now on, without waiting for it.
   *
   * @param service what Redis lists the connections as
   */
  public static Redis open(RedisConfig config, String service, Telemetry telemetry) {
    Redis redis = new Redis(config, service, telemetry);
    redis.link.start();
    return redis;
  }

  /**
   * Sends a command and waits for its answer; nil is empty.
   *
   * @throws RedisFailedException if there is none in time
   */
  public <T> Optional<T> ask(Function<RedisAsyncCommands<byte[], byte[]>, RedisFuture<T>> command)
      throws RedisFailedException {
    StatefulRedisConnection<byte[], byte[]> connection = connection();
    RedisFuture<T> answer = sent(connection, command);
    try {
      Optional<T> result =
          Optional.ofNullable(answer.get(config.patience().toNanos(), TimeUnit.NANOSECONDS));
      silences.set(0);
      metrics.answered();
      return result;
    } catch (TimeoutException e) {
      throw late(connection, answer);
    } catch (ExecutionException e) {
      metrics.failed();
      throw new RedisFailedException("a command failed", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RedisFailedException("interrupted", e);
    }
  }

  private RedisFailedException late(
      StatefulRedisConnection<byte[], byte[]> connection, RedisFuture<?> answer) {
    answer.cancel(false);
    metrics.late();
    if (silences.incrementAndGet() >= SILENCES_MAX) {
      silences.set(0);
      link.drop(connection);
    }
    return new RedisFailedException(
        "no answer within " + config.patience().toMillis() + " ms", null);
  }

  /**
   * As {@link #ask}, for who may not wait: the answer comes later, within the same time, on a
   * thread that must not be kept, or a {@link RedisFailedException} in its place.
   */
  public <T> CompletableFuture<Optional<T>> answer(
      Function<RedisAsyncCommands<byte[], byte[]>, RedisFuture<T>> command) {
    StatefulRedisConnection<byte[], byte[]> connection;
    RedisFuture<T> answer;
    try {
      connection = connection();
      answer = sent(connection, command);
    } catch (RedisFailedException e) {
      return CompletableFuture.failedFuture(e);
    }
    CompletableFuture<Optional<T>> result = new CompletableFuture<>();
    var _ =
        answer
            .toCompletableFuture()
            .copy()
            .orTimeout(config.patience().toNanos(), TimeUnit.NANOSECONDS)
            .whenComplete(
                (value, failure) -> {
                  if (failure == null) {
                    silences.set(0);
                    metrics.answered();
                    result.complete(Optional.ofNullable(value));
                  } else if (failure instanceof TimeoutException) {
                    result.completeExceptionally(late(connection, answer));
                  } else {
                    metrics.failed();
                    result.completeExceptionally(
                        new RedisFailedException("a command failed", failure));
                  }
                });
    return result;
  }

  /**
   * Sends a command without waiting. The answer, which may be null, comes on a thread of the
   * client's, which must not be kept; it may never come before the connection ends.
   */
  public <T> CompletableFuture<T> send(
      Function<RedisAsyncCommands<byte[], byte[]>, RedisFuture<T>> command) {
    try {
      return sent(connection(), command)
          .toCompletableFuture()
          .whenComplete(
              (_, failure) -> {
                if (failure == null) {
                  metrics.answered();
                } else {
                  metrics.failed();
                }
              });
    } catch (RedisFailedException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  private StatefulRedisConnection<byte[], byte[]> connection() throws RedisFailedException {
    Optional<StatefulRedisConnection<byte[], byte[]>> connection = link.connection();
    if (connection.isEmpty()) {
      metrics.refused();
      throw new RedisFailedException("not connected to " + config, null);
    }
    return connection.get();
  }

  private <T> RedisFuture<T> sent(
      StatefulRedisConnection<byte[], byte[]> connection,
      Function<RedisAsyncCommands<byte[], byte[]>, RedisFuture<T>> command)
      throws RedisFailedException {
    try {
      return command.apply(connection.async());
    } catch (RedisException e) {
      // Too many commands are waiting, or the connection was lost a moment ago.
      metrics.refused();
      throw new RedisFailedException("not sent", e);
    }
  }

  /** Whether Redis answers now. */
  public boolean healthy() {
    try {
      return ask(RedisAsyncCommands::ping).isPresent();
    } catch (RedisFailedException e) {
      return false;
    }
  }

  /** What is told to all who listen. */
  public Broadcast broadcast() {
    return broadcast;
  }

  @Override
  public void close() {
    broadcast.close();
    link.close();
    metrics.close();
    client.shutdown(Duration.ZERO, CLOSE_MAX);
    resources.shutdown(0, CLOSE_MAX.toMillis(), TimeUnit.MILLISECONDS).awaitUninterruptibly();
  }
}
