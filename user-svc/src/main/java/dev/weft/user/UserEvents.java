package dev.weft.user;

import com.google.protobuf.Message;
import dev.weft.events.EventGrants;
import dev.weft.events.EventLog;
import dev.weft.shop.event.v1.UserCreated;
import dev.weft.shop.event.v1.UserDeleted;
import dev.weft.shop.event.v1.UserUpdated;
import dev.weft.user.User.Language;
import dev.weft.user.User.State;
import java.time.Instant;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * What is said about accounts: one event for each change that raises an account's version, in its
 * transaction, and nothing in it that tells who somebody is.
 */
final class UserEvents {
  private static final String ALL = "shop.user.*";

  /** Who may read them. */
  static final EventGrants GRANTS =
      EventGrants.of(
          EventGrants.grant("order-svc", "users-of-orders", ALL),
          EventGrants.grant("notification-svc", "notifications-of-users", ALL));

  private final EventLog log;

  UserEvents(EventLog log) {
    this.log = log;
  }

  /**
   * What others may know of an account.
   *
   * @param eventVersion how many events it has said
   */
  record Facts(
      UUID id,
      State state,
      Language language,
      Instant updateTime,
      long version,
      long eventVersion) {}

  void created(Handle tx, Facts user) {
    say(tx, user, UserCreated.newBuilder().setUser(UserMessages.facts(user)).build());
  }

  /** Says how an account is now: that it is gone, if it is. */
  void changed(Handle tx, Facts user) {
    say(
        tx,
        user,
        user.state() == State.DELETED
            ? UserDeleted.newBuilder().setUser(UserMessages.facts(user)).build()
            : UserUpdated.newBuilder().setUser(UserMessages.facts(user)).build());
  }

  private void say(Handle tx, Facts user, Message payload) {
    log.publish(tx, user.id().toString(), user.eventVersion(), payload);
  }
}
