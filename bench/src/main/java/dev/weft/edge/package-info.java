/** What programs that measure the edge need of its inside, which is nobody else's business. */
@NullMarked
package dev.weft.edge;

import org.jspecify.annotations.NullMarked;
