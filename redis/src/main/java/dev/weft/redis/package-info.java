/**
 * What processes share by Redis, and can do without: nothing is kept there that is not true
 * elsewhere, so a Redis that is away, slow or empty costs time and never an answer.
 *
 * <p>Open {@link dev.weft.redis.Redis} first, then {@link dev.weft.redis.Broadcast}. A process has
 * a Redis if its environment says so ({@link dev.weft.redis.RedisConfig}); if not, no class of the
 * client is loaded.
 */
@NullMarked
package dev.weft.redis;

import org.jspecify.annotations.NullMarked;
