package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/**
 * What this process held before clients came that mean no good, for a look at what it holds when
 * they have left: connections, threads, the heap and Netty's direct memory.
 *
 * @param threads of the platform, but for those that libraries of the test itself keep for a while
 * @param heapBytes in use after a collection
 * @param directBytes that Netty has taken for its buffers; it keeps what it took, for the next ones
 */
record Held(long threads, long heapBytes, long directBytes) {
  /** Pools grow to the work there is, and the event loops start when they are first needed. */
  private static final int THREADS_MORE = 6;

  /**
   * Classes, compiled code's data and what caches keep; a leak in the tests here is many times
   * that.
   */
  private static final long HEAP_MORE = 24L << 20;

  /** Some chunks of each of Netty's pools. */
  private static final long DIRECT_MORE = 48L << 20;

  static Held now() {
    return new Held(threadsNow(), heapNow(), directNow());
  }

  /** Waits until all is as it was; fails if it is not within half a minute. */
  void assertGivenBack(EdgeServer edge) {
    await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(250))
        .untilAsserted(
            () -> {
              assertThat(edge.connections()).as("connections").isZero();
              assertThat(threadsNow()).as("threads").isLessThanOrEqualTo(threads + THREADS_MORE);
              assertThat(directNow()).as("direct").isLessThanOrEqualTo(directBytes + DIRECT_MORE);
              assertThat(heapNow()).as("heap").isLessThanOrEqualTo(heapBytes + HEAP_MORE);
            });
  }

  private static long threadsNow() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> !name.startsWith("HttpClient-") && !name.startsWith("grpc-default-"))
        .filter(name -> !name.startsWith("ForkJoinPool"))
        .count();
  }

  private static long heapNow() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  private static long directNow() {
    return ((ByteBufAllocatorMetricProvider) ByteBufAllocator.DEFAULT).metric().usedDirectMemory();
  }
}
