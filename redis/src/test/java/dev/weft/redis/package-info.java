@NullMarked
package dev.weft.redis;

import org.jspecify.annotations.NullMarked;
