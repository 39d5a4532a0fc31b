package dev.weft.edge;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Whether and how the edge describes what it serves.
 *
 * @param shown whether there is {@code /openapi.json} and {@code /docs}
 * @param comments a descriptor set with comments, or a folder of such
 */
record ApiConfig(boolean shown, Optional<Path> comments) {
  static final ApiConfig OFF = new ApiConfig(false, Optional.empty());
}
