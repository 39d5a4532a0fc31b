package dev.weft.user;

import com.nimbusds.jose.jwk.ECKey;
import dev.weft.durable.PageToken;
import dev.weft.mesh.PageSize;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Rejection.FieldViolation;
import dev.weft.mesh.Timestamps;
import dev.weft.shop.event.v1.UserFacts;
import dev.weft.shop.user.v1.BatchGetUsersResponse;
import dev.weft.shop.user.v1.JsonWebKey;
import dev.weft.shop.user.v1.ListUsersRequest;
import dev.weft.shop.user.v1.ListUsersResponse;
import dev.weft.shop.user.v1.RegisterUserRequest;
import dev.weft.shop.user.v1.Tokens;
import dev.weft.shop.user.v1.UpdateUserRequest;
import dev.weft.shop.user.v1.UserSummary;
import dev.weft.user.User.Change;
import dev.weft.user.User.Field;
import dev.weft.user.User.Language;
import dev.weft.user.User.Preferences;
import dev.weft.user.User.Profile;
import dev.weft.user.User.Role;
import dev.weft.user.User.State;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** Between messages and the domain. Refuses what the rules beside the fields cannot say. */
final class UserMessages {
  private static final PageSize PAGE = new PageSize(50, 200);

  /** What each path of an update mask stands for. */
  private static final Map<String, Set<Field>> UPDATABLE =
      Map.of(
          "profile", EnumSet.of(Field.FIRST_NAME, Field.LAST_NAME),
          "profile.first_name", EnumSet.of(Field.FIRST_NAME),
          "profile.last_name", EnumSet.of(Field.LAST_NAME),
          "preferences", EnumSet.of(Field.LANGUAGE, Field.NEWSLETTER),
          "preferences.language", EnumSet.of(Field.LANGUAGE),
          "preferences.newsletter", EnumSet.of(Field.NEWSLETTER),
          // A condition, not a change; here because an edge makes the mask of all fields sent.
          "etag", EnumSet.noneOf(Field.class));

  private UserMessages() {}

  /**
   * Which accounts a list is to hold.
   *
   * @param before ids smaller than this; empty for the first page
   */
  record Page(Optional<State> state, Optional<UUID> before, int size) {
    private String[] arguments() {
      return new String[] {state.map(Enum::name).orElse("")};
    }
  }

  static Users.Registration registration(RegisterUserRequest request) {
    List<FieldViolation> violations = new ArrayList<>();
    Optional<Email> email = Email.parse(request.getEmail());
    if (email.isEmpty()) {
      violations.add(new FieldViolation("email", "has to be an address such as name@example.com"));
    }
    if (unprintable(request.getPassword())) {
      violations.add(new FieldViolation("password", "must not hold control characters"));
    }
    checkProfile("profile", request.getProfile(), violations);
    if (email.isEmpty() || !violations.isEmpty()) {
      throw Rejection.invalid(violations);
    }
    return new Users.Registration(
        email.get(),
        request.getPassword(),
        profile(request.getProfile()),
        preferences(request.getPreferences()));
  }

  /** A password that is to be kept. */
  static String newPassword(String field, String password) {
    if (unprintable(password)) {
      throw Rejection.invalid(field, "must not hold control characters");
    }
    return password;
  }

  static Change change(UpdateUserRequest request) {
    var user = request.getUser();
    List<FieldViolation> violations = new ArrayList<>();
    Set<Field> fields = EnumSet.noneOf(Field.class);
    if (request.getUpdateMask().getPathsCount() > 0) {
      for (String path : new LinkedHashSet<>(request.getUpdateMask().getPathsList())) {
        Set<Field> meant = UPDATABLE.get(path);
        if (meant == null) {
          violations.add(notUpdatable(path));
        } else {
          fields.addAll(meant);
        }
      }
    } else {
      fields.addAll(present(user));
    }
    checkProfile("user.profile", user.getProfile(), violations);
    if (!violations.isEmpty()) {
      throw Rejection.invalid(violations);
    }
    return new Change(fields, profile(user.getProfile()), preferences(user.getPreferences()));
  }

