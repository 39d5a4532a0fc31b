package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * What can only be seen while nobody else changes the catalog. Each statement and its test:
 *
 * <ul>
 *   <li>a wait ends with up to a sixteenth of jitter: {@link
 *       #endsABlockingQueryAfterItsWaitAndUpToASixteenthMore}.
 *   <li>a query for an unknown service blocks, and wakes when any other is deregistered: {@link
 *       #blocksForAnUnknownServiceUntilAnyOtherIsDeregistered}.
 *   <li>a query for an unknown service wakes when it comes: {@link
 *       #wakesAQueryForAnUnknownServiceWhenItComes}.
 *   <li>the health of another service wakes nobody: {@link
 *       #doesNotWakeForTheHealthOfAnotherService}.
 *   <li>an answer that a filter emptied has the index of its service: {@link
 *       #saysWithoutInstancesWhetherTheIndexOfAServiceHasMoved}.
 *   <li>a check of the node wakes everybody: {@link #wakesAllServicesForACheckOfTheNode}.
 *   <li>catalog/services wakes for names, not for health: {@link
 *       #wakesTheListOfServicesForNewAndRemovedOnesButNotForHealth}.
 *   <li>a prefix wakes for its own keys only: {@link #doesNotWakeAPrefixForKeysOutsideIt}.
 *   <li>intentions wake list and match: {@link #wakesQueriesForIntentionsForEveryChange}, and so do
 *       those of an entry: {@link #wakesAMatchForAnEntryOfIntentions}.
 *   <li>a query wakes for its entry, but only the list shows that one is deleted (a query for one
 *       that is deleted meanwhile gets it once more from Consul 1.8): {@link
 *       #wakesForAnEntryThatIsWrittenOrDeleted}.
 * </ul>
 */
interface QuietContract extends Contract {
  @Test
  default void endsABlockingQueryAfterItsWaitAndUpToASixteenthMore() throws Exception {
    String name = unique("waiting");
    api().registerTtl(name, name, "passing");
    long index = settled("/v1/health/service/" + name);
    List<Api.Pending> queries = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      queries.add(api().query("/v1/health/service/" + name + "?wait=2s&index=" + index));
    }
    List<Duration> times = new ArrayList<>();
    for (Api.Pending query : queries) {
      Api.Answer answer = query.answer().isOk();
      assertThat(answer.index()).isEqualTo(index);
      times.add(answer.took());
    }
    assertThat(times)
        .allSatisfy(
            time -> assertThat(time).isBetween(Duration.ofMillis(1_990), Duration.ofMillis(3_500)));
    Duration spread =
        times.stream()
            .max(Duration::compareTo)
            .orElseThrow()
            .minus(times.stream().min(Duration::compareTo).orElseThrow());
    assertThat(spread).isGreaterThan(Duration.ofMillis(10));
  }

  /** The index of a query that nothing moves any more. */
  private long settled(String path) throws Exception {
    long index = 0;
    long next = api().get(path).isOk().index();
    while (index != next) {
      index = next;
      next = api().query(path + "?wait=300ms&index=" + index).answer().isOk().index();
    }
    return index;
  }

  @Test
  default void blocksForAnUnknownServiceUntilAnyOtherIsDeregistered() throws Exception {
    String other = unique("other");
    api().registerTtl(other, other, "passing");
    inCatalog(other, "passing");
    String path = "/v1/health/service/" + unique("unknown");
    Api.Answer empty = api().get(path).isOk();
    assertThat(empty.list()).isEmpty();
    assertThat(empty.index()).isPositive();
    // An agent of which no service ever left answers with its newest index once or twice.
    Api.Pending next = api().after(path, empty.index());
    next.sleepsFor(Duration.ofMillis(500));
    api().deregister(other);
    Api.Answer woken = next.wakes();
    assertThat(woken.list()).isEmpty();
    assertThat(woken.index()).isGreaterThan(empty.index());
  }

  @Test
  default void wakesAQueryForAnUnknownServiceWhenItComes() throws Exception {
    String name = unique("comes");
    String path = "/v1/health/service/" + name;
    long index = api().get(path).isOk().index();
    Api.Pending next = api().after(path, index);
    next.sleepsFor(Duration.ofMillis(300));
    api().registerTtl(name, name, "passing");
    assertThat(next.wakes().list()).hasSize(1);
  }

  @Test
  default void doesNotWakeForTheHealthOfAnotherService() throws Exception {
    String watched = unique("watched");
    String other = unique("other");
    api().registerTtl(watched, watched, "passing");
    api().registerTtl(other, other, "passing");
    inCatalog(other, "passing");
    Api.Pending next =
        api().after("/v1/health/service/" + watched, inCatalog(watched, "passing").index());
    api().tell(other, "fail");
    inCatalog(other, "critical");
    next.sleepsFor(Duration.ofMillis(700));
    api().tell(watched, "fail");
    assertThat(next.wakes().at(0, "Checks", 1, "Status")).isEqualTo("critical");
  }

  @Test
  default void saysWithoutInstancesWhetherTheIndexOfAServiceHasMoved() throws Exception {
    String watched = unique("looked");
    String other = unique("other");
    api().registerTtl(watched, watched, "passing");
    long index = settled("/v1/health/service/" + watched);
    String path = "/v1/health/service/" + watched + "?filter=" + Api.encode("Service.ID == \"\"");
    api().registerTtl(other, other, "passing");
    inCatalog(other, "passing");
    assertThat(api().get(path).isOk().list()).isEmpty();
    assertThat(api().get(path).index()).isEqualTo(index);

    api().registerTtl(watched, watched + "-2", "passing");
    await().until(() -> api().get(path).index() > index);
    api().deregister(watched + "-2");
    await()
        .until(() -> api().get(path).index() == api().get("/v1/health/service/" + watched).index());
  }

  @Test
  default void wakesAllServicesForACheckOfTheNode() throws Exception {
    String name = unique("noded");
    api().registerTtl(name, name, "passing");
    Api.Pending next =
        api().after("/v1/health/service/" + name, inCatalog(name, "passing").index());
    next.sleepsFor(Duration.ofMillis(200));
    api()
        .put(
            "/v1/agent/check/register",
            "{\"Name\":\"disk\",\"TTL\":\"60s\",\"Status\":\"passing\"}")
        .isOk();
    assertThat(next.wakes().body()).contains("\"disk\"");
    assertThat(api().get("/v1/agent/health/service/id/" + name).body()).contains("\"disk\"");
    api().put("/v1/agent/check/deregister/disk").isOk();
  }

  @Test
  default void wakesTheListOfServicesForNewAndRemovedOnesButNotForHealth() throws Exception {
    String name = unique("listed");
    api().registerTtl(name, name, "passing");
    inCatalog(name, "passing");
    String path = "/v1/catalog/services";
    Api.Pending next = api().after(path, api().get(path).index());
    api().tell(name, "fail");
    inCatalog(name, "critical");
    next.sleepsFor(Duration.ofMillis(700));
    String fresh = unique("fresh");
    api().registerTtl(fresh, fresh, "passing");
    Api.Answer more = next.wakes();
    assertThat(more.at(fresh)).isNotNull();
    Api.Pending less = api().after(path, more.index());
    api().deregister(fresh);
    assertThat(less.wakes().at(fresh)).isNull();
  }

  @Test
  default void doesNotWakeAPrefixForKeysOutsideIt() throws Exception {
    String ours = unique("ours") + "/";
    String theirs = unique("theirs") + "/";
    api().put("/v1/kv/" + ours + "a", "1").isOk();
    String path = "/v1/kv/" + ours + "?recurse";
    Api.Pending next = api().after(path, api().get(path).isOk().index());
    api().put("/v1/kv/" + theirs + "a", "1").isOk();
    api().delete("/v1/kv/" + theirs + "a").isOk();
    next.sleepsFor(Duration.ofMillis(700));
    api().put("/v1/kv/" + ours + "b", "2").isOk();
    Api.Answer more = next.wakes();
    assertThat(more.list()).hasSize(2);
    Api.Pending less = api().after(path, more.index());
    api().delete("/v1/kv/" + ours + "a").isOk();
    assertThat(less.wakes().list()).hasSize(1);
  }

  @Test
  default void wakesQueriesForIntentionsForEveryChange() throws Exception {
    String destination = unique("intended");
    String all = IntentionsContract.INTENTIONS;
    String matching = IntentionsContract.matching(destination);
    long index = api().get(all).index();
    Api.Pending list = api().after(all, index);
    Api.Pending match = api().after(matching, index);
    list.sleepsFor(Duration.ofMillis(300));
    String body =
        "{\"SourceName\":\"web\",\"DestinationName\":\"%s\",\"Action\":\"deny\"}"
            .formatted(destination);
    Object id = api().post(all, body).isOk().at("ID");
    assertThat(list.wakes().isOk().index()).isGreaterThan(index);
    assertThat(match.wakes().isOk().at(destination, 0, "ID")).isEqualTo(id);
    Api.Pending deleted = api().after(matching, api().get(all).isOk().index());
    api().delete(all + "/" + id).isOk();
    assertThat(deleted.wakes().isOk().at(destination)).isNull();
  }

  @Test
  default void wakesAMatchForAnEntryOfIntentions() throws Exception {
    ServiceIntentionsContract.assumeServiceIntentions(api());
    String name = unique("entered");
    String matching = IntentionsContract.matching(name);
    Api.Pending match = api().after(matching, api().get(matching).isOk().index());
    match.sleepsFor(Duration.ofMillis(300));
    String deny = "{\"Name\":\"web\",\"Action\":\"deny\"}";
    api().put("/v1/config", ServiceIntentionsContract.entry(name, deny)).isOk();
    assertThat(match.wakes().isOk().at(name, 0, "SourceName")).isEqualTo("web");
  }

  @Test
  default void wakesForAnEntryThatIsWrittenOrDeleted() throws Exception {
    String name = unique("written");
    String path = ConfigContract.path(name);
    Api.Pending written = api().after(path, api().get(path).index());
    written.sleepsFor(Duration.ofMillis(300));
    api().put("/v1/config", ConfigContract.defaults(name, "grpc")).isOk();
    Api.Answer entry = written.wakes().isOk();
    assertThat(entry.at("Protocol")).isEqualTo("grpc");
    Api.Pending changed = api().after(path, entry.index());
    api().put("/v1/config", ConfigContract.defaults(name, "http")).isOk();
    entry = changed.wakes().isOk();
    assertThat(entry.at("Protocol")).isEqualTo("http");
    Api.Pending deleted = api().after(path, entry.index());
    Api.Pending listed = api().after(ConfigContract.LIST, entry.index());
    api().delete(path).isOk();
    assertThat(deleted.wakes().index()).isGreaterThan(entry.index());
    assertThat(listed.wakes().isOk().body()).doesNotContain(name);
    assertThat(api().get(path).status()).isEqualTo(404);
  }
}
