@NullMarked
package dev.weft.consul.agent;

import org.jspecify.annotations.NullMarked;
