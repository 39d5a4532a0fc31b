package dev.weft.bench;

import dev.weft.edge.ManyContracts;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

/**
 * What it costs an edge that many services come, and that one of them changes: 500 of 20 RPCs,
 * unless the arguments say other numbers, each with a path of its own and messages of nested types.
 * Contracts are read from the bytes that reflection answers; the file that keeps them over a
 * restart is written meanwhile, as in an edge. And what it costs to describe them all.
 */
public final class Routes {
  private static final int ROUNDS = 20;
  private static final int DOCUMENTS = 10;
  private static final int WARM_UP = 100;
  private static final int CHANGES = 500;
  private static final double NANOS_PER_MILLI = 1e6;
  private static final double BYTES_PER_MIB = 1 << 20;

  private Routes() {}

  public static void main(String[] arguments) throws IOException {
    int services = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 500;
    int rpcs = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 20;
    Path folder = Files.createTempDirectory("routes");
    System.out.println(RunningShop.machine());
    System.out.printf(Locale.ROOT, "%d services of %d RPCs%n", services, rpcs);
    ManyContracts many = new ManyContracts(services, rpcs);
    long told = Heap.used();
    try (many) {
      long began = System.nanoTime();
      many.start(folder);
      many.learnAll();
      System.out.printf(
          Locale.ROOT,
          "all learned one after the other, first in this process: %.0f ms, %d routes%n",
          (System.nanoTime() - began) / NANOS_PER_MILLI,
          many.routes());
      long learned = Heap.used();
      System.out.printf(
          Locale.ROOT,
          "heap: %.1f MiB for descriptors, plans and the table; the bytes told are %.1f MiB more%n",
          (learned - told) / BYTES_PER_MIB,
          many.bytes() / BYTES_PER_MIB);
      System.out.printf(
          Locale.ROOT, "of it the table alone: %.1f MiB%n", tableAlone(many) / BYTES_PER_MIB);
      print("document of all routes", DOCUMENTS, _ -> many.describe());
      System.out.printf(
          Locale.ROOT, "of it %.1f MiB of text%n", many.documentBytes() / BYTES_PER_MIB);
      print("whole table anew", ROUNDS, _ -> many.rebuild());
      for (int i = 0; i < WARM_UP; i++) {
        many.change(i % services);
      }
      print("one service changes: its contract is read", CHANGES, i -> many.read(i % services));
      print("one service changes: read, and served", CHANGES, i -> many.change(i % services));
    }
    System.out.printf(
        Locale.ROOT,
        "file: %.1f MiB%n",
        Files.size(folder.resolve("contracts.bin")) / BYTES_PER_MIB);
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
    System.out.println(RunningShop.machine());
  }

  /** A second table of the same contracts shares nothing with the first but the routes. */
  private static long tableAlone(ManyContracts many) {
    long before = Heap.used();
    Object second = many.anotherTable();
    long after = Heap.used();
    return second.hashCode() == 0 ? 0 : after - before;
  }

  private static void print(String what, int times, IntConsumer work) {
    double[] millis = new double[times];
    double worstAlone = 0;
    for (int i = 0; i < times; i++) {
      long collections = collections();
      long began = System.nanoTime();
      work.accept(i);
      millis[i] = (System.nanoTime() - began) / NANOS_PER_MILLI;
      if (collections() == collections) {
        worstAlone = Math.max(worstAlone, millis[i]);
      }
    }
    Arrays.sort(millis);
    System.out.printf(
        Locale.ROOT,
        "%s, %d times: median %.2f ms, p99 %.2f, best %.2f, worst %.2f (%.2f without a collection"
            + " of garbage)%n",
        what,
        times,
        millis[times / 2],
        millis[times - 1 - times / 100],
        millis[0],
        millis[times - 1],
        worstAlone);
  }

  private static long collections() {
    long count = 0;
    for (GarbageCollectorMXBean one : ManagementFactory.getGarbageCollectorMXBeans()) {
      count += one.getCollectionCount();
    }
    return count;
  }
}