  /**
   * Names the field itself if there is one: an edge makes the mask, and its caller never saw it.
   */
  private static FieldViolation notUpdatable(String path) {
    return dev.weft.shop.user.v1.User.getDescriptor().findFieldByName(path) == null
        ? new FieldViolation(
            "update_mask", "names something that is not under profile or preferences")
        : new FieldViolation(
            "user." + path, "cannot be changed here: only profile and preferences can");
  }

  /** What a request without a mask changes: the fields that hold something. */
  private static Set<Field> present(dev.weft.shop.user.v1.User user) {
    Set<Field> fields = EnumSet.noneOf(Field.class);
    if (!user.getProfile().getFirstName().isEmpty()) {
      fields.add(Field.FIRST_NAME);
    }
    if (!user.getProfile().getLastName().isEmpty()) {
      fields.add(Field.LAST_NAME);
    }
    if (user.getPreferences().getLanguageValue() != 0) {
      fields.add(Field.LANGUAGE);
    }
    if (user.getPreferences().getNewsletter()) {
      fields.add(Field.NEWSLETTER);
    }
    return fields;
  }

  static Set<Role> roles(List<String> names) {
    Set<Role> roles = EnumSet.noneOf(Role.class);
    for (String name : names) {
      switch (name) {
        case "customer" -> roles.add(Role.CUSTOMER);
        case "admin" -> roles.add(Role.ADMIN);
        default -> throw Rejection.invalid("roles", "has to be customer or admin");
      }
    }
    return roles;
  }

  static Page page(ListUsersRequest request) {
    Optional<State> state =
        switch (request.getState()) {
          case STATE_UNSPECIFIED -> Optional.empty();
          case STATE_ACTIVE -> Optional.of(State.ACTIVE);
          case STATE_DISABLED -> Optional.of(State.DISABLED);
          case STATE_DELETED, UNRECOGNIZED ->
              throw Rejection.invalid("state", "has to be active or disabled");
        };
    int size = PAGE.of(request.getPageSize());
    Page first = new Page(state, Optional.empty(), size);
    try {
      return PageToken.lastKey(request.getPageToken(), first.arguments())
          .map(key -> new Page(state, Optional.of(UUID.fromString(key)), size))
          .orElse(first);
    } catch (IllegalArgumentException e) {
      throw Rejection.invalid("page_token", "does not belong to this list");
    }
  }

  /**
   * A page of accounts.
   *
   * @param found one more than the page holds, if there are more
   */
  static ListUsersResponse users(List<User> found, Page page) {
    ListUsersResponse.Builder response = ListUsersResponse.newBuilder();
    boolean more = found.size() > page.size();
    List<User> shown = more ? found.subList(0, page.size()) : found;
    shown.forEach(user -> response.addUsers(user(user)));
    if (more) {
      response.setNextPageToken(PageToken.after(shown.getLast().id().toString(), page.arguments()));
    }
    return response.build();
  }

  /** In the order in which they were asked for, each once; unknown ones are left out. */
  static BatchGetUsersResponse summaries(List<UUID> ids, Map<UUID, State> states) {
    BatchGetUsersResponse.Builder response = BatchGetUsersResponse.newBuilder();
    for (UUID id : new LinkedHashSet<>(ids)) {
      State state = states.get(id);
      if (state != null) {
        response.addUsers(UserSummary.newBuilder().setUserId(id.toString()).setState(state(state)));
      }
    }
    return response.build();
  }

