package dev.weft.user;

import java.time.Instant;
import java.util.Set;
import java.util.UUID;

/**
 * A person's account, without what proves who they are.
 *
 * @param email as it was registered
 * @param version counts the writes
 */
record User(
    UUID id,
    String email,
    State state,
    Set<Role> roles,
    Profile profile,
    Preferences preferences,
    Instant createTime,
    Instant updateTime,
    long version) {

  User {
    roles = Set.copyOf(roles);
  }

  /** Where an account stands. Its names are those in the database. */
  enum State {
    ACTIVE,
    DISABLED,
    DELETED
  }

  /** What an account may do. Its names are those in the database. */
  enum Role {
    CUSTOMER,
    ADMIN
  }

  /** How a person is addressed; empty where they did not say. */
  record Profile(String firstName, String lastName) {
    static final Profile UNKNOWN = new Profile("", "");
  }

  /** What a person likes. */
  record Preferences(Language language, boolean newsletter) {
    static final Preferences DEFAULT = new Preferences(Language.EN, false);
  }

  /** Languages the shop speaks. Its names are those in the database. */
  enum Language {
    EN,
    DE,
    FR,
    ES
  }

  /** What a person may change about themselves. */
  enum Field {
    FIRST_NAME,
    LAST_NAME,
    LANGUAGE,
    NEWSLETTER
  }

  /** New values for some fields; the values of the others do not count. */
  record Change(Set<Field> fields, Profile profile, Preferences preferences) {
    Change {
      fields = Set.copyOf(fields);
    }
  }

  boolean active() {
    return state == State.ACTIVE;
  }

  boolean admin() {
    return roles.contains(Role.ADMIN);
  }

  /** Changes with every write (RFC 9110, a strong validator with its quotes). */
  String etag() {
    return "\"" + version + "\"";
  }

  /** The same account with the fields of the change replaced; version and times stay. */
  User with(Change change) {
    return new User(
        id,
        email,
        state,
        roles,
        new Profile(
            change.fields.contains(Field.FIRST_NAME) ? change.profile.firstName : profile.firstName,
            change.fields.contains(Field.LAST_NAME) ? change.profile.lastName : profile.lastName),
        new Preferences(
            change.fields.contains(Field.LANGUAGE)
                ? change.preferences.language
                : preferences.language,
            change.fields.contains(Field.NEWSLETTER)
                ? change.preferences.newsletter
                : preferences.newsletter),
        createTime,
        updateTime,
        version);
  }

  User with(State newState) {
    return new User(
        id, email, newState, roles, profile, preferences, createTime, updateTime, version);
  }

  User with(Set<Role> newRoles) {
    return new User(
        id, email, state, newRoles, profile, preferences, createTime, updateTime, version);
  }

  /** Without what tells who it is: this may end in a log. */
  @Override
  public String toString() {
    return "User[" + id + ", " + state + ", " + roles + ", version=" + version + "]";
  }
}
