package dev.weft.user;

import static dev.weft.user.Refused.atOnce;
import static dev.weft.user.Refused.error;
import static dev.weft.user.Refused.outcome;
import static dev.weft.user.Refused.refused;
import static dev.weft.user.RunningUserSvc.PASSWORD;
import static dev.weft.user.RunningUserSvc.freshEmail;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.FieldMask;
import dev.weft.mesh.Rejection.FieldViolation;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.user.v1.BatchGetUsersRequest;
import dev.weft.shop.user.v1.ChangePasswordRequest;
import dev.weft.shop.user.v1.ChangePasswordResponse;
import dev.weft.shop.user.v1.DeleteUserRequest;
import dev.weft.shop.user.v1.DisableUserRequest;
import dev.weft.shop.user.v1.EnableUserRequest;
import dev.weft.shop.user.v1.GetMeRequest;
import dev.weft.shop.user.v1.GetUserRequest;
import dev.weft.shop.user.v1.ListUsersRequest;
import dev.weft.shop.user.v1.ListUsersResponse;
import dev.weft.shop.user.v1.Preferences;
import dev.weft.shop.user.v1.Preferences.Language;
import dev.weft.shop.user.v1.Profile;
import dev.weft.shop.user.v1.RefreshRequest;
import dev.weft.shop.user.v1.RegisterUserRequest;
import dev.weft.shop.user.v1.SetRolesRequest;
import dev.weft.shop.user.v1.Tokens;
import dev.weft.shop.user.v1.UpdateUserRequest;
import dev.weft.shop.user.v1.User;
import dev.weft.shop.user.v1.UserServiceGrpc.UserServiceBlockingStub;
import dev.weft.shop.user.v1.UserSummary;
import dev.weft.testkit.PostgresExtension;
import dev.weft.user.RunningUserSvc.Person;
import io.grpc.Status.Code;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of accounts, over the wire and all interceptors. */
class AccountsTest {
  private static final String NEW_PASSWORD = "a horse of another colour";

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir static Path directory;
  private static RunningUserSvc svc;

  @BeforeAll
  static void start() {
    svc = RunningUserSvc.start(postgres.url(), directory);
  }

  @AfterAll
  static void stop() {
    svc.close();
  }

