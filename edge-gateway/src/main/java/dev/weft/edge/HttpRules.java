package dev.weft.edge;

import com.google.api.Http;
import com.google.api.HttpProto;
import com.google.api.HttpRule;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.transcoder.BadInput;
import dev.weft.transcoder.RequestPlan;
import dev.weft.transcoder.Schema;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * HTTP rules that operators state in the place of those in contracts, as a service configuration
 * does. They say where an RPC is, not who may call it: that is the contract's, and paths stay their
 * owners'. Immutable.
 *
 * @param bySelector the rule of an RPC, by its full name: {@code package.Service.Method}
 * @param decodesSlashes whether a variable of several segments is decoded with its slashes, by
 *     these rules
 * @param ignored those that no RPC can have, and why
 */
record HttpRules(
    Map<String, HttpRule> bySelector, boolean decodesSlashes, List<ServiceSchema.Skipped> ignored) {
  /**
   * Where operators say so: a {@code google.api.Http} as JSON, such as {@code {"rules":
   * [{"selector": "shop.order.v1.OrderService.GetOrder", "get": "/orders/{order_id}"}]}}.
   */
  static final String KEY = "weft/routes/rules";

  static final HttpRules NONE = new HttpRules(Map.of(), false, List.of());

  private static final int RULES_MAX = 1_000;
  private static final Pattern SELECTOR = Pattern.compile("\\w+(\\.\\w+)+");

  /** Reads them as strictly as requests are read. */
  private static final RequestPlan PLAN =
      RequestPlan.of(
          Schema.of(List.of(HttpProto.getDescriptor())),
          Http.getDescriptor(),
          new RequestPlan.Rule(List.of(), "*", false, false, false));

  HttpRules {
    bySelector = Map.copyOf(bySelector);
    ignored = List.copyOf(ignored);
  }

  /**
   * What this text says; without one there are none. Of two rules with one selector the last
   * counts, as {@code google/api/http.proto} has it.
   *
   * @throws IllegalArgumentException that says what is wrong, if not only one rule is
   */
  static HttpRules of(Optional<String> json) {
    if (json.isEmpty()) {
      return NONE;
    }
    Http http = read(json.get());
    if (http.getRulesCount() > RULES_MAX) {
      throw new IllegalArgumentException("expected: at most " + RULES_MAX + " rules");
    }
    Map<String, HttpRule> bySelector = new HashMap<>();
    List<ServiceSchema.Skipped> ignored = new ArrayList<>();
    for (HttpRule rule : http.getRulesList()) {
      String selector = rule.getSelector();
      if (!SELECTOR.matcher(selector).matches()) {
        ignored.add(
            new ServiceSchema.Skipped(selector, "the selector is not the full name of one RPC"));
      } else if (rule.getAdditionalBindingsList().stream()
          .anyMatch(more -> !more.getSelector().isEmpty())) {
        ignored.add(new ServiceSchema.Skipped(selector, "a selector in additional_bindings"));
      } else {
        bySelector.put(selector, rule);
      }
    }
    return new HttpRules(bySelector, http.getFullyDecodeReservedExpansion(), ignored);
  }

  private static Http read(String json) {
    if (json.isBlank()) {
      throw new IllegalArgumentException("expected: a google.api.Http as JSON");
    }
    try {
      return Http.parseFrom(PLAN.body(json.getBytes(StandardCharsets.UTF_8)).finish());
    } catch (BadInput e) {
      String where =
          e.faults().stream()
              .map(fault -> fault.pointer() + ": " + fault.detail())
              .collect(Collectors.joining("; "));
      throw new IllegalArgumentException(
          "expected: a google.api.Http as JSON; " + (where.isEmpty() ? e.getMessage() : where), e);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("what was just written can be read", e);
    }
  }

  /** Those for RPCs of these gRPC services. */
  HttpRules about(Collection<String> services) {
    if (bySelector.isEmpty()) {
      return NONE;
    }
    Set<String> names = Set.copyOf(services);
    Map<String, HttpRule> some = new HashMap<>();
    bySelector.forEach(
        (selector, rule) -> {
          if (names.contains(selector.substring(0, selector.lastIndexOf('.')))) {
            some.put(selector, rule);
          }
        });
    return some.isEmpty() ? NONE : new HttpRules(some, decodesSlashes, List.of());
  }

  /** These and others of the same text. */
  HttpRules and(HttpRules others) {
    Map<String, HttpRule> all = new HashMap<>(others.bySelector);
    all.putAll(bySelector);
    return new HttpRules(all, decodesSlashes || others.decodesSlashes, List.of());
  }

  /** The rule of an RPC, if there is one. */
  Optional<HttpRule> rule(String fullName) {
    return Optional.ofNullable(bySelector.get(fullName));
  }
}
