package dev.weft.user;

import dev.weft.durable.Rows;
import dev.weft.user.User.Language;
import dev.weft.user.User.Preferences;
import dev.weft.user.User.Profile;
import dev.weft.user.User.Role;
import dev.weft.user.User.State;
import dev.weft.user.UserEvents.Facts;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/**
 * The SQL of accounts. Whatever changes an account as its readers see it also says so, in one go.
 * Deleted ones are found by {@link #states} only.
 */
final class UserStore {
  private static final String COLUMNS =
      "user_id, email, state, roles, first_name, last_name, language, newsletter, create_time,"
          + " update_time, version ";

  private static final String SELECT_CREDENTIALS =
      "SELECT " + COLUMNS + ", email_key, password_hash, tokens_after FROM account ";

  private static final String FACTS =
      "user_id, state, language, update_time, version, event_version ";

  /** Any number, the same in every instance: whoever holds it may take admins away. */
  private static final long ADMINS_LOCK = 0x7765_6674_0001L;

  /**
   * What proves who somebody is.
   *
   * @param emailKey the e-mail in the form in which it is unique
   * @param passwordHash in PHC form
   * @param tokensAfter tokens have to be issued in a later second than this
   */
  record Credentials(User user, String emailKey, String passwordHash, Instant tokensAfter) {
    @Override
    public String toString() {
      return "Credentials[" + user + "]";
    }
  }

  private final UserEvents events;

  UserStore(UserEvents events) {
    this.events = events;
  }

  /** The moment at which the statement runs, not that at which its transaction began. */
  static Instant now(Handle tx) {
    return tx.createQuery("SELECT clock_timestamp() + (weft_now() - now())")
        .map((rs, _) -> instant(rs, 1))
        .one();
  }

  /** Adds an account; empty if its e-mail is taken. */
  Optional<User> insert(
      Handle tx,
      UUID id,
      Email email,
      String passwordHash,
      Set<Role> roles,
      Profile profile,
      Preferences preferences) {
    Optional<Written> inserted =
        tx.createQuery(
                """
                INSERT INTO account (user_id, email, email_key, password_hash, state, roles,
                  first_name, last_name, language, newsletter, event_version, create_time,
                  update_time)
                VALUES (:id, :email, :key, :hash, 'ACTIVE', :roles,
                  :first, :last, :language, :newsletter, 1, weft_now(), weft_now())
                ON CONFLICT (email_key) DO NOTHING RETURNING event_version,
                """
                    + COLUMNS)
            .bind("id", id)
            .bind("email", email.address())
            .bind("key", email.key())
            .bind("hash", passwordHash)
            .bindArray("roles", String.class, names(roles))
            .bind("first", profile.firstName())
            .bind("last", profile.lastName())
            .bind("language", preferences.language().name())
            .bind("newsletter", preferences.newsletter())
            .map((rs, _) -> new Written(user(rs), facts(rs)))
            .findOne();
    inserted.ifPresent(account -> events.created(tx, account.facts()));
    return inserted.map(Written::user);
  }

  Optional<User> find(Handle tx, UUID id) {
    return tx.createQuery(
            "SELECT " + COLUMNS + "FROM account WHERE user_id = :id AND state <> 'DELETED'")
        .bind("id", id)
        .map((rs, _) -> user(rs))
        .findOne();
  }

  Optional<Credentials> credentials(Handle tx, Email email) {
    return tx.createQuery(SELECT_CREDENTIALS + "WHERE email_key = :key")
        .bind("key", email.key())
        .map((rs, _) -> credentials(rs))
        .findOne();
  }

  Optional<Credentials> credentials(Handle tx, UUID id) {
    return credentials(tx, id, "");
  }

  /** Locks the account against changes, not against others who lock it this way. */
  Optional<Credentials> shareCredentials(Handle tx, UUID id) {
    return credentials(tx, id, "FOR SHARE");
  }

