package dev.weft.durable;

import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The definitions that a process knows, each in one version or several. */
final class SagaDefinitions {
  private final List<SagaDefinition> all;
  private final Map<String, SagaDefinition> byKey;

  SagaDefinitions(Collection<SagaDefinition> definitions) {
    all = List.copyOf(definitions);
    byKey =
        all.stream()
            .collect(
                Collectors.toUnmodifiableMap(d -> key(d.name(), d.version()), Function.identity()));
  }

  boolean has(String name) {
    return all.stream().anyMatch(definition -> definition.name().equals(name));
  }

  /** What a saga that begins now goes by. */
  SagaDefinition newest(String name) {
    return all.stream()
        .filter(definition -> definition.name().equals(name))
        .max(Comparator.comparingInt(SagaDefinition::version))
        .orElseThrow(() -> new IllegalArgumentException("no saga definition " + name));
  }

  Optional<SagaDefinition> find(String name, int version) {
    return Optional.ofNullable(byKey.get(key(name, version)));
  }

  /** All of them, as {@code name/version}. */
  Set<String> keys() {
    return byKey.keySet();
  }

  /** All services that their steps name. */
  Set<String> dependencies() {
    return all.stream()
        .flatMap(definition -> definition.steps().stream())
        .flatMap(step -> step.dependency().stream())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** The longest time-out of their steps. */
  Duration longestStep() {
    return all.stream()
        .flatMap(definition -> definition.steps().stream())
        .map(SagaStep::timeout)
        .max(Comparator.naturalOrder())
        .orElse(Duration.ZERO);
  }

  private static String key(String name, int version) {
    return name + "/" + version;
  }

  @Override
  public String toString() {
    return all.stream().map(SagaDefinition::name).distinct().collect(Collectors.joining(", "));
  }
}
