/** What programs that measure the mesh need of its inside, which is nobody else's business. */
@NullMarked
package dev.weft.mesh;

import org.jspecify.annotations.NullMarked;
