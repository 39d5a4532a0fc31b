@NullMarked
package dev.weft.order;

import org.jspecify.annotations.NullMarked;
