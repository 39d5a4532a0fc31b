package dev.weft.mesh;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import dev.weft.consul.Intention;
import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import dev.weft.consul.Intention.Permission;
import dev.weft.consul.IntentionMatch;
import io.grpc.Metadata;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Who may call a service, as its intentions say: the first in the order of precedence whose source
 * is the caller decides, by its action or by the first of its permissions that matches the call;
 * the default policy, if there is none. Whatever this version does not understand denies.
 *
 * <p>The headers of a permission are matched as Envoy does it: several of one name are one with
 * commas, and one that is missing matches nothing but its absence.
 *
 * <p>Immutable and thread-safe.
 */
final class IntentionRules {
  private static final String NAMESPACE = "default";

  /** Of every call of gRPC. */
  static final String METHOD = "POST";

  private final List<Rule> rules;
  private final boolean allowedByDefault;

  /**
   * What is to become of a call.
   *
   * @param because for people
   */
  record Verdict(boolean allowed, String because) {}

  private record Rule(Intention intention, List<When> permissions) {}

  /** A permission whose patterns are read already. */
  private record When(Predicate<String> path, List<Predicate<Metadata>> headers, Permission of) {
    boolean matches(String called, Metadata metadata) {
      return (of.methods().isEmpty() || of.methods().contains(METHOD))
          && path.test(called)
          && headers.stream().allMatch(header -> header.test(metadata));
    }
  }

  IntentionRules(IntentionMatch match) {
    this.rules =
        match.intentions().stream()
            .map(
                intention ->
                    new Rule(
                        intention,
                        intention.permissions().stream().map(IntentionRules::when).toList()))
            .toList();
    this.allowedByDefault = match.defaultAction() == Intention.Action.ALLOW;
  }

  /**
   * What the intentions say of a call.
   *
   * @param source the calling service
   * @param path of HTTP, {@code /package.Service/Method}
   */
  Verdict verdict(String source, String path, Metadata headers) {
    for (Rule rule : rules) {
      if (rule.intention.appliesTo(NAMESPACE, source)) {
        return verdict(rule, path, headers);
      }
    }
    return byDefault("no intention is about it");
  }

  private Verdict verdict(Rule rule, String path, Metadata headers) {
    Intention intention = rule.intention;
    String name = "the intention for " + intention.source();
    if (!intention.understood()) {
      return new Verdict(false, name + " has something that is not understood here");
    }
    if (rule.permissions.isEmpty()) {
      return new Verdict(intention.action() == Intention.Action.ALLOW, name);
    }
    int number = 0;
    for (When when : rule.permissions) {
      number++;
      String which = "permission " + number + " of " + name;
      if (!when.of.understood()) {
        // It might be this one that denies.
        return new Verdict(false, which + " has something that is not understood here");
      }
      if (when.matches(path, headers)) {
        return new Verdict(when.of.action() == Intention.Action.ALLOW, which);
      }
    }
    return byDefault("no permission of " + name + " is about it");
  }

  private Verdict byDefault(String why) {
    return new Verdict(
        allowedByDefault, why + ", and the default is to " + (allowedByDefault ? "allow" : "deny"));
  }

  private static When when(Permission permission) {
    try {
      return new When(
          path(permission.path()),
          permission.headers().stream().map(IntentionRules::header).toList(),
          permission);
    } catch (PatternSyntaxException | IllegalArgumentException e) {
      return new When(
          _ -> false,
          List.of(),
          new Permission(
              permission.action(),
              permission.path(),
              permission.headers(),
              permission.methods(),
              false));
    }
  }

  /** Whether a path is one of these. */
  static Predicate<String> path(PathMatch match) {
    String value = match.value();
    return switch (match.kind()) {
      case ANY -> _ -> true;
      case EXACT -> value::equals;
      case PREFIX -> path -> path.startsWith(value);
      case REGEX -> Pattern.compile(value)::matches;
    };
  }

  /**
   * Whether a call has such a header.
   *
   * @throws IllegalArgumentException for a name that no metadata has, such as {@code :authority}
   */
  static Predicate<Metadata> header(HeaderMatch match) {
    Metadata.Key<String> key = Metadata.Key.of(match.name(), Metadata.ASCII_STRING_MARSHALLER);
    Predicate<String> value = value(match);
    boolean present = match.kind() == HeaderMatch.Kind.PRESENT;
    return headers -> {
      String found = joined(headers, key);
      if (found == null) {
        return present && match.invert();
      }
      return value.test(found) != match.invert();
    };
  }

  private static Predicate<String> value(HeaderMatch match) {
    String wanted = match.ignoreCase() ? match.value().toLowerCase(Locale.ROOT) : match.value();
    Predicate<String> plain =
        switch (match.kind()) {
          case PRESENT -> _ -> true;
          case EXACT -> wanted::equals;
          case PREFIX -> found -> found.startsWith(wanted);
          case SUFFIX -> found -> found.endsWith(wanted);
          case CONTAINS -> found -> found.contains(wanted);
          case REGEX -> Pattern.compile(match.value())::matches;
        };
    return match.ignoreCase() && match.kind() != HeaderMatch.Kind.REGEX
        ? found -> plain.test(found.toLowerCase(Locale.ROOT))
        : plain;
  }

  private static @Nullable String joined(Metadata headers, Metadata.Key<String> key) {
    Iterable<String> values = headers.getAll(key);
    return values == null ? null : String.join(",", values);
  }
}
