package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/**
 * Config entries and the chains they compile to. Each set of {@code discovery-chains.json} is
 * written to an agent that holds nothing else, and every answer, be it an entry, a chain or a
 * refusal, is compared with the one that a real Consul gave, which is in {@code
 * discovery-chains.recorded.json}.
 *
 * <p>A set has {@code protocols} (short for service-defaults), entries to {@code put} or, as kind
 * and name, to {@code delete}, and chains to {@code ask} for, some {@code with} overrides. To
 * record: {@code -Dweft.chains.record=FILE} with the test of a real Consul.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class ChainConformance {
  private static final List<String> KINDS =
      List.of(
          "service-router",
          "service-splitter",
          "service-resolver",
          "service-defaults",
          "proxy-defaults");
  private static final Pattern CIRCLE = Pattern.compile("(detected circular [^\\[]+)\\[([^\\]]+)]");
  private static final int DELETE_ROUNDS_MAX = 10;

  /** What every set was answered. */
  final Map<String, List<Object>> answered = new LinkedHashMap<>();

  abstract Api api();

  /** Whether answers are taken as they are, to be recorded. */
  boolean records() {
    return false;
  }

  /** The version whose answers are recorded. */
  static String recordedVersion() throws IOException {
    return String.valueOf(recorded().get("Consul"));
  }

  private static Map<?, ?> recorded() throws IOException {
    return (Map<?, ?>) Objects.requireNonNull(resource("/discovery-chains.recorded.json"));
  }

  private static @Nullable Object resource(String name) throws IOException {
    try (InputStream in = ChainConformance.class.getResourceAsStream(name)) {
      return Json.parse(Objects.requireNonNull(in, name).readAllBytes());
    }
  }

  @Test
  void coversEnough() throws IOException {
    List<?> sets = (List<?>) Objects.requireNonNull(resource("/discovery-chains.json"));
    assertThat(sets).hasSizeGreaterThanOrEqualTo(40);
  }

  @TestFactory
  Stream<DynamicTest> answersAsConsulDoes() throws IOException {
    Map<?, ?> expected = (Map<?, ?>) Objects.requireNonNull(recorded().get("Answers"));
    List<?> sets = (List<?>) Objects.requireNonNull(resource("/discovery-chains.json"));
    return sets.stream()
        .map(set -> (Map<?, ?>) set)
        .map(
            set ->
                DynamicTest.dynamicTest(
                    String.valueOf(set.get("set")),
                    () -> {
                      deleteAll();
                      String name = String.valueOf(set.get("set"));
                      List<Object> answers = answers(set);
                      answered.put(name, answers);
                      if (!records()) {
                        assertThat(pretty(answers)).as(name).isEqualTo(pretty(expected.get(name)));
                      }
                    }));
  }

  private List<Object> answers(Map<?, ?> set) {
    String trustDomain =
        String.valueOf(api().get("/v1/agent/connect/ca/roots").isOk().at("TrustDomain"));
    if (set.get("protocols") instanceof Map<?, ?> protocols) {
      protocols.forEach(
          (service, protocol) ->
              api()
                  .put(
                      "/v1/config",
                      "{\"Kind\":\"service-defaults\",\"Name\":\"%s\",\"Protocol\":\"%s\"}"
                          .formatted(service, protocol))
                  .isOk());
    }
    List<Object> answers = new ArrayList<>();
    for (Object change : list(set.get("put"))) {
      answers.add(changed((Map<?, ?>) Objects.requireNonNull(change)));
    }
    for (Object question : list(set.get("ask"))) {
      Api.Answer answer =
          question instanceof Map<?, ?> post
              ? api().post(path(post.get("chain")), text(post.get("with")))
              : api().get(path(question));
      answers.add(shown(answer, trustDomain));
    }
    return answers;
  }

  private static List<?> list(@Nullable Object list) {
    return list == null ? List.of() : (List<?>) list;
  }

  private static String path(@Nullable Object chain) {
    return "/v1/discovery-chain/" + chain;
  }

  /** The answer to a change, or the entry as it is from now on. */
  private Object changed(Map<?, ?> change) {
    if (change.get("delete") instanceof String entry) {
      return shown(api().delete("/v1/config/" + entry), "");
    }
    Api.Answer answer = api().put("/v1/config", text(change));
    if (answer.status() != 200) {
      return shown(answer, "");
    }
    Object kind = change.containsKey("Kind") ? change.get("Kind") : change.get("kind");
    Object given = change.containsKey("Name") ? change.get("Name") : change.get("name");
    Object name = "proxy-defaults".equals(kind) ? "global" : given;
    return shown(api().get("/v1/config/" + kind + "/" + name).isOk(), "");
  }

  private static Object shown(Api.Answer answer, String trustDomain) {
    if (answer.status() != 200) {
      return Json.object("Status", answer.status(), "Text", circle(answer.body()));
    }
    String body = trustDomain.isEmpty() ? answer.body() : answer.body().replace(trustDomain, "TD");
    Object json = Json.parse(body.getBytes(StandardCharsets.UTF_8));
    if (json instanceof Map<?, ?> object) {
      object.remove("CreateIndex");
      object.remove("ModifyIndex");
    }
    return Objects.requireNonNull(json);
  }

  /**
   * A change may break several chains, and Consul names one by chance: of a circle only the circle
   * counts, not where it was entered.
   */
  private static String circle(String text) {
    Matcher matcher = CIRCLE.matcher(text);
    if (!matcher.find()) {
      return text;
    }
    List<String> way = List.of(matcher.group(2).split(" -> ", -1));
    List<String> circle = way.subList(way.indexOf(way.getLast()), way.size() - 1);
    int first = circle.indexOf(circle.stream().sorted().findFirst().orElseThrow());
    List<String> turned = new ArrayList<>(circle.subList(first, circle.size()));
    turned.addAll(circle.subList(0, first));
    return text.replace(matcher.group(2), String.join(" -> ", turned));
  }

  /** What is refused in one round may be needed by what goes in it. */
  @AfterEach
  void deleteAll() {
    for (int round = 0; round < DELETE_ROUNDS_MAX; round++) {
      boolean left = false;
      for (String kind : KINDS) {
        for (Object entry : api().get("/v1/config/" + kind).isOk().list()) {
          Object name = ((Map<?, ?>) Objects.requireNonNull(entry)).get("Name");
          left |= api().delete("/v1/config/" + kind + "/" + name).status() != 200;
        }
      }
      if (!left) {
        return;
      }
    }
    throw new AssertionError("the config entries cannot be deleted");
  }

  private static String text(@Nullable Object json) {
    return new String(Json.compact(json), StandardCharsets.UTF_8);
  }

  /** The same text for the same value, one field a line. */
  private static String pretty(@Nullable Object json) {
    return new String(Json.pretty(sorted(json)), StandardCharsets.UTF_8);
  }

  /** The same text for the same value. */
  static String line(@Nullable Object json) {
    return text(sorted(json));
  }

  private static @Nullable Object sorted(@Nullable Object json) {
    return switch (json) {
      case null -> null;
      case Map<?, ?> object -> {
        Map<String, @Nullable Object> sorted = new TreeMap<>();
        object.forEach((name, value) -> sorted.put(String.valueOf(name), sorted(value)));
        yield sorted;
      }
      case List<?> list -> {
        List<@Nullable Object> sorted = new ArrayList<>();
        list.forEach(element -> sorted.add(sorted(element)));
        yield sorted;
      }
      case Object value -> value;
    };
  }
}
