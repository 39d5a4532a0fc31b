package dev.weft.edge;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Whether and how the edge describes what it serves.
 *
 * @param shown whether there is {@code /openapi.json} and {@code /docs}
 * @param comments a descriptor set with comments, or a folder of such
 * @param explains whether it says, instead of a call, what would become of a request ({@link
 *     Explain})
 * @param tools whether RPCs are tools of the Model Context Protocol ({@link Mcp})
 */
record ApiConfig(boolean shown, Optional<Path> comments, boolean explains, boolean tools) {
  static final ApiConfig OFF = new ApiConfig(false, Optional.empty(), false, false);
}
