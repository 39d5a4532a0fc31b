package dev.weft.user;

import dev.weft.durable.Database;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.Caller;
import dev.weft.mesh.Rejection;
import dev.weft.user.User.Preferences;
import dev.weft.user.User.Profile;
import dev.weft.user.User.Role;
import dev.weft.user.User.State;
import dev.weft.user.UserStore.Credentials;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps accounts. Whoever is neither the account's owner nor an administrator gets the answer that
 * an unknown id gets.
 */
final class Users {
  private static final Logger log = LoggerFactory.getLogger(Users.class);
  private static final int UNSAID_AT_ONCE = 200;
  private static final int UNSAID_TRANSACTIONS = 50;

  private final Database database;
  private final UserStore store;
  private final Revocations revocations;
  private final Throttle throttle;
  private final Passwords passwords;

  Users(
      Database database,
      UserStore store,
      Revocations revocations,
      Throttle throttle,
      Passwords passwords) {
    this.database = database;
    this.store = store;
    this.revocations = revocations;
    this.throttle = throttle;
    this.passwords = passwords;
  }

  /** A person who wants an account. */
  record Registration(Email email, String password, Profile profile, Preferences preferences) {
    @Override
    public String toString() {
      return "Registration[…]";
    }
  }

  /**
   * Makes an account of a customer.
   *
   * @param address the client's, which registrations are counted for
   */
  User register(Registration registration, String address) {
    database.inTransactionVoid(
        tx -> throttle.count(tx, List.of(Throttle.REGISTRATION.by(address))));
    String hash = passwords.hash(registration.password());
    return database
        .inTransaction(tx -> insert(tx, registration, hash, Role.CUSTOMER))
        .orElseThrow(
            () -> Rejection.alreadyExists("EMAIL_TAKEN", "the e-mail address is registered"));
  }

  /**
   * Makes the first administrator, if there is none. False if its e-mail is taken: whoever
   * registered it is not made an administrator.
   */
  boolean ensureAdmin(Email email, String password) {
    if (database.inTransaction(store::anyAdmin)) {
      return true;
    }
    Registration registration =
        new Registration(email, password, Profile.UNKNOWN, Preferences.DEFAULT);
    String hash = passwords.hash(password);
    return database.inTransaction(
        tx ->
            // Asked again: this time nobody else can be doing the same.
            store.anyAdmin(tx) || insert(tx, registration, hash, Role.ADMIN).isPresent());
  }

  private Optional<User> insert(Handle tx, Registration registration, String hash, Role role) {
    return store.insert(
        tx,
        UuidV7.next(),
        registration.email(),
        hash,
        EnumSet.of(role),
        registration.profile(),
        registration.preferences());
  }

  User get(Caller caller, UUID id) {
    requireVisible(caller, id);
    return database.read(tx -> store.find(tx, id)).orElseThrow(Users::notFound);
  }

  /**
   * Changes profile and preferences.
   *
   * @param etag the version that the change was made for; empty for any
   */
  User update(Caller caller, UUID id, User.Change change, String etag) {
    requireVisible(caller, id);
    return database.inTransaction(
        tx -> {
          User user = store.lock(tx, id).orElseThrow(Users::notFound);
          if (!etag.isEmpty() && !etag.equals(user.etag())) {
            throw Rejection.etagMismatch();
          }
          User changed = user.with(change);
          return changed.equals(user) ? user : store.update(tx, changed);
        });
  }

  /** Erases an account; its id stays. */
  void delete(Caller caller, UUID id) {
    requireVisible(caller, id);
    revocations.inTransaction(
        tx -> {
          Credentials account = store.lockCredentials(tx, id).orElseThrow(Users::notFound);
          requireAnotherAdmin(tx, account.user());
          store.erase(tx, id);
          revocations.endAll(tx, account);
          return true;
        });
  }

  User disable(UUID id) {
    return takeAway(id, user -> user.with(State.DISABLED));
  }

  User enable(UUID id) {
    return database.inTransaction(
        tx -> {
          User user = store.lock(tx, id).orElseThrow(Users::notFound);
          return user.active() ? user : store.update(tx, user.with(State.ACTIVE));
        });
  }

  User setRoles(UUID id, Set<Role> roles) {
    return takeAway(id, user -> user.with(roles));
  }

  /** Makes a change that the account's tokens do not survive; no change, no revocation. */
  private User takeAway(UUID id, UnaryOperator<User> change) {
    return revocations.inTransaction(
        tx -> {
          Credentials account = store.lockCredentials(tx, id).orElseThrow(Users::notFound);
          User changed = change.apply(account.user());
          if (changed.equals(account.user())) {
            return changed;
          }
          if (!(changed.active() && changed.admin())) {
            requireAnotherAdmin(tx, account.user());
          }
          User written = store.update(tx, changed);
          revocations.endAll(tx, account);
          return written;
        });
  }

  /** Changes a password and revokes all tokens. Wrong passwords count as wrong logins do. */
  void changePassword(UUID id, String current, String replacement) {
    Credentials account =
        database.read(tx -> store.credentials(tx, id)).orElseThrow(Users::notFound);
    List<Throttle.Attempt> attempts = List.of(Throttle.ACCOUNT.by(account.emailKey()));
    database.inTransactionVoid(tx -> throttle.count(tx, attempts));
    String checked = account.passwordHash();
    if (!passwords.matches(current, checked)) {
      throw wrongPassword();
    }
    String hash = passwords.hash(replacement);
    boolean changed =
        revocations.inTransaction(
            tx -> {
              Optional<Credentials> now =
                  store
                      .lockCredentials(tx, id)
                      .filter(locked -> locked.passwordHash().equals(checked));
              if (now.isEmpty()) {
                return false;
              }
              store.updatePassword(tx, id, hash);
              throttle.forgive(tx, attempts);
              revocations.endAll(tx, now.get());
              return true;
            });
    if (!changed) {
      // Somebody else changed it in the meantime.
      throw wrongPassword();
    }
  }

  /** Accounts before the given id, newest first. */
  List<User> list(Optional<State> state, Optional<UUID> before, int limit) {
    return database.read(tx -> store.list(tx, state, before, limit));
  }

  /**
   * Says to others how accounts are that are older than events; some thousands at a time, in small
   * transactions.
   */
  void sayUnsaid() {
    int said = 0;
    int last = UNSAID_AT_ONCE;
    for (int i = 0; i < UNSAID_TRANSACTIONS && last == UNSAID_AT_ONCE; i++) {
      last = database.inTransaction(tx -> store.sayUnsaid(tx, UNSAID_AT_ONCE));
      said += last;
    }
    if (said > 0) {
      log.info("{} accounts from before there were events have said how they are", said);
    }
  }

  /** The states of those accounts that exist or did. */
  Map<UUID, State> states(Collection<UUID> ids) {
    return database.read(tx -> store.states(tx, ids));
  }

  private static void requireVisible(Caller caller, UUID id) {
    if (!caller.admin() && !caller.requireUser().id().equals(id.toString())) {
      // Before any query: the time of the answer tells nothing either.
      throw notFound();
    }
  }

  private void requireAnotherAdmin(Handle tx, User user) {
    if (user.active() && user.admin() && !store.anotherAdmin(tx, user.id())) {
      throw Rejection.wrongState("LAST_ADMIN", "there would be no active administrator left");
    }
  }

  private static Rejection notFound() {
    return Rejection.notFound("USER_NOT_FOUND", "there is no such user");
  }

  private static Rejection wrongPassword() {
    return Rejection.unauthenticated("WRONG_PASSWORD", "the current password is wrong");
  }
}
