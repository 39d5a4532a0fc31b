package dev.weft.bench;

import java.lang.management.ManagementFactory;

/** The heap of this process. */
public final class Heap {
  private static final int COLLECTIONS = 5;

  private Heap() {}

  /** The bytes in use once nothing more is found to collect, of a process that is idle. */
  public static long used() {
    long used = Long.MAX_VALUE;
    for (int i = 0; i < COLLECTIONS; i++) {
      System.gc();
      used = Math.min(used, ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
    }
    return used;
  }
}