  @Test
  void keepsWhatAPersonRegisteredAndNothingOfThePassword() {
    String email = freshEmail();
    User user =
        svc.users()
            .registerUser(
                registration(" " + email + " ")
                    .setProfile(Profile.newBuilder().setFirstName("Zoë").setLastName("O'Hara 李"))
                    .setPreferences(
                        Preferences.newBuilder()
                            .setLanguage(Language.LANGUAGE_DE)
                            .setNewsletter(true))
                    .build())
            .getUser();

    assertThat(user.getEmail()).isEqualTo(email);
    assertThat(user.getProfile().getFirstName()).isEqualTo("Zoë");
    assertThat(user.getProfile().getLastName()).isEqualTo("O'Hara 李");
    assertThat(user.getPreferences().getLanguage()).isEqualTo(Language.LANGUAGE_DE);
    assertThat(user.getPreferences().getNewsletter()).isTrue();
    assertThat(user.getRolesList()).containsExactly("customer");
    assertThat(UUID.fromString(user.getUserId()).version()).isEqualTo(7);
    assertThat(user.toString()).doesNotContain(PASSWORD).doesNotContain("argon2");
    String row =
        postgres
            .database()
            .read(
                tx ->
                    tx.createQuery("SELECT account::text FROM account WHERE user_id = :id")
                        .bind("id", UUID.fromString(user.getUserId()))
                        .mapTo(String.class)
                        .one());
    assertThat(row).contains("$argon2id$").doesNotContain(PASSWORD);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a password", "$2b$10$abcdefghijklmnopqrstuv", "$argon2i$v=19$x", ""})
  void theDatabaseKeepsNoPasswordThatIsNotHashed(String kept) {
    svc.register();
    assertThatThrownBy(
            () ->
                postgres
                    .database()
                    .inTransactionVoid(
                        tx -> tx.execute("UPDATE account SET password_hash = ?", kept)))
        .hasStackTraceContaining("account_password_hash_check");
  }

  @Test
  void anEmailIsTakenInEveryFormOfIt() {
    svc.register("Zoë.Straße@Weft.example");

    for (String same :
        List.of(
            "zoë.straße@weft.example",
            "ZOË.STRASSE@WEFT.EXAMPLE",
            " Zoe\u0308.Straße@weft.example ",
            "zoë.straße@ｗｅｆｔ.example")) {
      refused(
          Code.ALREADY_EXISTS,
          "EMAIL_TAKEN",
          () -> svc.users().registerUser(registration(same).build()));
    }
    // And in every form of it one logs in.
    assertThat(svc.login("ZOË.STRASSE@weft.EXAMPLE").getAccessToken()).isNotEmpty();
  }

  @Test
  void oneOfManyRegistrationsAtOnceGetsTheEmail() throws Exception {
    String email = freshEmail();

    List<String> outcomes =
        atOnce(
            6,
            () ->
                outcome(
                    () ->
                        svc.users()
                            .registerUser(registration(email.toUpperCase(Locale.ROOT)).build())));

    assertThat(outcomes).containsOnly("done", "EMAIL_TAKEN").containsOnlyOnce("done");
  }

  @Test
  void everyFieldOfABadRegistrationIsNamed() {
    RemoteError error =
        error(
            () ->
                svc.users()
                    .registerUser(
                        RegisterUserRequest.newBuilder()
                            .setEmail("no")
                            .setPassword("short")
                            .setProfile(Profile.newBuilder().setFirstName("x".repeat(101)))
                            .setPreferences(Preferences.newBuilder().setLanguageValue(99))
                            .build()));

    assertThat(error.code()).isEqualTo(Code.INVALID_ARGUMENT);
    assertThat(error.violations())
        .extracting(FieldViolation::field)
        .containsExactlyInAnyOrder(
            "email", "password", "profile.first_name", "preferences.language");
    assertThat(error.toString()).doesNotContain("short");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "person",
        "@weft.example",
        "person@",
        "person@localhost",
        "a b@weft.example",
        "a\u0000@weft.example",
        "a\r\nBcc: x@weft.example",
        "a@weft.example,b@weft.example",
        "<script>@weft.example",
        "' OR 1=1--@weft example",
        "a\u202e@weft.example",
      })
  void whatIsNoAddressIsRefused(String email) {
    RemoteError error = error(() -> svc.users().registerUser(registration(email).build()));

    assertThat(error.code()).isEqualTo(Code.INVALID_ARGUMENT);
    assertThat(error.violations()).extracting(FieldViolation::field).containsOnly("email");
  }

  @Test
  void aHostileNameIsKeptAsItIs() {
    Person person = svc.register();
    String name = "'; DROP TABLE account; -- ${jndi:ldap://x} <b>{{7*7}}";

    User user =
        update(person, Profile.newBuilder().setFirstName(name).build(), "profile.first_name");

    assertThat(user.getProfile().getFirstName()).isEqualTo(name);
    assertThat(me(person).getProfile().getFirstName()).isEqualTo(name);
  }

  @Test
  void aPatchChangesTheFieldsOfItsMaskAndNoOther() {
    Person person = svc.register();
    update(
        person,
        Profile.newBuilder().setFirstName("Ann").setLastName("Lee").build(),
        "profile.first_name",
        "profile.last_name");
    User before = me(person);

    User after =
        update(person, Profile.newBuilder().setFirstName("Bea").build(), "profile.first_name");

    assertThat(after.getProfile().getFirstName()).isEqualTo("Bea");
    assertThat(after.getProfile().getLastName()).isEqualTo("Lee");
    assertThat(after.getEtag()).isNotEqualTo(before.getEtag());
    // The same once more changes nothing, so that it may be repeated.
    assertThat(
            update(person, Profile.newBuilder().setFirstName("Bea").build(), "profile.first_name"))
        .isEqualTo(after);
    // A path whose field is empty clears it.
    assertThat(update(person, Profile.getDefaultInstance(), "profile.last_name").getProfile())
        .isEqualTo(Profile.newBuilder().setFirstName("Bea").build());
  }

