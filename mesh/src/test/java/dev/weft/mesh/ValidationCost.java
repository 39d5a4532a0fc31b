package dev.weft.mesh;

import build.buf.protovalidate.ValidatorFactory;
import dev.weft.mesh.test.Rules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;

/**
 * Prints what it costs a process to validate its first message: with {@code none}, {@code weft} or
 * {@code protovalidate} as argument. docs/decisions/001-validation.md has the command and the
 * numbers.
 */
final class ValidationCost {
  private ValidationCost() {}

  public static void main(String[] args) throws Exception {
    Rules message = Rules.newBuilder().setMust("a").setUuid("b").build();
    // Paid by every process that has the contract, whoever validates.
    boolean deprecated = Rules.getDescriptor().getFields().getFirst().getOptions().hasDeprecated();
    long began = System.nanoTime();
    int found =
        switch (args[0]) {
          case "none" -> deprecated ? 1 : 0;
          case "weft" ->
              Validation.of(List.of(Rules.getDescriptor()), InstantSource.system())
                  .check(message)
                  .size();
          case "protovalidate" ->
              ValidatorFactory.newBuilder().build().validate(message).getViolations().size();
          default -> throw new IllegalArgumentException(args[0]);
        };
    long first = System.nanoTime() - began;
    System.gc();
    long heap = Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    System.out.printf(
        "%s: first validation %d ms, %d violations, heap %d KiB, resident %s%n",
        args[0], first / 1_000_000, found, heap / 1024, resident());
  }

  private static String resident() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .map(line -> line.substring("VmRSS:".length()).strip())
        .findFirst()
        .orElse("unknown");
  }
}
