package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class AccessLogTest {
  private final BlockingQueue<String> written = new LinkedBlockingQueue<>();

  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("edge", "test"));

  @AfterEach
  void stop() {
    telemetry.close();
  }

  @Test
  void writesEveryRequestInOrderOnAThreadOfItsOwn() throws Exception {
    BlockingQueue<Thread> writers = new LinkedBlockingQueue<>();
    try (AccessLog log =
        new AccessLog(
            10,
            request -> {
              writers.add(Thread.currentThread());
              written.add(request.requestId());
            })) {
      List<String> ids = add(log, 2);

      assertThat(List.of(written.take(), written.take())).isEqualTo(ids);
      assertThat(writers).doesNotContain(Thread.currentThread());
    }
  }

  @Test
  void dropsAndCountsWhatComesFasterThanItIsWritten() throws Exception {
    CountDownLatch reader = new CountDownLatch(1);
    CountDownLatch stuck = new CountDownLatch(1);
    AccessLog log =
        new AccessLog(
            3,
            request -> {
              stuck.countDown();
              awaitUninterruptibly(reader);
              written.add(request.requestId());
            });
    List<String> ids = add(log, 1);
    stuck.await();
    ids.addAll(add(log, 5));

    assertThat(log.dropped()).isEqualTo(2);
    reader.countDown();
    log.close();
    assertThat(written).containsExactlyElementsOf(ids.subList(0, 4));
  }

  private List<String> add(AccessLog log, int count) {
    HttpTelemetry requests = new HttpTelemetry(telemetry, log);
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Observation request = requests.beginMalformed();
      log.add(request);
      ids.add(request.requestId());
    }
    return ids;
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    boolean interrupted = false;
    while (latch.getCount() > 0) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