  @ParameterizedTest
  @ValueSource(strings = {"roles", "email", "state", "user_id", "password", "*", "profile.x", ""})
  void aPatchReachesNothingElse(String path) {
    Person person = svc.register();

    RemoteError error =
        error(
            () ->
                svc.users(person.tokens().getAccessToken())
                    .updateUser(
                        UpdateUserRequest.newBuilder()
                            .setUserId(person.id())
                            .setUser(User.newBuilder().setEmail("x@weft.example").addRoles("admin"))
                            .setUpdateMask(FieldMask.newBuilder().addPaths(path))
                            .build()));

    assertThat(error.code()).isEqualTo(Code.INVALID_ARGUMENT);
    assertThat(me(person).getRolesList()).containsExactly("customer");
  }

  @Test
  void aPatchForAnOldVersionIsRefused() throws Exception {
    Person person = svc.register();
    String etag = me(person).getEtag();

    List<String> outcomes =
        atOnce(4, () -> outcome(() -> rename(person, UUID.randomUUID().toString(), etag)));

    assertThat(outcomes).containsOnly("done", "ETAG_MISMATCH").containsOnlyOnce("done");
    RemoteError error =
        refused(Code.ABORTED, "ETAG_MISMATCH", () -> rename(person, "Ann", "\"0\""));
    assertThat(error.metadata()).containsEntry("http_status", "412");
  }

