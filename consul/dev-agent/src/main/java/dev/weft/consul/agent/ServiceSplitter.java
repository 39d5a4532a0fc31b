package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** In which shares the requests to a service go to its subsets, or to other services. */
record ServiceSplitter(String name, List<Split> splits, Map<String, String> meta)
    implements ConfigEntry {
  /**
   * One share.
   *
   * @param weight in hundredths of a per cent, which is as exact as Consul is
   * @param service empty for the splitter's own
   * @param subset empty for the service's default
   * @param namespace empty or {@code default}
   */
  record Split(int weight, String service, String subset, String namespace) {
    Map<String, @Nullable Object> json() {
      Map<String, @Nullable Object> json = object("Weight", percent(weight));
      ConfigEntry.putText(json, "Service", service);
      ConfigEntry.putText(json, "ServiceSubset", subset);
      ConfigEntry.putText(json, "Namespace", namespace);
      return json;
    }
  }

  static final String KIND = "service-splitter";

  private static final int WHOLE = 10_000;
  private static final List<String> FIELDS =
      List.of("Kind", "Name", "Splits", "Meta", "CreateIndex", "ModifyIndex");
  private static final List<String> SPLIT_FIELDS =
      List.of("Weight", "Service", "ServiceSubset", "Namespace");

  ServiceSplitter {
    splits = List.copyOf(splits);
  }

  static ServiceSplitter parse(@Nullable Object json) {
    Fields fields = Fields.ofConfigEntry(json, FIELDS);
    List<Split> splits = new ArrayList<>();
    for (Object split : fields.list("Splits")) {
      splits.add(split(Fields.ofConfigEntry(split, SPLIT_FIELDS, "Splits[" + splits.size() + "]")));
    }
    String name = ConfigEntry.requireName(fields);
    Map<String, String> meta = ConfigEntry.validMeta(fields.textMap("Meta"));
    if (splits.isEmpty()) {
      throw new ApiError(500, "no splits configured");
    }
    requireDistinct(splits, name);
    int sum = splits.stream().mapToInt(Split::weight).sum();
    if (sum != WHOLE) {
      throw new ApiError(
          500,
          String.format(
              Locale.ROOT, "the sum of all split weights must be 100, not %f", sum / 100f));
    }
    return new ServiceSplitter(name, splits, meta);
  }

  private static Split split(Fields fields) {
    return new Split(
        hundredths(fields.fraction("Weight")),
        fields.text("Service"),
        fields.text("ServiceSubset"),
        ConfigEntry.requireNamespace(fields));
  }

  private static void requireDistinct(List<Split> splits, String name) {
    Set<Split> found = new HashSet<>();
    for (Split split : splits) {
      String service = split.service().isEmpty() ? name : split.service();
      if (!found.add(new Split(0, service, split.subset(), split.namespace()))) {
        throw new ApiError(
            500,
            "split destination occurs more than once: "
                + "service=\"%s\", subset=\"%s\", namespace=\"%s\""
                    .formatted(service, split.subset(), split.namespace()));
      }
    }
  }

  /** A percentage in hundredths, rounded as Consul does, in single precision. */
  static int hundredths(float percent) {
    return (int) Math.round((double) (percent * 100f));
  }

  /** The weight of a share of a share. */
  static int shareOf(int weight, int innerWeight) {
    return hundredths(weight / 100f * (innerWeight / 100f) / 100f);
  }

  /** A weight as it is shown. */
  static Json.Decimal percent(int weight) {
    return new Json.Decimal(BigDecimal.valueOf(weight, 2).stripTrailingZeros().toPlainString());
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Set<String> services() {
    return splits.stream()
        .map(Split::service)
        .filter(service -> !service.isEmpty() && !service.equals(name))
        .collect(Collectors.toSet());
  }

  @Override
  public Map<String, @Nullable Object> json() {
    Map<String, @Nullable Object> json =
        object("Kind", KIND, "Name", name, "Splits", splits.stream().map(Split::json).toList());
    if (!meta.isEmpty()) {
      json.put("Meta", new TreeMap<>(meta));
    }
    return json;
  }
}
