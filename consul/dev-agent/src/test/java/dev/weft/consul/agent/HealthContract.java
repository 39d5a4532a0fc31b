package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * {@code /v1/health}, and the rules of blocking queries. Each statement and its test:
 *
 * <ul>
 *   <li>the shape of a row: {@link #showsNodeServiceAndChecksOfAnInstance}.
 *   <li>no metadata is null: {@link #showsMissingMetadataAsNull}.
 *   <li>the headers: index, known leader, last contact, consistency: {@link
 *       #saysOnEveryReadHowFreshItIs}.
 *   <li>passing drops warning instances, too: {@link #dropsWarningInstancesTooWhenAskedForPassing}.
 *   <li>a service without an address has its node's: {@link
 *       #leavesTheAddressEmptyForServicesOfTheNode}.
 *   <li>a blocking query wakes with the change: {@link #wakesABlockingQueryWhenItsServiceChanges}.
 *   <li>an unreadable wait or index is 400: {@link #refusesWaitsAndIndexesItCannotRead}.
 *   <li>a wait is 5 minutes by default and 10 at most: seen where no test waits for it, in {@link
 *       DoorTest#endsABlockingQueryAfterTenMinutesAtMostAndFiveByDefault}.
 *   <li>without an index, or with 0, the answer comes at once: {@link
 *       #answersAtOnceWithoutAnIndexOrWithZero}.
 *   <li>the last instance leaves an empty answer with a higher index: {@link
 *       #wakesWithNothingAndAHigherIndexWhenTheLastInstanceGoes}.
 *   <li>the same registration again changes no content: {@link
 *       #showsTheSameContentAfterTheSameRegistration}.
 *   <li>an index ahead of the agent, as after its restart, wakes only at the end of the wait:
 *       {@link #doesNotWakeAQueryWhoseIndexIsAheadOfTheAgent}.
 *   <li>cached: MISS, then HIT and Age; not together with consistent: {@link
 *       #marksCachedAnswersAsMissAndThenHit}.
 *   <li>near=_agent: {@link #sortsByNearnessWhenAsked}.
 *   <li>tag, once and several times: {@link #filtersByTag}.
 *   <li>filter: all operators that 1.8.7 has: {@link #filtersByExpression}.
 *   <li>filter: what 1.8.7 has not: {@link #refusesFiltersItCannotEvaluate}.
 *   <li>namespaces are 400: {@link #refusesNamespaces}.
 *   <li>unknown query parameters are ignored: {@link #ignoresQueryParametersItDoesNotKnow}.
 *   <li>any token will do without access control: {@link #takesAnyTokenWhileAccessIsNotControlled}.
 *   <li>health/connect shows native instances: {@link #listsNativeInstancesForConnect}.
 *   <li>an unknown datacenter is 500: {@link #knowsNoPathToAnotherDatacenter}.
 *   <li>health/checks: {@link #listsTheChecksOfAService}.
 *   <li>health/state: {@link #listsTheChecksInAState}.
 * </ul>
 */
interface HealthContract extends Contract {
  @Test
  default void showsNodeServiceAndChecksOfAnInstance() {
    String name = unique("shape");
    api()
        .register(
            """
            {"ID":"%1$s-1","Name":"%1$s","Address":"127.0.0.1","Port":7,"Tags":["a"],"Meta":{"version":"v1"},
             "Weights":{"Passing":10,"Warning":1},"Connect":{"Native":true},
             "Check":{"CheckID":"%1$s-1:ttl","TTL":"60s","Status":"passing"}}\
            """
                .formatted(name))
        .isOk();
    Api.Answer answer = instances(name, 1);
    assertThat(answer.names(0, "Node"))
        .contains("ID", "Node", "Address", "Datacenter", "TaggedAddresses", "Meta")
        .contains("CreateIndex", "ModifyIndex");
    assertThat(answer.names(0, "Service"))
        .contains("ID", "Service", "Tags", "Address", "TaggedAddresses", "Meta", "Port", "Weights")
        .contains("EnableTagOverride", "Proxy", "Connect", "CreateIndex", "ModifyIndex");
    assertThat(answer.at(0, "Service", "Weights")).isEqualTo(Map.of("Passing", 10L, "Warning", 1L));
    assertThat(answer.at(0, "Service", "Connect")).isEqualTo(Map.of("Native", true));
    assertThat(answer.at(0, "Checks", 0, "CheckID")).isEqualTo("serfHealth");
    assertThat(answer.at(0, "Checks", 1, "CheckID")).isEqualTo(name + "-1:ttl");
    assertThat(answer.at(0, "Checks", 1, "ServiceTags")).isEqualTo(List.of("a"));
    assertThat(answer.at(0, "Checks", 1, "Type")).isEqualTo("ttl");
  }

  @Test
  default void showsMissingMetadataAsNull() {
    String name = unique("bare");
    api().register("{\"Name\":\"%s\"}".formatted(name)).isOk();
    Api.Answer answer = instances(name, 1);
    assertThat(answer.names(0, "Service")).contains("Meta");
    assertThat(answer.at(0, "Service", "Meta")).isNull();
  }

  @Test
  default void saysOnEveryReadHowFreshItIs() {
    String path = "/v1/health/service/" + unique("headers");
    Api.Answer plain = api().get(path).isOk();
    assertThat(plain.index()).isPositive();
    assertThat(plain.header("X-Consul-KnownLeader")).isEqualTo("true");
    assertThat(plain.header("X-Consul-LastContact")).isEqualTo("0");
    assertThat(plain.header("X-Consul-Effective-Consistency")).isEqualTo("leader");
    assertThat(api().get(path + "?stale").header("X-Consul-Effective-Consistency"))
        .isEqualTo("stale");
    assertThat(api().get(path + "?consistent").header("X-Consul-Effective-Consistency"))
        .isEqualTo("consistent");
    Api.Answer both = api().get(path + "?stale&consistent");
    assertThat(both.status()).isEqualTo(400);
    assertThat(both.body())
        .isEqualTo("Cannot specify ?stale with ?consistent, conflicting semantics.");
  }

  @Test
  default void dropsWarningInstancesTooWhenAskedForPassing() {
    String name = unique("passing");
    api().registerTtl(name, name + "-1", "passing");
    api().registerTtl(name, name + "-2", "warning");
    api().registerTtl(name, name + "-3", "critical");
    instances(name, 3);
    Api.Answer passing = api().get("/v1/health/service/" + name + "?passing");
    assertThat(passing.list()).hasSize(1);
    assertThat(passing.at(0, "Service", "ID")).isEqualTo(name + "-1");
    assertThat(api().get("/v1/health/service/" + name + "?passing=false").list()).hasSize(3);
    assertThat(api().get("/v1/health/service/" + name + "?passing=maybe").status()).isEqualTo(400);
  }

  @Test
  default void leavesTheAddressEmptyForServicesOfTheNode() {
    String name = unique("homeless");
    api().register("{\"Name\":\"%s\",\"Port\":1}".formatted(name)).isOk();
    Api.Answer answer = instances(name, 1);
    assertThat(answer.at(0, "Service", "Address")).isEqualTo("");
    assertThat(answer.at(0, "Node", "Address")).isEqualTo("127.0.0.1");
  }

  @Test
  default void wakesABlockingQueryWhenItsServiceChanges() throws Exception {
    String name = unique("blocking");
    api().registerTtl(name, name, "passing");
    Api.Pending next =
        api().after("/v1/health/service/" + name, inCatalog(name, "passing").index());
    next.sleepsFor(Duration.ofSeconds(1));
    api().tell(name, "warn");
    Api.Answer answer = next.wakes();
    assertThat(answer.took()).isBetween(Duration.ofSeconds(1), Duration.ofSeconds(3));
    assertThat(answer.at(0, "Checks", 1, "Status")).isEqualTo("warning");
  }

  @Test
  default void refusesWaitsAndIndexesItCannotRead() {
    String path = "/v1/health/service/any";
    for (String wait : List.of("3", "abc", "3x")) {
      Api.Answer answer = api().get(path + "?wait=" + wait);
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.body()).isEqualTo("Invalid wait time");
    }
    for (String index : List.of("abc", "-1", "1.5")) {
      Api.Answer answer = api().get(path + "?index=" + index);
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.body()).isEqualTo("Invalid index");
    }
  }

  @Test
  default void answersAtOnceWithoutAnIndexOrWithZero() {
    String path = "/v1/health/service/" + unique("now");
    assertThat(api().get(path + "?wait=10s").isOk().took()).isLessThan(Duration.ofSeconds(3));
    assertThat(api().get(path + "?wait=10s&index=0").isOk().took())
        .isLessThan(Duration.ofSeconds(3));
  }

  @Test
  default void wakesWithNothingAndAHigherIndexWhenTheLastInstanceGoes() throws Exception {
    String name = unique("last");
    api().registerTtl(name, name, "passing");
    long index = inCatalog(name, "passing").index();
    Api.Pending next = api().after("/v1/health/service/" + name, index);
    next.sleepsFor(Duration.ofMillis(200));
    api().deregister(name);
    Api.Answer answer = next.wakes();
    while (!answer.list().isEmpty()) {
      answer = api().after("/v1/health/service/" + name, answer.index()).wakes();
    }
    assertThat(answer.index()).isGreaterThan(index);
  }

  @Test
  default void showsTheSameContentAfterTheSameRegistration() {
    String name = unique("same");
    api().registerTtl(name, name, "passing");
    Object before = inCatalog(name, "passing").at(0, "Status");
    Object service = instances(name, 1).at(0, "Service", "ID");
    api().registerTtl(name, name, "passing");
    assertThat(inCatalog(name, "passing").at(0, "Status")).isEqualTo(before);
    assertThat(instances(name, 1).at(0, "Service", "ID")).isEqualTo(service);
  }

  @Test
  default void doesNotWakeAQueryWhoseIndexIsAheadOfTheAgent() throws Exception {
    String name = unique("ahead");
    api().registerTtl(name, name, "passing");
    long ahead = inCatalog(name, "passing").index() + 1_000_000;
    Api.Pending next = api().query("/v1/health/service/" + name + "?wait=2s&index=" + ahead);
    next.sleepsFor(Duration.ofMillis(300));
    api().tell(name, "fail");
    Api.Answer answer = next.answer();
    assertThat(answer.took()).isGreaterThan(Duration.ofMillis(1_990));
    assertThat(answer.index()).isLessThan(ahead);
    assertThat(answer.at(0, "Checks", 1, "Status")).isEqualTo("critical");
  }

  @Test
  default void marksCachedAnswersAsMissAndThenHit() {
    String path = "/v1/health/service/" + unique("cached") + "?cached";
    Api.Answer first = api().get(path).isOk();
    assertThat(first.header("X-Cache")).isEqualTo("MISS");
    Api.Answer second = api().get(path, "Cache-Control", "max-age=30, stale-if-error=60").isOk();
    assertThat(second.header("X-Cache")).isEqualTo("HIT");
    assertThat(second.header("Age")).matches("\\d+");
    assertThat(second.list()).isEqualTo(first.list());
    Api.Answer wrong = api().get(path, "Cache-Control", "max-age=abc");
    assertThat(wrong.status()).isEqualTo(400);
    assertThat(wrong.body()).isEqualTo("Invalid Cache-Control header.");
    Api.Answer both = api().get(path + "&consistent");
    assertThat(both.status()).isEqualTo(400);
    assertThat(both.body())
        .isEqualTo("Cannot specify ?cached with ?consistent, conflicting semantics.");
  }

  @Test
  default void sortsByNearnessWhenAsked() {
    String name = unique("near");
    api().registerTtl(name, name, "passing");
    instances(name, 1);
    assertThat(api().get("/v1/health/service/" + name + "?near=_agent").isOk().list()).hasSize(1);
  }

  @Test
  default void filtersByTag() {
    String name = unique("tags");
    api().register("{\"ID\":\"%1$s-1\",\"Name\":\"%1$s\",\"Tags\":[\"a\",\"b\"]}".formatted(name));
    api().register("{\"ID\":\"%1$s-2\",\"Name\":\"%1$s\",\"Tags\":[\"a\"]}".formatted(name));
    instances(name, 2);
    assertThat(api().get("/v1/health/service/" + name + "?tag=a").list()).hasSize(2);
    assertThat(api().get("/v1/health/service/" + name + "?tag=a&tag=b").list()).hasSize(1);
    assertThat(api().get("/v1/health/service/" + name + "?tag=c").list()).isEmpty();
  }

  @Test
  default void filtersByExpression() {
    String name = unique("filter");
    api()
        .register(
            """
            {"ID":"%1$s-1","Name":"%1$s","Port":1,"Tags":["blue","x"],"Meta":{"version":"v1","zone":"z1"},
             "Check":{"CheckID":"%1$s-1:ttl","TTL":"60s","Status":"passing"}}\
            """
                .formatted(name))
        .isOk();
    api()
        .register(
            """
            {"ID":"%1$s-2","Name":"%1$s","Port":2,"Tags":["green"],"Meta":{"version":"v2"},
             "Weights":{"Passing":5,"Warning":1},"Connect":{"Native":true},
             "Check":{"CheckID":"%1$s-2:ttl","TTL":"60s","Status":"critical"}}\
            """
                .formatted(name))
        .isOk();
    instances(name, 2);
    Map<String, String> found =
        Map.ofEntries(
            Map.entry("Service.Meta.version == v2", "2"),
            Map.entry("Service.Meta.version != v2", "1"),
            Map.entry("Service.Meta.version == v2 and Checks.Status != critical", "2"),
            Map.entry("Checks.Status == critical", "2"),
            Map.entry("Service.Meta.zone == z1", "1"),
            Map.entry("Service.Meta.zone != z1", "2"),
            Map.entry("Service.Meta[\"version\"] == `v1`", "1"),
            Map.entry("blue in Service.Tags", "1"),
            Map.entry("blue not in Service.Tags", "2"),
            Map.entry("Service.Tags contains \"green\"", "2"),
            Map.entry("Service.Tags not contains green", "1"),
            Map.entry("zone in Service.Meta", "1"),
            Map.entry("Service.ID matches \"-2$\"", "2"),
            Map.entry("Service.ID not matches \"-2$\"", "1"),
            Map.entry("Service.Port == 2", "2"),
            Map.entry("Service.Connect.Native == true", "2"),
            Map.entry("Service.Weights.Passing == 5", "2"),
            Map.entry("not Service.Port == 2", "1"),
            Map.entry("(Service.Port == 1 or Service.Port == 3) and blue in Service.Tags", "1"),
            Map.entry("Service.Port == 1 or Service.Port == 2", "12"),
            Map.entry("Service.Meta is not empty", "12"),
            Map.entry("Service.Meta is empty", ""),
            Map.entry("Service.Tags is empty", ""),
            Map.entry("Checks.ServiceTags contains x", "1"));
    found.forEach(
        (expression, ids) -> {
          Api.Answer answer =
              api().get("/v1/health/service/" + name + "?filter=" + Api.encode(expression));
          assertThat(answer.status()).as(expression + ": " + answer.body()).isEqualTo(200);
          StringBuilder seen = new StringBuilder();
          for (int i = 0; i < answer.list().size(); i++) {
            seen.append(answer.at(i, "Service", "Port"));
          }
          assertThat(seen.toString()).as(expression).isEqualTo(ids);
        });
  }

  @Test
  default void refusesFiltersItCannotEvaluate() {
    String failed = "Failed to create boolean expression evaluator: ";
    Map<String, String> refused =
        Map.of(
            "Service.Port > 1", "",
            "any Checks as c { c.Status == x }", "",
            "foo", "",
            "(Service.ID == a", "",
            "Service.ID matches \"(\"", "Failed to compile regular expression",
            "Service.Bad == 1", "Selector \"Service.Bad\" is not valid",
            "Service == 1", "Invalid match operator \"Equal\" for selector \"Service\"",
            "Service.Port == abc",
                "Failed to coerce value \"abc\" for selector \"Service.Port\":"
                    + " strconv.ParseInt: parsing \"abc\": invalid syntax",
            "Service.EnableTagOverride == maybe",
                "Failed to coerce value \"maybe\" for selector \"Service.EnableTagOverride\":"
                    + " strconv.ParseBool: parsing \"maybe\": invalid syntax");
    refused.forEach(
        (expression, why) -> {
          Api.Answer answer = api().get("/v1/health/service/any?filter=" + Api.encode(expression));
          assertThat(answer.status()).as(expression).isEqualTo(500);
          assertThat(answer.body()).startsWith(failed + why);
        });
  }

  @Test
  default void refusesNamespaces() {
    Api.Answer answer = api().get("/v1/health/service/any?ns=team");
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.body())
        .isEqualTo(
            "Bad request: Invalid query parameter: \"ns\" - Namespaces are a Consul Enterprise"
                + " feature");
  }

  @Test
  default void ignoresQueryParametersItDoesNotKnow() {
    String name = unique("peer");
    api().registerTtl(name, name, "passing");
    instances(name, 1);
    assertThat(api().get("/v1/health/service/" + name + "?peer=x&foo").isOk().list()).hasSize(1);
  }

  @Test
  default void takesAnyTokenWhileAccessIsNotControlled() {
    assertThat(api().get("/v1/health/service/any", "X-Consul-Token", "anything").status())
        .isEqualTo(200);
  }

  @Test
  default void listsNativeInstancesForConnect() {
    String name = unique("connect");
    api()
        .register(
            "{\"ID\":\"%1$s-1\",\"Name\":\"%1$s\",\"Connect\":{\"Native\":true}}".formatted(name));
    api().register("{\"ID\":\"%1$s-2\",\"Name\":\"%1$s\"}".formatted(name));
    instances(name, 2);
    Api.Answer answer = api().get("/v1/health/connect/" + name).isOk();
    assertThat(answer.list()).hasSize(1);
    assertThat(answer.at(0, "Service", "Connect")).isEqualTo(Map.of("Native", true));
    assertThat(answer.at(0, "Service", "Kind")).isNull();
  }

  @Test
  default void knowsNoPathToAnotherDatacenter() {
    Api.Answer answer = api().get("/v1/health/service/any?dc=elsewhere");
    assertThat(answer.status()).isEqualTo(500);
    assertThat(answer.body()).isEqualTo("No path to datacenter");
  }

  @Test
  default void listsTheChecksOfAService() {
    String name = unique("checks");
    api().registerTtl(name, name, "warning");
    Api.Answer answer = inCatalog(name, "warning");
    assertThat(answer.index()).isPositive();
    assertThat(answer.at(0, "ServiceName")).isEqualTo(name);
    assertThat(api().get("/v1/health/checks/nobody").isOk().list()).isEmpty();
  }

  @Test
  default void listsTheChecksInAState() {
    String name = unique("state");
    api().registerTtl(name, name, "warning");
    inCatalog(name, "warning");
    assertThat(checkIds("/v1/health/state/warning")).contains(name + ":ttl");
    assertThat(checkIds("/v1/health/state/passing"))
        .contains("serfHealth")
        .doesNotContain(name + ":ttl");
    assertThat(checkIds("/v1/health/state/any")).contains("serfHealth", name + ":ttl");
    assertThat(checkIds("/v1/health/state/bogus")).isEmpty();
  }

  private List<String> checkIds(String path) {
    return api().get(path).isOk().list().stream()
        .map(check -> String.valueOf(((Map<?, ?>) check).get("CheckID")))
        .toList();
  }
}
