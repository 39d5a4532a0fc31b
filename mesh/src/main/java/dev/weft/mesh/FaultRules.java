package dev.weft.mesh;

import com.nimbusds.jose.util.JSONObjectUtils;
import dev.weft.consul.Consul;
import dev.weft.consul.KvEntry;
import dev.weft.consul.Subscription;
import java.text.ParseException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The {@link Faults} that operators ask for, of each called service, as they stand under {@code
 * weft/faults/<service>} in the registry at the moment. What cannot be read counts as none, and is
 * logged; with more than {@value #KEYS_MAX} keys there are none at all.
 *
 * <p>There are none unless {@code WEFT_FAULTS=allowed}, which a process with {@code
 * WEFT_PROFILE=production} does not start with. Thread-safe.
 */
final class FaultRules implements AutoCloseable {
  static final String PREFIX = "weft/faults/";

  /** A service each; whoever may write keys must not be able to fill this process. */
  static final int KEYS_MAX = 256;

  private static final Logger log = LoggerFactory.getLogger(FaultRules.class);

  private volatile Map<String, Faults> rules = Map.of();
  private volatile Set<String> mirrored = Set.of();
  private volatile Runnable changed = () -> {};
  private Optional<Subscription> watch = Optional.empty();

  /**
   * @param allowed whether the registry is followed; otherwise there are none
   */
  static FaultRules open(boolean allowed, Consul consul) {
    FaultRules faults = new FaultRules();
    if (allowed) {
      log.warn("faults are injected into calls as {} in the registry says", PREFIX);
      faults.watch = Optional.of(consul.kv().watchAll(PREFIX, faults::read));
    }
    return faults;
  }

  /**
   * Whether the environment allows them: {@code WEFT_FAULTS=allowed}.
   *
   * @throws ConfigException if it says anything else, or says so in production
   */
  static boolean areAllowed(Env env) {
    Optional<String> asked = env.optional("WEFT_FAULTS");
    if (asked.isEmpty()) {
      return false;
    }
    if (!asked.get().equals("allowed")) {
      throw ConfigException.wrong("WEFT_FAULTS", asked.get(), "allowed, or not set");
    }
    if (env.optional("WEFT_PROFILE").filter("production"::equals).isPresent()) {
      throw ConfigException.wrong(
          "WEFT_FAULTS", asked.get(), "not set with WEFT_PROFILE=production");
    }
    return true;
  }

  private void read(List<KvEntry> entries) {
    accept(entries.stream().collect(Collectors.toMap(KvEntry::key, KvEntry::text)));
  }

  /** From now on these, JSON by key. */
  void accept(Map<String, String> entries) {
    if (entries.size() > KEYS_MAX) {
      log.warn(
          "{} has {} keys (expected: at most {}): none counts", PREFIX, entries.size(), KEYS_MAX);
      use(Map.of());
      return;
    }
    Map<String, Faults> now = new HashMap<>();
    entries.forEach(
        (key, json) -> {
          try {
            now.put(key.substring(PREFIX.length()), Faults.of(object(json)));
          } catch (ParseException | IllegalArgumentException e) {
            log.warn("{} is not obeyed: {}", key, e.getMessage());
          }
        });
    use(Map.copyOf(now));
  }

  private void use(Map<String, Faults> now) {
    rules = now;
    mirrored =
        now.values().stream()
            .flatMap(faults -> faults.mirror().stream())
            .map(Faults.Mirror::service)
            .collect(Collectors.toUnmodifiableSet());
    changed.run();
  }

  /** The services that calls are mirrored to now. */
  Set<String> mirrored() {
    return mirrored;
  }

  /** Runs this after each change. */
  void onChange(Runnable listener) {
    changed = listener;
    // What was heard before.
    listener.run();
  }

  private static Map<String, Object> object(String json) throws ParseException {
    Map<String, Object> object = JSONObjectUtils.parse(json);
    if (object == null) {
      // What the parser makes of null.
      throw new IllegalArgumentException("null (expected: an object)");
    }
    return object;
  }

  /** What is done to calls of this service now. */
  Faults of(String service) {
    return rules.getOrDefault(service, Faults.NONE);
  }

  @Override
  public void close() {
    watch.ifPresent(Subscription::close);
  }
}
