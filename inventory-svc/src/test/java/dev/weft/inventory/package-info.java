@NullMarked
package dev.weft.inventory;

import org.jspecify.annotations.NullMarked;
