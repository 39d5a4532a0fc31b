package dev.weft.mesh;

import com.sun.management.GarbageCollectionNotificationInfo;
import com.sun.management.OperatingSystemMXBean;
import com.sun.management.UnixOperatingSystemMXBean;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.ObservableLongMeasurement;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.ToLongFunction;
import javax.management.NotificationEmitter;
import javax.management.openmbean.CompositeData;

/**
 * Memory, garbage collection, threads and processor time of this JVM, named by OpenTelemetry's
 * conventions.
 *
 * <p>The JVM's management beans are loaded by the first collection, not at start, where they would
 * cost 50 ms. Collections of garbage are timed from then on.
 */
final class JvmMetrics {
  private static final AttributeKey<String> POOL = AttributeKey.stringKey("jvm.memory.pool.name");
  private static final AttributeKey<String> TYPE = AttributeKey.stringKey("jvm.memory.type");
  private static final AttributeKey<Boolean> DAEMON = AttributeKey.booleanKey("jvm.thread.daemon");
  private static final AttributeKey<String> GC = AttributeKey.stringKey("jvm.gc.name");
  private static final AttributeKey<String> ACTION = AttributeKey.stringKey("jvm.gc.action");
  private static final Path PROCESS_STATUS = Path.of("/proc/self/status");
  private static final double NANOS = 1e9;
  private static final double MILLIS = 1e3;

  private JvmMetrics() {}

  static void register(Meter meter) {
    memory(meter, "jvm.memory.used", "Memory in use.", MemoryUsage::getUsed);
    memory(meter, "jvm.memory.committed", "Memory committed.", MemoryUsage::getCommitted);
    memory(meter, "jvm.memory.limit", "Most memory obtainable.", MemoryUsage::getMax);
    meter
        .upDownCounterBuilder("jvm.thread.count")
        .setUnit("{thread}")
        .setDescription("Platform threads that run.")
        .buildWithCallback(
            out -> {
              ThreadMXBean threads = ManagementFactory.getThreadMXBean();
              int daemons = threads.getDaemonThreadCount();
              out.record(daemons, Attributes.of(DAEMON, true));
              out.record(threads.getThreadCount() - daemons, Attributes.of(DAEMON, false));
            });
    meter
        .upDownCounterBuilder("jvm.class.count")
        .setUnit("{class}")
        .setDescription("Classes loaded now.")
        .buildWithCallback(
            out -> out.record(ManagementFactory.getClassLoadingMXBean().getLoadedClassCount()));
    meter
        .counterBuilder("jvm.cpu.time")
        .ofDoubles()
        .setUnit("s")
        .setDescription("Processor time this process has used.")
        .buildWithCallback(out -> out.record(system().getProcessCpuTime() / NANOS));
    meter
        .upDownCounterBuilder("jvm.cpu.count")
        .setUnit("{cpu}")
        .setDescription("Processors this process may use.")
        .buildWithCallback(out -> out.record(Runtime.getRuntime().availableProcessors()));
    meter
        .upDownCounterBuilder("process.memory.usage")
        .setUnit("By")
        .setDescription("Physical memory this process holds.")
        .buildWithCallback(JvmMetrics::resident);
    meter
        .upDownCounterBuilder("process.open_file_descriptor.count")
        .setUnit("{file_descriptor}")
        .setDescription("File descriptors this process has open.")
        .buildWithCallback(
            out -> {
              if (system() instanceof UnixOperatingSystemMXBean unix) {
                out.record(unix.getOpenFileDescriptorCount());
              }
            });
    meter
        .gaugeBuilder("process.uptime")
        .setUnit("s")
        .setDescription("Time since this process started.")
        .buildWithCallback(
            out -> out.record(ManagementFactory.getRuntimeMXBean().getUptime() / MILLIS));
    garbage(meter);
  }

  private static void memory(
      Meter meter, String name, String description, ToLongFunction<MemoryUsage> value) {
    meter
        .upDownCounterBuilder(name)
        .setUnit("By")
        .setDescription(description)
        .buildWithCallback(
            out -> {
              for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
                long bytes = value.applyAsLong(pool.getUsage());
                // A limit of -1 means that there is none.
                if (bytes >= 0) {
                  String type = pool.getType() == MemoryType.HEAP ? "heap" : "non_heap";
                  out.record(bytes, Attributes.of(POOL, pool.getName(), TYPE, type));
                }
              }
            });
  }

  private static void garbage(Meter meter) {
    DoubleHistogram duration =
        meter
            .histogramBuilder("jvm.gc.duration")
            .setUnit("s")
            .setDescription("How long collections of garbage took.")
            .setExplicitBucketBoundariesAdvice(List.of(0.01, 0.1, 1.0, 10.0))
            .build();
    AtomicBoolean listening = new AtomicBoolean();
    meter
        .counterBuilder("weft.jvm.gc.count")
        .setUnit("{collection}")
        .setDescription("Collections of garbage since the start.")
        .buildWithCallback(
            out -> {
              List<GarbageCollectorMXBean> collectors =
                  ManagementFactory.getGarbageCollectorMXBeans();
              boolean first = listening.compareAndSet(false, true);
              for (GarbageCollectorMXBean collector : collectors) {
                out.record(
                    Math.max(collector.getCollectionCount(), 0),
                    Attributes.of(GC, collector.getName()));
                if (first && collector instanceof NotificationEmitter emitter) {
                  listen(emitter, duration);
                }
              }
            });
  }

  private static void listen(NotificationEmitter emitter, DoubleHistogram duration) {
    emitter.addNotificationListener(
        (notification, handback) -> {
          GarbageCollectionNotificationInfo info =
              GarbageCollectionNotificationInfo.from((CompositeData) notification.getUserData());
          duration.record(
              info.getGcInfo().getDuration() / MILLIS,
              Attributes.of(GC, info.getGcName(), ACTION, info.getGcAction()));
        },
        notification ->
            GarbageCollectionNotificationInfo.GARBAGE_COLLECTION_NOTIFICATION.equals(
                notification.getType()),
        null);
  }

  private static OperatingSystemMXBean system() {
    return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
  }

  private static void resident(ObservableLongMeasurement out) {
    if (!Files.isReadable(PROCESS_STATUS)) {
      return;
    }
    try (var lines = Files.lines(PROCESS_STATUS)) {
      lines
          .filter(line -> line.startsWith("VmRSS:"))
          .findFirst()
          .ifPresent(line -> out.record(Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024));
    } catch (IOException e) {
      // Not this time.
    }
  }
}