  /** Locks the account for a change. */
  Optional<Credentials> lockCredentials(Handle tx, UUID id) {
    return credentials(tx, id, "FOR NO KEY UPDATE");
  }

  Optional<User> lock(Handle tx, UUID id) {
    return lockCredentials(tx, id).map(Credentials::user);
  }

  private static Optional<Credentials> credentials(Handle tx, UUID id, String lock) {
    return tx.createQuery(SELECT_CREDENTIALS + "WHERE user_id = :id AND state <> 'DELETED' " + lock)
        .bind("id", id)
        .map((rs, _) -> credentials(rs))
        .findOne();
  }

  /** Writes what may change of a locked account and returns it as it is then. */
  User update(Handle tx, User user) {
    Written account =
        tx.createQuery(
                """
                UPDATE account SET state = :state, roles = :roles, first_name = :first,
                  last_name = :last, language = :language, newsletter = :newsletter,
                  version = version + 1, event_version = event_version + 1,
                  update_time = weft_now()
                WHERE user_id = :id AND state <> 'DELETED' RETURNING event_version,
                """
                    + COLUMNS)
            .bind("id", user.id())
            .bind("state", user.state().name())
            .bindArray("roles", String.class, names(user.roles()))
            .bind("first", user.profile().firstName())
            .bind("last", user.profile().lastName())
            .bind("language", user.preferences().language().name())
            .bind("newsletter", user.preferences().newsletter())
            .map((rs, _) -> new Written(user(rs), facts(rs)))
            .one();
    events.changed(tx, account.facts());
    return account.user();
  }

  /** Replaces the password's hash; not a change of the account that its reader would see. */
  void updatePassword(Handle tx, UUID id, String passwordHash) {
    int changed =
        tx.createUpdate("UPDATE account SET password_hash = :hash WHERE user_id = :id")
            .bind("hash", passwordHash)
            .bind("id", id)
            .execute();
    Rows.one(changed, "password of account " + id);
  }

  /** Tokens issued at this second or before no longer count. */
  void updateTokensAfter(Handle tx, UUID id, Instant second) {
    int changed =
        tx.createUpdate(
                "UPDATE account SET tokens_after = greatest(tokens_after, :second)"
                    + " WHERE user_id = :id")
            .bind("second", second)
            .bind("id", id)
            .execute();
    Rows.one(changed, "tokens of account " + id);
  }

  /** Leaves the id and nothing else of a locked account. */
  void erase(Handle tx, UUID id) {
    Facts account =
        tx.createQuery(
                """
                UPDATE account SET state = 'DELETED', email = NULL, email_key = NULL,
                  password_hash = NULL, roles = '{}', first_name = '', last_name = '',
                  language = 'EN', newsletter = false, version = version + 1,
                  event_version = event_version + 1, update_time = weft_now()
                WHERE user_id = :id RETURNING
                """
                    + FACTS)
            .bind("id", id)
            .map((rs, _) -> facts(rs))
            .one();
    events.changed(tx, account);
  }

  /**
   * Says how some accounts are that have said nothing yet, as they are older than events; says of
   * how many. Those that somebody changes at the moment are left to the change.
   */
  int sayUnsaid(Handle tx, int atMost) {
    List<Facts> unsaid =
        tx.createQuery(
                """
                UPDATE account SET event_version = 1 WHERE user_id = ANY (ARRAY(
                  SELECT user_id FROM account WHERE event_version = 0
                   ORDER BY user_id LIMIT :atMost FOR NO KEY UPDATE SKIP LOCKED))
                RETURNING
                """
                    + FACTS)
            .bind("atMost", atMost)
            .map((rs, _) -> facts(rs))
            .list();
    unsaid.forEach(account -> events.changed(tx, account));
    return unsaid.size();
  }

