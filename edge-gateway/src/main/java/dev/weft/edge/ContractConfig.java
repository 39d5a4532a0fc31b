package dev.weft.edge;

import java.nio.file.Path;
import java.util.Optional;

/**
 * How contracts come to be served.
 *
 * @param breaking what is done about one that breaks the one before
 * @param descriptors a folder with the contracts of services that do not tell them
 */
record ContractConfig(Compatibility.Policy breaking, Optional<Path> descriptors) {
  /** As instances tell them. */
  static final ContractConfig TOLD =
      new ContractConfig(Compatibility.Policy.REPORT, Optional.empty());
}
