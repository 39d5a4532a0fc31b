package dev.weft.prove;

import dev.weft.prove.Fault.Bite;
import dev.weft.prove.Fault.Inflicted;
import dev.weft.prove.Fault.Omitted;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Disks that are full: each folder that must not lose anything is put on a small one of its own
 * before the system starts, where this machine allows it.
 */
final class DiskFaults {
  /** Enough for a new database, which is asked for before one is made. */
  private static final long MEGABYTES = 640;

  private static final Duration LASTS = Duration.ofSeconds(6);
  private static final List<String> PROCESSES = List.of(Shop.POSTGRES, Shop.CARD_NETWORK);

  private final Map<String, Disk> disks = new TreeMap<>();
  private final List<Omitted> omitted = new ArrayList<>();

  /** None. */
  DiskFaults() {}

  /** Puts the folders of the system that will keep its data there on disks. */
  static DiskFaults in(Path folder) {
    DiskFaults faults = new DiskFaults();
    for (String process : PROCESSES) {
      try {
        faults.disks.put(process, Disk.mount(folder.resolve(process), MEGABYTES));
      } catch (Disk.Unavailable e) {
        faults.omitted.add(
            new Omitted(name(process), "no disk in memory can be mounted: " + e.getMessage()));
      }
    }
    return faults;
  }

  /** Takes away what a run that was killed left. */
  static void clear(Path folder) {
    PROCESSES.forEach(process -> Disk.unmount(folder.resolve(process)));
  }

  List<Omitted> omitted() {
    return List.copyOf(omitted);
  }

  List<Fault> all(Shop shop, History history) {
    return disks.entrySet().stream()
        .map(disk -> full(disk.getKey(), disk.getValue(), shop, history))
        .toList();
  }

  private static Fault full(String process, Disk disk, Shop shop, History history) {
    return new Fault(
        name(process),
        LASTS,
        () -> {
          long before = Logs.count(shop.folder().log(process), "No space left on device");
          long refused = history.unavailable();
          disk.fill();
          return Inflicted.of(
              () -> {
                if (process.equals(Shop.POSTGRES) && history.unavailable() > refused) {
                  history.count("an order got 503 while the disk was full");
                }
                disk.free();
              },
              () ->
                  new Bite(
                      Logs.count(shop.folder().log(process), "No space left on device") - before,
                      "writes that failed"));
        });
  }

  private static String name(String process) {
    return "disk of " + process + " full";
  }
}
