@NullMarked
package dev.weft.payment;

import org.jspecify.annotations.NullMarked;
