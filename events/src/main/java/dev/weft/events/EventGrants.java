package dev.weft.events;

import dev.weft.mesh.Rejection;
import java.util.List;

/**
 * Which service may read which events of a log, and move which groups: what is not listed is
 * refused.
 */
public final class EventGrants {
  private static final String REASON = "EVENTS_NOT_GRANTED";

  private final List<Grant> grants;

  /**
   * What one service may read.
   *
   * @param service by the name it proves
   * @param group that it may read for
   * @param types that it may read
   */
  public record Grant(String service, String group, List<TypePattern> types) {
    public Grant {
      types = List.copyOf(types);
    }
  }

  private EventGrants(List<Grant> grants) {
    this.grants = grants;
  }

  /** These and no others. */
  public static EventGrants of(Grant... grants) {
    return new EventGrants(List.of(grants));
  }

  /** One service may read these types as a group. */
  public static Grant grant(String service, String group, String... types) {
    return new Grant(service, group, TypePattern.of(types));
  }

  /** Refuses types that the service may not read for the group. */
  void requireFor(String service, String group, List<TypePattern> types) {
    boolean granted =
        types.stream()
            .allMatch(
                type ->
                    grants.stream()
                        .filter(grant -> grant.service().equals(service))
                        .filter(grant -> grant.group().equals(group))
                        .anyMatch(grant -> covers(grant, type)));
    if (!granted) {
      throw Rejection.forbidden(REASON, "these events are not granted to " + service);
    }
  }

  /** Refuses types that the service may not read for any group. */
  void require(String service, List<TypePattern> types) {
    boolean granted =
        types.stream()
            .allMatch(
                type ->
                    grants.stream()
                        .filter(grant -> grant.service().equals(service))
                        .anyMatch(grant -> covers(grant, type)));
    if (!granted) {
      throw Rejection.forbidden(REASON, "these events are not granted to " + service);
    }
  }

  /** Refuses a group that is not the service's. */
  void requireGroup(String service, String group) {
    boolean granted =
        grants.stream()
            .anyMatch(grant -> grant.service().equals(service) && grant.group().equals(group));
    if (!granted) {
      throw Rejection.forbidden(REASON, "this group is not granted to " + service);
    }
  }

  private static boolean covers(Grant grant, TypePattern type) {
    return grant.types().stream().anyMatch(granted -> granted.covers(type));
  }
}
