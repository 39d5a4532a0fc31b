package dev.weft.redis;

import org.jspecify.annotations.Nullable;

/**
 * Redis gave no answer that can be used: it is away, took too long, or refused. Whoever asked does
 * without; whether the command was carried out is not known.
 *
 * <p>Checked, because there is no caller of Redis that may fail with it.
 */
public final class RedisFailedException extends Exception {
  private static final long serialVersionUID = 1L;

  RedisFailedException(String message, @Nullable Throwable cause) {
    // Thrown for every command while Redis is away: without a stack trace it costs next to nothing.
    super(message, cause, false, false);
  }
}