  @Test
  void somebodyElsesAccountIsNotThere() {
    Person owner = svc.register();
    UserServiceBlockingStub stranger = svc.users(svc.register().tokens().getAccessToken());
    String nobody = UUID.randomUUID().toString();

    List<RemoteError> refusals = new ArrayList<>();
    for (String id : List.of(owner.id(), nobody)) {
      refusals.add(notFound(() -> stranger.getUser(get(id))));
      refusals.add(notFound(() -> stranger.updateUser(renaming(id, "Eve", "").build())));
      refusals.add(notFound(() -> stranger.deleteUser(delete(id))));
    }
    assertThat(refusals)
        .as("an unknown id and one of another person")
        .containsOnly(refusals.getFirst());
    assertThat(me(owner).getProfile()).isEqualTo(Profile.getDefaultInstance());
    notFound(() -> admin().getUser(get(nobody)));
    assertThat(admin().getUser(get(owner.id())).getUser()).isEqualTo(me(owner));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "1", "' OR 1=1--", "01a1fec1-618c-7000-9999-ba64e2eb84a", "1-1-1-1-1"})
  void whatIsNoIdIsRefused(String id) {
    assertThat(error(() -> admin().getUser(get(id))).code()).isEqualTo(Code.INVALID_ARGUMENT);
  }

  @Test
  void whatIsForAdministratorsIsForNobodyElse() {
    Person person = svc.register();
    UserServiceBlockingStub customer = svc.users(person.tokens().getAccessToken());
    List<ThrowingCallable> calls =
        List.of(
            () -> customer.listUsers(ListUsersRequest.getDefaultInstance()),
            () -> customer.disableUser(disable(person.id())),
            () -> customer.enableUser(enable(person.id())),
            () -> customer.setRoles(roles(person.id(), "admin")));

    calls.forEach(call -> refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED", call));
    refused(
        Code.UNAUTHENTICATED,
        "TOKEN_MISSING",
        () -> svc.users().listUsers(ListUsersRequest.getDefaultInstance()));
    assertThat(me(person).getRolesList()).containsExactly("customer");
  }

  @Test
  void aListHoldsEachAccountOnceAndNewestFirst() {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      ids.addFirst(svc.register().id());
    }
    Person gone = svc.register();
    svc.users(gone.tokens().getAccessToken()).deleteUser(delete(gone.id()));

    List<String> listed = new ArrayList<>();
    String page = "";
    do {
      ListUsersResponse response =
          admin()
              .listUsers(ListUsersRequest.newBuilder().setPageSize(2).setPageToken(page).build());
      assertThat(response.getUsersCount()).isBetween(1, 2);
      response.getUsersList().forEach(user -> listed.add(user.getUserId()));
      page = response.getNextPageToken();
    } while (!page.isEmpty());

    assertThat(listed).startsWith(ids.toArray(new String[0])).doesNotHaveDuplicates();
    assertThat(listed).doesNotContain(gone.id());
  }

  @ParameterizedTest
  @ValueSource(strings = {"x", "AAAAAAAAAAAAAAAA", "%00", "' OR 1=1--"})
  void aPageTokenThatIsNoneIsRefused(String token) {
    RemoteError error =
        error(() -> admin().listUsers(ListUsersRequest.newBuilder().setPageToken(token).build()));

    assertThat(error.code()).isEqualTo(Code.INVALID_ARGUMENT);
    assertThat(error.violations()).extracting(FieldViolation::field).containsOnly("page_token");
  }

  @Test
  void aDisabledAccountLosesItsTokensUntilItIsEnabledAndLogsInAgain() {
    Person person = svc.register();

    User disabled = admin().disableUser(disable(person.id())).getUser();

    assertThat(disabled.getState()).isEqualTo(User.State.STATE_DISABLED);
    assertThat(admin().disableUser(disable(person.id())).getUser()).isEqualTo(disabled);
    refusedEverything(person);
    refused(Code.UNAUTHENTICATED, "WRONG_CREDENTIALS", () -> svc.login(person.email()));
    assertThat(summary(person.id()).getState()).isEqualTo(User.State.STATE_DISABLED);

    assertThat(admin().enableUser(enable(person.id())).getUser().getState())
        .isEqualTo(User.State.STATE_ACTIVE);
    refusedEverything(person);
    assertThat(me(svc.login(person.email())).getUserId()).isEqualTo(person.id());
  }

  @Test
  void newRolesCountFromTheNextLoginOn() {
    Person person = svc.register();

    admin().setRoles(roles(person.id(), "customer", "admin"));

    refusedEverything(person);
    Tokens promoted = svc.login(person.email());
    assertThat(
            svc.users(promoted.getAccessToken()).listUsers(ListUsersRequest.getDefaultInstance()))
        .isNotNull();

    admin().setRoles(roles(person.id(), "customer"));
    refused(
        Code.UNAUTHENTICATED,
        "TOKEN_REVOKED",
        () ->
            svc.users(promoted.getAccessToken()).listUsers(ListUsersRequest.getDefaultInstance()));
  }

  @Test
  void rolesThatAreNoneAreRefused() {
    Person person = svc.register();

    for (SetRolesRequest request :
        List.of(
            roles(person.id()),
            roles(person.id(), "root"),
            roles(person.id(), "ADMIN"),
            roles(person.id(), "admin", "admin"))) {
      assertThat(error(() -> admin().setRoles(request)).code()).isEqualTo(Code.INVALID_ARGUMENT);
    }
  }

  @Test
  void anActiveAdministratorIsAlwaysLeft() throws Exception {
    UserServiceBlockingStub first = admin();
    String firstId = first.getMe(GetMeRequest.getDefaultInstance()).getUser().getUserId();
    for (ThrowingCallable last :
        List.<ThrowingCallable>of(
            () -> first.deleteUser(delete(firstId)),
            () -> first.disableUser(disable(firstId)),
            () -> first.setRoles(roles(firstId, "customer")))) {
      RemoteError error = refused(Code.FAILED_PRECONDITION, "LAST_ADMIN", last);
      assertThat(error.metadata()).containsEntry("http_status", "409");
    }

    // Two administrators who remove each other at the same time: one of them is too late.
    Person second = svc.register();
    first.setRoles(roles(second.id(), "admin"));
    UserServiceBlockingStub other = svc.users(svc.login(second.email()).getAccessToken());
    List<String> outcomes =
        atOnce(
            List.of(
                () -> outcome(() -> other.setRoles(roles(firstId, "customer"))),
                () -> outcome(() -> first.setRoles(roles(second.id(), "customer")))));
    assertThat(outcomes).containsOnlyOnce("done").doesNotContain("");
    if (outcomes.getFirst().equals("done")) {
      // The first one is a customer now; the other tests go on with it.
      other.setRoles(roles(firstId, "admin"));
      admin().setRoles(roles(second.id(), "customer"));
    }
  }

  @Test
  void aDeletedAccountLeavesItsIdAndNothingElse() {
    Person person = svc.register();
    UserServiceBlockingStub self = svc.users(person.tokens().getAccessToken());

    self.deleteUser(delete(person.id()));

    refusedEverything(person);
    refused(Code.UNAUTHENTICATED, "WRONG_CREDENTIALS", () -> svc.login(person.email()));
    notFound(() -> admin().getUser(get(person.id())));
    notFound(() -> admin().deleteUser(delete(person.id())));
    notFound(() -> admin().enableUser(enable(person.id())));
    assertThat(summary(person.id()).getState()).isEqualTo(User.State.STATE_DELETED);
    // Whoever takes the address is somebody else.
    Person next = svc.register(person.email());
    assertThat(next.id()).isNotEqualTo(person.id());
    refused(
        Code.UNAUTHENTICATED,
        "TOKEN_REVOKED",
        () -> svc.users(person.tokens().getAccessToken()).getUser(get(next.id())));
  }

  @Test
  void aNewPasswordEndsAllLogins() {
    Person person = svc.register();
    Tokens elsewhere = svc.login(person.email());

    refused(
        Code.UNAUTHENTICATED,
        "WRONG_PASSWORD",
        () -> changePassword(person, "not the password", NEW_PASSWORD));
    assertThat(me(person).getUserId()).isEqualTo(person.id());

    changePassword(person, PASSWORD, NEW_PASSWORD);

    refusedEverything(person);
    refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", () -> me(elsewhere));
    refused(Code.UNAUTHENTICATED, "WRONG_CREDENTIALS", () -> svc.login(person.email()));
    // At once, though in the same second.
    assertThat(me(svc.login(person.email(), NEW_PASSWORD)).getUserId()).isEqualTo(person.id());
  }

  @Test
  void oneOfTwoPasswordChangesAtOnceWins() throws Exception {
    Person person = svc.register();

    List<String> outcomes =
        atOnce(3, () -> outcome(() -> changePassword(person, PASSWORD, NEW_PASSWORD)));

    assertThat(outcomes)
        .containsOnlyOnce("done")
        .allMatch(outcome -> List.of("done", "WRONG_PASSWORD", "TOKEN_REVOKED").contains(outcome));
  }

  @Test
  void guessesOfTheCurrentPasswordAreCounted() {
    Person person = svc.register();
    for (int i = 0; i < 20; i++) {
      refused(
          Code.UNAUTHENTICATED,
          "WRONG_PASSWORD",
          () -> changePassword(person, "not the password", NEW_PASSWORD));
    }

    RemoteError error =
        refused(
            Code.RESOURCE_EXHAUSTED,
            "TOO_MANY_ATTEMPTS",
            () -> changePassword(person, PASSWORD, NEW_PASSWORD));
    assertThat(error.retryAfter()).isPresent();
  }

  @Test
  void otherServicesLearnTheStateAndNothingElse() {
    Person person = svc.register();
    BatchGetUsersRequest request =
        BatchGetUsersRequest.newBuilder()
            .addUserIds(UUID.randomUUID().toString())
            .addUserIds(person.id())
            .addUserIds(person.id())
            .build();

    assertThat(svc.asService(svc.users(), "order-svc").batchGetUsers(request).getUsersList())
        .containsExactly(
            UserSummary.newBuilder()
                .setUserId(person.id())
                .setState(User.State.STATE_ACTIVE)
                .build());
    for (UserServiceBlockingStub caller :
        List.of(svc.users(), admin(), svc.asService(svc.users(), "edge-gateway"))) {
      assertThat(error(() -> caller.batchGetUsers(request)).code())
          .isIn(Code.UNAUTHENTICATED, Code.PERMISSION_DENIED);
    }
  }

  /** All that a person had is refused. */
  private static void refusedEverything(Person person) {
    refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", () -> me(person));
    refused(
        Code.UNAUTHENTICATED,
        "REFRESH_TOKEN_INVALID",
        () ->
            svc.auth()
                .refresh(
                    RefreshRequest.newBuilder()
                        .setRefreshToken(person.tokens().getRefreshToken())
                        .build()));
  }

  private static RemoteError notFound(ThrowingCallable call) {
    return refused(Code.NOT_FOUND, "USER_NOT_FOUND", call);
  }

  private static UserServiceBlockingStub admin() {
    return svc.users(svc.adminToken());
  }

  private static User me(Person person) {
    return me(person.tokens());
  }

  private static User me(Tokens tokens) {
    return svc.users(tokens.getAccessToken()).getMe(GetMeRequest.getDefaultInstance()).getUser();
  }

  private static User update(Person person, Profile profile, String... paths) {
    return svc.users(person.tokens().getAccessToken())
        .updateUser(
            UpdateUserRequest.newBuilder()
                .setUserId(person.id())
                .setUser(User.newBuilder().setProfile(profile))
                .setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(paths)))
                .build())
        .getUser();
  }

  private static User rename(Person person, String name, String etag) {
    return svc.users(person.tokens().getAccessToken())
        .updateUser(renaming(person.id(), name, etag).build())
        .getUser();
  }

  private static UpdateUserRequest.Builder renaming(String id, String name, String etag) {
    return UpdateUserRequest.newBuilder()
        .setUserId(id)
        .setUser(
            User.newBuilder().setProfile(Profile.newBuilder().setFirstName(name)).setEtag(etag));
  }

  private static ChangePasswordResponse changePassword(
      Person person, String current, String replacement) {
    return svc.users(person.tokens().getAccessToken())
        .changePassword(
            ChangePasswordRequest.newBuilder()
                .setCurrentPassword(current)
                .setNewPassword(replacement)
                .build());
  }

  private static UserSummary summary(String id) {
    return svc.asService(svc.users(), "order-svc")
        .batchGetUsers(BatchGetUsersRequest.newBuilder().addUserIds(id).build())
        .getUsers(0);
  }

  private static RegisterUserRequest.Builder registration(String email) {
    return RegisterUserRequest.newBuilder().setEmail(email).setPassword(PASSWORD);
  }

  private static GetUserRequest get(String id) {
    return GetUserRequest.newBuilder().setUserId(id).build();
  }

  private static DeleteUserRequest delete(String id) {
    return DeleteUserRequest.newBuilder().setUserId(id).build();
  }

  private static DisableUserRequest disable(String id) {
    return DisableUserRequest.newBuilder().setUserId(id).build();
  }

  private static EnableUserRequest enable(String id) {
    return EnableUserRequest.newBuilder().setUserId(id).build();
  }

  private static SetRolesRequest roles(String id, String... roles) {
    return SetRolesRequest.newBuilder().setUserId(id).addAllRoles(List.of(roles)).build();
  }
}
