package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * How services and their checks are registered. Each statement and its test:
 *
 * <ul>
 *   <li>one PUT takes everything a service has and answers 200 without a body: {@link
 *       #registersAServiceWithEverythingInOneCall}.
 *   <li>the agent adds the IPv4 forms of an address by itself: {@link
 *       #addsTheIpv4FormsOfTheAddress}.
 *   <li>a service has a content hash, by which a query waits for another one: {@link
 *       #wakesAQueryForAnotherContentHashAtOnce}.
 *   <li>a check without a status is critical until its first outcome: {@link
 *       #countsACheckWithoutStatusAsCriticalUntilItIsHeardOf}.
 *   <li>a check that is registered again keeps its status: {@link
 *       #keepsTheStatusOfACheckThatIsRegisteredAgain}.
 *   <li>a check that a new registration leaves out stays, unless replace-existing-checks is said:
 *       {@link #keepsACheckThatARegistrationLeavesOutUnlessToldToReplace}.
 *   <li>the same id under another name replaces the service: {@link
 *       #replacesTheServiceWhenItsIdComesWithAnotherName}.
 *   <li>deregistering an unknown id is no error: {@link
 *       #takesTheDeregistrationOfAnUnknownIdAsDone}.
 *   <li>a service takes its checks along when it goes: {@link
 *       #removesTheChecksOfADeregisteredService}.
 *   <li>checks without an id are called service:id, or service:id:1 and on: {@link
 *       #namesChecksWithoutAnIdAfterTheirService}.
 *   <li>weights must be possible: {@link #refusesWeightsThatCannotBe}.
 *   <li>metadata has at most 64 pairs, keys of 128 and values of 512 characters, and plain keys:
 *       {@link #boundsTheMetadata}.
 *   <li>an unknown field of the body is refused, even null: {@link
 *       #refusesFieldsItDoesNotKnowEvenWhenTheyAreNull}.
 *   <li>null for a known field, and names in any case, are fine: {@link
 *       #takesNullForFieldsItKnowsAndNamesInAnyCase}.
 *   <li>nonsense is refused with 400 and Consul's text: {@link
 *       #refusesRegistrationsThatMakeNoSense}.
 *   <li>an unknown id is 404: {@link #answers404ForAnUnknownServiceId}.
 *   <li>scripts are refused: {@link #runsNoScripts}.
 *   <li>maintenance adds a critical check with the reason as its notes: {@link
 *       #putsAServiceIntoMaintenanceAndBack}.
 *   <li>maintenance of nothing, or that is neither on nor off, is refused: {@link
 *       #refusesMaintenanceThatIsNotClear}.
 *   <li>a check can be registered and removed by itself: {@link #registersACheckAfterItsService}.
 * </ul>
 */
interface RegistrationContract extends Contract {
  @Test
  default void registersAServiceWithEverythingInOneCall() {
    String name = unique("full");
    Api.Answer answer =
        api()
            .register(
                """
                {"ID":"%1$s-1","Name":"%1$s","Address":"127.0.0.1","Port":29001,"Tags":["v1","grpc"],
                 "Meta":{"version":"v1","zone":"z1"},"Weights":{"Passing":10,"Warning":1},
                 "TaggedAddresses":{"lan":{"Address":"127.0.0.1","Port":29001},
                                    "wan":{"Address":"198.18.0.1","Port":80}},
                 "Connect":{"Native":true},
                 "Checks":[{"CheckID":"%1$s-1:grpc","Name":"grpc health",
                            "GRPC":"127.0.0.1:1/order.OrderService","GRPCUseTLS":false,"Interval":"1s",
                            "Timeout":"1s","DeregisterCriticalServiceAfter":"1m","Status":"critical",
                            "SuccessBeforePassing":1,"FailuresBeforeCritical":2},
                           {"CheckID":"%1$s-1:ttl","TTL":"10s","Status":"passing"}]}\
                """
                    .formatted(name));
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.body()).isEmpty();
    Api.Answer service = api().get("/v1/agent/service/" + name + "-1").isOk();
    assertThat(service.at("Service")).isEqualTo(name);
    assertThat(service.at("Tags")).isEqualTo(List.of("v1", "grpc"));
    assertThat(service.at("Meta")).isEqualTo(Map.of("version", "v1", "zone", "z1"));
    assertThat(service.at("Weights")).isEqualTo(Map.of("Passing", 10L, "Warning", 1L));
    assertThat(service.at("Connect")).isEqualTo(Map.of("Native", true));
    Api.Answer checks = api().get("/v1/agent/checks").isOk();
    assertThat(checks.at(name + "-1:grpc", "Type")).isEqualTo("grpc");
    assertThat(checks.at(name + "-1:grpc", "Name")).isEqualTo("grpc health");
    assertThat(checks.at(name + "-1:ttl", "Status")).isEqualTo("passing");
    assertThat(checks.at(name + "-1:ttl", "ServiceTags")).isEqualTo(List.of("v1", "grpc"));
  }

  @Test
  default void addsTheIpv4FormsOfTheAddress() {
    String name = unique("tagged");
    api().register("{\"Name\":\"%s\",\"Address\":\"10.1.2.3\",\"Port\":80}".formatted(name)).isOk();
    Api.Answer service = api().get("/v1/agent/service/" + name).isOk();
    Map<String, ?> address = Map.of("Address", "10.1.2.3", "Port", 80L);
    assertThat(service.at("TaggedAddresses"))
        .isEqualTo(Map.of("lan_ipv4", address, "wan_ipv4", address));
  }

  @Test
  default void wakesAQueryForAnotherContentHashAtOnce() throws Exception {
    String name = unique("hash");
    String path = "/v1/agent/service/" + name;
    api().register("{\"Name\":\"%s\",\"Port\":1}".formatted(name)).isOk();
    Api.Answer first = api().get(path).isOk();
    assertThat(first.header("X-Consul-ContentHash"))
        .isNotEmpty()
        .isEqualTo(first.at("ContentHash"));
    Api.Pending next = api().query(path + "?wait=20s&hash=" + first.at("ContentHash"));
    next.sleepsFor(Duration.ofMillis(300));
    api().register("{\"Name\":\"%s\",\"Port\":2}".formatted(name)).isOk();
    Api.Answer changed = next.wakes().isOk();
    assertThat(changed.at("Port")).isEqualTo(2L);
    assertThat(changed.at("ContentHash")).isNotEqualTo(first.at("ContentHash"));
  }

  @Test
  default void answers404ForAnUnknownServiceId() {
    Api.Answer answer = api().get("/v1/agent/service/nobody");
    assertThat(answer.status()).isEqualTo(404);
    assertThat(answer.body()).isEqualTo("unknown service ID: nobody");
  }

  @Test
  default void countsACheckWithoutStatusAsCriticalUntilItIsHeardOf() {
    String name = unique("silent");
    api().register("{\"Name\":\"%s\",\"Check\":{\"TTL\":\"60s\"}}".formatted(name)).isOk();
    assertThat(api().get("/v1/agent/checks").at("service:" + name, "Status")).isEqualTo("critical");
    assertThat(inCatalog(name, "critical").at(0, "CheckID")).isEqualTo("service:" + name);
  }

  @Test
  default void keepsTheStatusOfACheckThatIsRegisteredAgain() {
    String name = unique("again");
    api().registerTtl(name, name, "critical");
    api().tell(name, "pass");
    api().registerTtl(name, name, "critical");
    assertThat(api().get("/v1/agent/checks").at(name + ":ttl", "Status")).isEqualTo("passing");
  }

  @Test
  default void keepsACheckThatARegistrationLeavesOutUnlessToldToReplace() {
    String name = unique("leftout");
    api().registerTtl(name, name, "passing");
    api().register("{\"Name\":\"%s\",\"Port\":1}".formatted(name)).isOk();
    assertThat(api().get("/v1/agent/checks").at(name + ":ttl", "Status")).isEqualTo("passing");
    api()
        .put(
            "/v1/agent/service/register?replace-existing-checks=true",
            "{\"Name\":\"%s\",\"Port\":1}".formatted(name))
        .isOk();
    assertThat(api().get("/v1/agent/checks").at(name + ":ttl")).isNull();
  }

  @Test
  default void replacesTheServiceWhenItsIdComesWithAnotherName() {
    String id = unique("one-id");
    String before = unique("before");
    String after = unique("after");
    api().register("{\"ID\":\"%s\",\"Name\":\"%s\"}".formatted(id, before)).isOk();
    instances(before, 1);
    api().register("{\"ID\":\"%s\",\"Name\":\"%s\"}".formatted(id, after)).isOk();
    assertThat(instances(after, 1).at(0, "Service", "ID")).isEqualTo(id);
    instances(before, 0);
    assertThat(api().get("/v1/agent/service/" + id).at("Service")).isEqualTo(after);
  }

  @Test
  default void takesTheDeregistrationOfAnUnknownIdAsDone() {
    assertThat(api().put("/v1/agent/service/deregister/nobody").status()).isEqualTo(200);
    assertThat(api().put("/v1/agent/check/deregister/nobody").status()).isEqualTo(200);
  }

  @Test
  default void removesTheChecksOfADeregisteredService() {
    String name = unique("gone");
    api().registerTtl(name, name, "passing");
    instances(name, 1);
    api().deregister(name);
    assertThat(api().get("/v1/agent/services").at(name)).isNull();
    assertThat(api().get("/v1/agent/checks").at(name + ":ttl")).isNull();
    instances(name, 0);
  }

  @Test
  default void namesChecksWithoutAnIdAfterTheirService() {
    String one = unique("one");
    String two = unique("two");
    api().register("{\"Name\":\"%s\",\"Check\":{\"TTL\":\"1m\"}}".formatted(one)).isOk();
    api()
        .register("{\"Name\":\"%s\",\"Checks\":[{\"TTL\":\"1m\"},{\"TTL\":\"2m\"}]}".formatted(two))
        .isOk();
    assertThat(api().get("/v1/agent/checks").names())
        .contains("service:" + one, "service:" + two + ":1", "service:" + two + ":2");
    assertThat(api().get("/v1/agent/checks").at("service:" + one, "Name"))
        .isEqualTo("Service '" + one + "' check");
  }

  @Test
  default void refusesWeightsThatCannotBe() {
    refuses(
        "{\"Name\":\"w\",\"Weights\":{\"Passing\":0,\"Warning\":1}}",
        "Invalid Weights: Passing must be greater than 0");
    refuses(
        "{\"Name\":\"w\",\"Weights\":{\"Passing\":70000}}",
        "Invalid Weights: DNS Weight must be between 0 and 65535");
  }

  @Test
  default void boundsTheMetadata() {
    String value = "x".repeat(513);
    String pairs =
        IntStream.range(0, 65)
            .mapToObj(i -> "\"k" + i + "\":\"v\"")
            .collect(Collectors.joining(","));
    refuses(
        "{\"Name\":\"m\",\"Meta\":{%s}}".formatted(pairs),
        "Invalid Service Meta: Node metadata cannot contain more than 64 key/value pairs");
    refuses(
        "{\"Name\":\"m\",\"Meta\":{\"k\":\"%s\"}}".formatted(value),
        "Invalid Service Meta: Couldn't load metadata pair ('k', '"
            + value
            + "'): Value is too long (limit: 512 characters)");
    refuses(
        "{\"Name\":\"m\",\"Meta\":{\"a b\":\"v\"}}",
        "Invalid Service Meta: Couldn't load metadata pair ('a b', 'v'): Key contains invalid"
            + " characters");
  }

  @Test
  default void refusesFieldsItDoesNotKnowEvenWhenTheyAreNull() {
    refuses(
        "{\"Name\":\"u\",\"Locality\":null}",
        "Request decode failed: json: unknown field \"Locality\"");
    refuses(
        "{\"Name\":\"u\",\"Ports\":[]}", "Request decode failed: json: unknown field \"Ports\"");
    refuses(
        "{\"Name\":\"u\",\"Check\":{\"H2PING\":\"x\",\"Interval\":\"1s\"}}",
        "Request decode failed: json: unknown field \"H2PING\"");
    refuses(
        "{\"Name\":\"u\",\"Check\":{\"grpc_use_tls\":true,\"Interval\":\"1s\"}}",
        "Request decode failed: json: unknown field \"grpc_use_tls\"");
  }

  @Test
  default void takesNullForFieldsItKnowsAndNamesInAnyCase() {
    String name = unique("nulls");
    api()
        .register(
            "{\"name\":\"%s\",\"Meta\":null,\"Tags\":null,\"Check\":null,\"Checks\":null,\"Connect\":null}"
                .formatted(name))
        .isOk();
    assertThat(api().get("/v1/agent/service/" + name).at("Tags")).isEqualTo(List.of());
  }

  @Test
  default void refusesRegistrationsThatMakeNoSense() {
    refuses("", "Request decode failed: EOF");
    refuses("x", "Request decode failed: invalid character 'x' looking for beginning of value");
    refuses("{}", "Missing service name");
    refuses("{\"Name\":\"n\",\"Address\":\"0.0.0.0\"}", "Invalid service address");
    refuses(
        "{\"Name\":\"n\",\"Port\":\"x\"}",
        "Request decode failed: json: cannot unmarshal string into Go struct field .Port of type"
            + " int");
    refuses(
        "{\"Name\":\"n\",\"Check\":{\"GRPC\":\"127.0.0.1:1\"}}",
        "Invalid check: Interval must be > 0 for Script, HTTP, or TCP checks");
    refuses(
        "{\"Name\":\"n\",\"Check\":{\"Interval\":\"1s\"}}",
        "Invalid check: TTL must be > 0 for TTL checks");
    refuses(
        "{\"Name\":\"n\",\"Check\":{\"TTL\":\"1s\",\"GRPC\":\"x:1\",\"Interval\":\"1s\"}}",
        "Invalid check: Interval and TTL cannot both be specified");
    refuses(
        "{\"Name\":\"n\",\"Check\":{\"TTL\":\"10s\",\"Status\":\"bogus\"}}",
        "Status for checks must 'passing', 'warning', 'critical'");
    refuses(
        "{\"Name\":\"n\",\"Check\":{\"TTL\":\"abc\"}}",
        "Request decode failed: time: invalid duration \"abc\"");
  }

  private void refuses(String body, String text) {
    Api.Answer answer = api().register(body);
    assertThat(answer.body()).isEqualTo(text);
    assertThat(answer.status()).isEqualTo(400);
  }

  @Test
  default void runsNoScripts() {
    Api.Answer answer =
        api().register("{\"Name\":\"s\",\"Check\":{\"Args\":[\"id\"],\"Interval\":\"1s\"}}");
    assertThat(answer.status()).isEqualTo(500);
    assertThat(answer.body())
        .isEqualTo(
            "Scripts are disabled on this agent from remote calls; to enable, configure"
                + " 'enable_script_checks' to true");
  }

  @Test
  default void putsAServiceIntoMaintenanceAndBack() {
    String name = unique("maintained");
    api().registerTtl(name, name, "passing");
    api().put("/v1/agent/service/maintenance/" + name + "?enable=true&reason=deploy").isOk();
    Api.Answer checks = api().get("/v1/agent/checks");
    assertThat(checks.at("_service_maintenance:" + name, "Status")).isEqualTo("critical");
    assertThat(checks.at("_service_maintenance:" + name, "Notes")).isEqualTo("deploy");
    api().put("/v1/agent/service/maintenance/" + name + "?enable=false").isOk();
    assertThat(api().get("/v1/agent/checks").at("_service_maintenance:" + name)).isNull();
  }

  @Test
  default void refusesMaintenanceThatIsNotClear() {
    String path = "/v1/agent/service/maintenance/";
    Api.Answer missing = api().put(path + "nobody");
    assertThat(missing.status()).isEqualTo(400);
    assertThat(missing.body()).isEqualTo("Missing value for enable");
    Api.Answer invalid = api().put(path + "nobody?enable=x");
    assertThat(invalid.status()).isEqualTo(400);
    assertThat(invalid.body()).isEqualTo("Invalid value for enable: \"x\"");
    Api.Answer unknown = api().put(path + "nobody?enable=true");
    assertThat(unknown.status()).isEqualTo(404);
    assertThat(unknown.body()).isEqualTo("No service registered with ID \"nobody\"");
  }

  @Test
  default void registersACheckAfterItsService() {
    String name = unique("late");
    api().register("{\"Name\":\"%s\"}".formatted(name)).isOk();
    api()
        .put(
            "/v1/agent/check/register",
            "{\"ID\":\"%1$s:late\",\"Name\":\"late\",\"ServiceID\":\"%1$s\",\"TTL\":\"60s\",\"Notes\":\"n\"}"
                .formatted(name))
        .isOk();
    assertThat(inCatalog(name, "critical").at(0, "CheckID")).isEqualTo(name + ":late");
    api().put("/v1/agent/check/deregister/" + name + ":late").isOk();
    assertThat(api().get("/v1/agent/checks").at(name + ":late")).isNull();
    Api.Answer orphan =
        api()
            .put(
                "/v1/agent/check/register",
                "{\"Name\":\"late\",\"ServiceID\":\"nobody\",\"TTL\":\"60s\"}");
    assertThat(orphan.status()).isEqualTo(500);
    assertThat(orphan.body()).isEqualTo("ServiceID \"nobody\" does not exist");
  }
}
