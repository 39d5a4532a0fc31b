@NullMarked
package dev.weft.card;

import org.jspecify.annotations.NullMarked;
