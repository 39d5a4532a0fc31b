package dev.weft.order;

import dev.weft.durable.Event;
import dev.weft.durable.SagaRunner;
import dev.weft.events.EventHandler;
import dev.weft.events.EventPayloads;
import dev.weft.events.SagaStart;
import dev.weft.events.Subscription;
import dev.weft.events.UnreadableEventException;
import dev.weft.shop.event.v1.UserCreated;
import dev.weft.shop.event.v1.UserDeleted;
import dev.weft.shop.event.v1.UserFacts;
import dev.weft.shop.event.v1.UserUpdated;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * Keeps what order-svc knows of people as user-svc says it, and begins the saga that calls off what
 * a deleted one ordered, in the same transaction.
 */
final class KnownUsers implements EventHandler {
  static final Subscription SUBSCRIPTION =
      Subscription.of("users-of-orders", "user-svc", "shop.user.*");

  private final KnownUserStore store;
  private final SagaStart farewell;

  KnownUsers(KnownUserStore store, SagaRunner sagas) {
    this.store = store;
    farewell = new SagaStart(sagas, FarewellSaga.NAME, event -> id(facts(event)).toString());
  }

  @Override
  public void handle(Handle tx, Event event) {
    UserFacts user = facts(event);
    UUID id = id(user);
    UserState state = state(user);
    store.put(tx, id, state);
    if (state == UserState.DELETED) {
      farewell.handle(tx, event);
    }
  }

  // A type that is newer than this process waits for an operator, and for a newer process.
  private static UserFacts facts(Event event) {
    return switch (event.type()) {
      case "shop.user.created" ->
          EventPayloads.parse(event, UserCreated.getDefaultInstance()).getUser();
      case "shop.user.updated" ->
          EventPayloads.parse(event, UserUpdated.getDefaultInstance()).getUser();
      case "shop.user.deleted" ->
          EventPayloads.parse(event, UserDeleted.getDefaultInstance()).getUser();
      default -> throw new UnreadableEventException("nothing is known of events of this type");
    };
  }

  private static UUID id(UserFacts user) {
    try {
      return UUID.fromString(user.getUserId());
    } catch (IllegalArgumentException e) {
      throw new UnreadableEventException("user_id is no UUID", e);
    }
  }

  private static UserState state(UserFacts user) {
    return switch (user.getState()) {
      case STATE_ACTIVE -> UserState.ACTIVE;
      case STATE_DISABLED -> UserState.DISABLED;
      case STATE_DELETED -> UserState.DELETED;
      case STATE_UNSPECIFIED, UNRECOGNIZED ->
          throw new UnreadableEventException("state is not one of the states");
    };
  }
}