  /**
   * Whether an active administrator is left besides this one. From here to the end of the
   * transaction nobody else can ask, so that two administrators cannot remove each other.
   */
  boolean anotherAdmin(Handle tx, UUID id) {
    lockAdmins(tx);
    return tx.createQuery(
            """
            SELECT EXISTS (SELECT FROM account
              WHERE 'ADMIN' = ANY (roles) AND state = 'ACTIVE' AND user_id <> :id)
            """)
        .bind("id", id)
        .mapTo(Boolean.class)
        .one();
  }

  /**
   * Whether there is an administrator, disabled ones included. From here to the end of the
   * transaction nobody else can ask.
   */
  boolean anyAdmin(Handle tx) {
    lockAdmins(tx);
    return tx.createQuery("SELECT EXISTS (SELECT FROM account WHERE 'ADMIN' = ANY (roles))")
        .mapTo(Boolean.class)
        .one();
  }

  private static void lockAdmins(Handle tx) {
    tx.execute("SELECT pg_advisory_xact_lock(?)", ADMINS_LOCK);
  }

  /** Accounts with smaller ids, that is older ones, newest first. */
  List<User> list(Handle tx, Optional<State> state, Optional<UUID> before, int limit) {
    return tx.createQuery(
            "SELECT "
                + COLUMNS
                + """
                FROM account
                WHERE state <> 'DELETED' AND (:state::text IS NULL OR state = :state::text)
                  AND (:before::uuid IS NULL OR user_id < :before::uuid)
                ORDER BY user_id DESC LIMIT :limit
                """)
        .bind("state", state.map(Enum::name).orElse(null))
        .bind("before", before.orElse(null))
        .bind("limit", limit)
        .map((rs, _) -> user(rs))
        .list();
  }

  /** The states of those accounts that exist or did. */
  Map<UUID, State> states(Handle tx, Collection<UUID> ids) {
    return tx
        .createQuery("SELECT user_id, state FROM account WHERE user_id = ANY (:ids)")
        .bindArray("ids", UUID.class, ids)
        .map((rs, _) -> Map.entry(uuid(rs, "user_id"), State.valueOf(rs.getString("state"))))
        .stream()
        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
  }

  private static List<String> names(Set<Role> roles) {
    return roles.stream().sorted().map(Enum::name).toList();
  }

  private static Credentials credentials(ResultSet rs) throws SQLException {
    return new Credentials(
        user(rs),
        rs.getString("email_key"),
        rs.getString("password_hash"),
        instant(rs, rs.findColumn("tokens_after")));
  }

  private static User user(ResultSet rs) throws SQLException {
    Set<Role> roles = EnumSet.noneOf(Role.class);
    for (Object role : (Object[]) rs.getArray("roles").getArray()) {
      roles.add(Role.valueOf((String) role));
    }
    return new User(
        uuid(rs, "user_id"),
        rs.getString("email"),
        State.valueOf(rs.getString("state")),
        roles,
        new Profile(rs.getString("first_name"), rs.getString("last_name")),
        new Preferences(Language.valueOf(rs.getString("language")), rs.getBoolean("newsletter")),
        instant(rs, rs.findColumn("create_time")),
        instant(rs, rs.findColumn("update_time")),
        rs.getLong("version"));
  }

  private static Facts facts(ResultSet rs) throws SQLException {
    return new Facts(
        uuid(rs, "user_id"),
        State.valueOf(rs.getString("state")),
        Language.valueOf(rs.getString("language")),
        instant(rs, rs.findColumn("update_time")),
        rs.getLong("version"),
        rs.getLong("event_version"));
  }

  private static UUID uuid(ResultSet rs, String column) throws SQLException {
    return rs.getObject(column, UUID.class);
  }

  private static Instant instant(ResultSet rs, int column) throws SQLException {
    return rs.getObject(column, OffsetDateTime.class).toInstant();
  }

  /** An account as a statement left it, for its reader and for everybody else. */
  private record Written(User user, Facts facts) {}
}