  static dev.weft.shop.user.v1.User user(User user) {
    return dev.weft.shop.user.v1.User.newBuilder()
        .setUserId(user.id().toString())
        .setEmail(user.email())
        .setState(state(user.state()))
        .addAllRoles(
            user.roles().stream()
                .sorted()
                .map(role -> role.name().toLowerCase(Locale.ROOT))
                .toList())
        .setProfile(
            dev.weft.shop.user.v1.Profile.newBuilder()
                .setFirstName(user.profile().firstName())
                .setLastName(user.profile().lastName()))
        .setPreferences(
            dev.weft.shop.user.v1.Preferences.newBuilder()
                .setLanguage(language(user.preferences().language()))
                .setNewsletter(user.preferences().newsletter()))
        .setCreateTime(Timestamps.of(user.createTime()))
        .setUpdateTime(Timestamps.of(user.updateTime()))
        .setEtag(user.etag())
        .build();
  }

  /** What others may know of an account; of a deleted one not even its language. */
  static UserFacts facts(UserEvents.Facts user) {
    UserFacts.Builder message =
        UserFacts.newBuilder()
            .setUserId(user.id().toString())
            .setState(state(user.state()))
            .setUpdateTime(Timestamps.of(user.updateTime()))
            .setVersion(user.version());
    if (user.state() != State.DELETED) {
      message.setLanguage(language(user.language()));
    }
    return message.build();
  }

  static Tokens tokens(String accessToken, RefreshToken refreshToken) {
    return Tokens.newBuilder()
        .setAccessToken(accessToken)
        .setRefreshToken(refreshToken.text())
        .setTokenType("Bearer")
        .setExpiresIn((int) AccessToken.LIFE.toSeconds())
        .build();
  }

  static JsonWebKey key(ECKey key) {
    return JsonWebKey.newBuilder()
        .setKty("EC")
        .setCrv("P-256")
        .setX(key.getX().toString())
        .setY(key.getY().toString())
        .setKid(key.getKeyID())
        .setUse("sig")
        .setAlg("ES256")
        .build();
  }

  private static Profile profile(dev.weft.shop.user.v1.Profile profile) {
    return new Profile(profile.getFirstName(), profile.getLastName());
  }

  private static Preferences preferences(dev.weft.shop.user.v1.Preferences preferences) {
    Language language =
        switch (preferences.getLanguage()) {
          case LANGUAGE_UNSPECIFIED, LANGUAGE_EN -> Language.EN;
          case LANGUAGE_DE -> Language.DE;
          case LANGUAGE_FR -> Language.FR;
          case LANGUAGE_ES -> Language.ES;
          case UNRECOGNIZED ->
              throw Rejection.invalid("preferences.language", "is not a language of the shop");
        };
    return new Preferences(language, preferences.getNewsletter());
  }

  private static dev.weft.shop.user.v1.Preferences.Language language(Language language) {
    return switch (language) {
      case EN -> dev.weft.shop.user.v1.Preferences.Language.LANGUAGE_EN;
      case DE -> dev.weft.shop.user.v1.Preferences.Language.LANGUAGE_DE;
      case FR -> dev.weft.shop.user.v1.Preferences.Language.LANGUAGE_FR;
      case ES -> dev.weft.shop.user.v1.Preferences.Language.LANGUAGE_ES;
    };
  }

  private static dev.weft.shop.user.v1.User.State state(State state) {
    return switch (state) {
      case ACTIVE -> dev.weft.shop.user.v1.User.State.STATE_ACTIVE;
      case DISABLED -> dev.weft.shop.user.v1.User.State.STATE_DISABLED;
      case DELETED -> dev.weft.shop.user.v1.User.State.STATE_DELETED;
    };
  }

  private static void checkProfile(
      String path, dev.weft.shop.user.v1.Profile profile, List<FieldViolation> violations) {
    checkName(path + ".first_name", profile.getFirstName(), violations);
    checkName(path + ".last_name", profile.getLastName(), violations);
  }

  private static void checkName(String field, String name, List<FieldViolation> violations) {
    if (unprintable(name)) {
      violations.add(new FieldViolation(field, "must not hold control characters"));
    } else if (!name.isEmpty() && name.isBlank()) {
      violations.add(new FieldViolation(field, "must not be blank"));
    }
  }

  private static boolean unprintable(String text) {
    return text.chars().anyMatch(Character::isISOControl);
  }
}
