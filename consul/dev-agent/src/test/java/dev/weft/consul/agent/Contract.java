package dev.weft.consul.agent;

import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** What every part of the contract needs: an agent, and names that no other test uses. */
interface Contract {
  AtomicInteger NAMES = new AtomicInteger();

  /** The agent under test. */
  Api api();

  default String unique(String name) {
    return name + "-" + NAMES.incrementAndGet();
  }

  /** Waits until the catalog knows {@code count} instances of the service, and returns them. */
  default Api.Answer instances(String name, int count) {
    return await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> api().get("/v1/health/service/" + name).isOk(),
            answer -> answer.list().size() == count);
  }

  /** Waits until the agent's own check has the status, and returns its output. */
  default String outputOnce(String checkId, String status) {
    return await()
            .atMost(Duration.ofSeconds(10))
            .pollInterval(Duration.ofMillis(20))
            .until(
                () -> api().get("/v1/agent/checks").isOk(),
                answer -> status.equals(answer.at(checkId, "Status")))
            .at(checkId, "Output")
        + "";
  }

  /** Waits until the only instance of the service is in the catalog with that worst status. */
  default Api.Answer inCatalog(String name, String status) {
    return await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> api().get("/v1/health/checks/" + name).isOk(),
            answer -> answer.list().size() == 1 && status.equals(answer.at(0, "Status")));
  }
}
