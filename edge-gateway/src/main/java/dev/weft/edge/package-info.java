/** The edge: REST/JSON in, gRPC out. */
@NullMarked
package dev.weft.edge;

import org.jspecify.annotations.NullMarked;
