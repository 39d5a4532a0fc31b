package dev.weft.bench;

import dev.weft.edge.Buckets;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it costs the edge to count a request against a limit, key and bucket, by two threads at
 * once: of one caller, of ten thousand, and of a million, who are as many as it remembers. Before
 * that, how much memory a million take.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Threads(2)
@Fork(
    value = 1,
    jvmArgs = {"-Xmx512m", "-XX:+UseSerialGC"})
@NullUnmarked // What JMH sets up before it measures.
public class RateLimiting {
  private static final int MILLION = 1_000_000;
  private static final long INTERVAL = TimeUnit.MILLISECONDS.toNanos(10);
  private static final long TOLERANCE = TimeUnit.MINUTES.toNanos(1);
  private static final long ADDRESS = 1;
  private static final long PRINCIPAL = 2;
  private static final String USER = new UUID(7, 7).toString();

  @Param({"1", "10000", "1000000"})
  public int callers;

  private Buckets buckets;

  /** Runs all of it, or what the arguments of JMH choose. */
  public static void main(String[] arguments) throws IOException {
    System.out.println(RunningShop.machine());
    memory();
    List<String> all = new ArrayList<>(List.of(arguments));
    if (all.isEmpty() || all.getFirst().startsWith("-")) {
      // Options alone would run what every program here measures.
      all.addFirst("RateLimiting");
    }
    org.openjdk.jmh.Main.main(all.toArray(new String[0]));
  }

  private static void memory() {
    long before = Heap.used();
    Buckets many = new Buckets(System::nanoTime);
    long empty = Heap.used();
    for (int i = 0; i < MILLION; i++) {
      many.take(many.key(ADDRESS, i), TOLERANCE, TOLERANCE);
    }
    long full = Heap.used();
    System.out.printf(
        Locale.ROOT,
        "heap: %,d bytes without callers, %,d with a million; by its own account %,d, at most %,d;"
            + " %,d forgotten%n",
        empty - before,
        full - before,
        many.bytes(),
        Buckets.BYTES_MAX,
        many.forgotten());
  }

  @Setup
  public void fill() {
    buckets = new Buckets(System::nanoTime);
    for (int i = 0; i < callers; i++) {
      buckets.take(buckets.key(ADDRESS, i), INTERVAL, TOLERANCE);
    }
  }

  @Benchmark
  public long address() {
    int caller = ThreadLocalRandom.current().nextInt(callers);
    return buckets.take(buckets.key(ADDRESS, caller), INTERVAL, TOLERANCE);
  }

  @Benchmark
  public long principal() {
    return buckets.take(buckets.key(PRINCIPAL, USER), INTERVAL, TOLERANCE);
  }
}
