package dev.weft.user;

import static dev.weft.user.Refused.atOnce;
import static dev.weft.user.Refused.outcome;
import static dev.weft.user.Refused.refused;
import static dev.weft.user.RunningUserSvc.PASSWORD;
import static dev.weft.user.RunningUserSvc.freshEmail;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.FieldMask;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.EventStore;
import dev.weft.durable.UuidV7;
import dev.weft.event.v1.ReadAggregateRequest;
import dev.weft.event.v1.ReadEventsRequest;
import dev.weft.event.v1.SubscribeRequest;
import dev.weft.events.EventLog;
import dev.weft.events.EventPayloads;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.shop.event.v1.UserCreated;
import dev.weft.shop.event.v1.UserDeleted;
import dev.weft.shop.event.v1.UserFacts;
import dev.weft.shop.event.v1.UserUpdated;
import dev.weft.shop.user.v1.ChangePasswordRequest;
import dev.weft.shop.user.v1.DeleteUserRequest;
import dev.weft.shop.user.v1.DisableUserRequest;
import dev.weft.shop.user.v1.EnableUserRequest;
import dev.weft.shop.user.v1.GetMeRequest;
import dev.weft.shop.user.v1.Preferences;
import dev.weft.shop.user.v1.Preferences.Language;
import dev.weft.shop.user.v1.Profile;
import dev.weft.shop.user.v1.RegisterUserRequest;
import dev.weft.shop.user.v1.SetRolesRequest;
import dev.weft.shop.user.v1.UpdateUserRequest;
import dev.weft.shop.user.v1.User;
import dev.weft.shop.user.v1.UserServiceGrpc.UserServiceBlockingStub;
import dev.weft.testkit.PostgresExtension;
import dev.weft.user.RunningUserSvc.Person;
import io.grpc.Status.Code;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What user-svc says, and to whom. */
class UserEventsTest {
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
  void saysEachChangeOfAnAccountAndHowItIsFromThenOn() {
    Person person = svc.register();
    UserServiceBlockingStub self = svc.users(person.tokens().getAccessToken());
    UserServiceBlockingStub admin = svc.users(svc.adminToken());
    self.updateUser(
        change(person, "preferences.language")
            .setUser(
                User.newBuilder()
                    .setPreferences(Preferences.newBuilder().setLanguage(Language.LANGUAGE_DE)))
            .build());
    admin.setRoles(
        SetRolesRequest.newBuilder()
            .setUserId(person.id())
            .addRoles("customer")
            .addRoles("admin")
            .build());
    admin.disableUser(DisableUserRequest.newBuilder().setUserId(person.id()).build());
    String etag =
        admin
            .enableUser(EnableUserRequest.newBuilder().setUserId(person.id()).build())
            .getUser()
            .getEtag();
    admin.deleteUser(delete(person.id()));

    List<Event> events = said(person.id(), 6);

    assertThat(events)
        .extracting(Event::type)
        .containsExactly(
            "shop.user.created",
            "shop.user.updated",
            "shop.user.updated",
            "shop.user.updated",
            "shop.user.updated",
            "shop.user.deleted");
    assertThat(events)
        .extracting(event -> event.aggregate().version())
        .containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
    assertThat(events)
        .extracting(event -> facts(event).getState())
        .containsExactly(
            User.State.STATE_ACTIVE,
            User.State.STATE_ACTIVE,
            User.State.STATE_ACTIVE,
            User.State.STATE_DISABLED,
            User.State.STATE_ACTIVE,
            User.State.STATE_DELETED);
    assertThat(events)
        .extracting(event -> facts(event).getLanguage())
        .containsExactly(
            Language.LANGUAGE_EN,
            Language.LANGUAGE_DE,
            Language.LANGUAGE_DE,
            Language.LANGUAGE_DE,
            Language.LANGUAGE_DE,
            Language.LANGUAGE_UNSPECIFIED);
    assertThat(events).allMatch(event -> facts(event).getUserId().equals(person.id()));
    assertThat('"' + Long.toString(facts(events.get(4)).getVersion()) + '"').isEqualTo(etag);
  }

  @Test
  void saysNothingThatTellsWhoSomebodyIs() {
    String email = "zoe.unmistakable." + UUID.randomUUID() + "@weft.example";
    String id =
        svc.users()
            .registerUser(
                RegisterUserRequest.newBuilder()
                    .setEmail(email)
                    .setPassword(PASSWORD)
                    .setProfile(Profile.newBuilder().setFirstName("Zephyrine").setLastName("Quux"))
                    .build())
            .getUser()
            .getUserId();
    Person person = new Person(id, email, svc.login(email));
    UserServiceBlockingStub self = svc.users(person.tokens().getAccessToken());
    self.updateUser(
        change(person, "profile.last_name")
            .setUser(User.newBuilder().setProfile(Profile.newBuilder().setLastName("Garply")))
            .build());
    self.deleteUser(delete(id));

    List<Event> events = said(id, 3);

    // The whole row, whatever is in it, and the payload as bytes.
    assertThat(rows(id)).hasSize(3);
    List<String> texts =
        events.stream()
            .map(event -> new String(event.content().bytes(), StandardCharsets.ISO_8859_1))
            .toList();
    for (List<String> searched : List.of(rows(id), texts)) {
      assertThat(searched)
          .allSatisfy(
              text ->
                  assertThat(text)
                      .doesNotContainIgnoringCase("unmistakable")
                      .doesNotContain("@", "Zephyrine", "Quux", "Garply", PASSWORD, "argon2"));
    }
    assertThat(UserFacts.getDescriptor().getFields())
        .extracting(field -> field.getName())
        .containsExactly("user_id", "state", "language", "update_time", "version");
  }

  @Test
  void saysNothingWhereNothingChanged() throws Exception {
    String email = freshEmail();
    atOnce(4, () -> outcome(() -> register(email)));
    Person person = new Person(me(email), email, svc.login(email));
    UserServiceBlockingStub self = svc.users(person.tokens().getAccessToken());
    UpdateUserRequest same =
        change(person, "profile.first_name").setUser(User.getDefaultInstance()).build();
    self.updateUser(same);
    UserServiceBlockingStub admin = svc.users(svc.adminToken());
    admin.enableUser(EnableUserRequest.newBuilder().setUserId(person.id()).build());
    self.changePassword(
        ChangePasswordRequest.newBuilder()
            .setCurrentPassword(PASSWORD)
            .setNewPassword("a horse of another colour")
            .build());
    String adminId = admin.getMe(GetMeRequest.getDefaultInstance()).getUser().getUserId();
    long before = said(adminId, 1).size();
    refused(Code.FAILED_PRECONDITION, "LAST_ADMIN", () -> admin.deleteUser(delete(adminId)));

    admin.disableUser(DisableUserRequest.newBuilder().setUserId(person.id()).build());

    assertThat(said(person.id(), 2))
        .extracting(Event::type)
        .containsExactly("shop.user.created", "shop.user.updated");
    assertThat(events(adminId)).hasSize((int) before);
    assertThat(outcome(() -> register(email))).isEqualTo("EMAIL_TAKEN");
  }

  @Test
  void saysHowAccountsAreThatAreOlderThanEventsOnceAndWithoutGaps() {
    UUID present = older("ACTIVE");
    UUID disabled = older("DISABLED");
    UUID gone = older("DELETED");
    UUID changes = older("ACTIVE");
    // One that changes before anybody speaks for it begins with that change.
    svc.users(svc.adminToken())
        .disableUser(DisableUserRequest.newBuilder().setUserId(changes.toString()).build());
    Database database = postgres.database();
    try (Telemetry telemetry = Telemetry.open(TelemetryConfig.local("user-svc", "test"))) {
      UserStore store =
          new UserStore(
              new UserEvents(
                  new EventLog(database, UserConfig.SERVICE, UserEvents.GRANTS, telemetry)));
      assertThat(database.<Integer>inTransaction(tx -> store.sayUnsaid(tx, 2))).isEqualTo(2);
      assertThat(database.<Integer>inTransaction(tx -> store.sayUnsaid(tx, 2))).isEqualTo(1);
      assertThat(database.<Integer>inTransaction(tx -> store.sayUnsaid(tx, 2))).isZero();
    }
    svc.users(svc.adminToken()).deleteUser(delete(present.toString()));

    assertThat(said(present.toString(), 2))
        .extracting(Event::type)
        .containsExactly("shop.user.updated", "shop.user.deleted");
    assertThat(facts(said(present.toString(), 2).getFirst()).getVersion()).isEqualTo(7);
    assertThat(facts(said(disabled.toString(), 1).getFirst()).getState())
        .isEqualTo(User.State.STATE_DISABLED);
    assertThat(said(gone.toString(), 1))
        .extracting(Event::type)
        .containsExactly("shop.user.deleted");
    assertThat(said(changes.toString(), 1))
        .extracting(Event::type)
        .containsExactly("shop.user.updated");
  }

  @Test
  void letsOthersReadWhatTheyAreListedFor() {
    Person person = svc.register();
    said(person.id(), 1);
    ReadEventsRequest all =
        ReadEventsRequest.newBuilder().addTypes("shop.user.*").setPageSize(1_000).build();
    ReadAggregateRequest one =
        ReadAggregateRequest.newBuilder()
            .setAggregateType("shop.user")
            .setAggregateId(person.id())
            .build();
    assertThat(svc.asService(svc.events(), "order-svc").readAggregate(one).getEventsList())
        .hasSize(1);
    SubscribeRequest ofOrders =
        SubscribeRequest.newBuilder().setGroup("users-of-orders").addTypes("shop.user.*").build();
    assertThat(svc.asService(svc.events(), "order-svc").subscribe(ofOrders).hasNext()).isTrue();

    var stranger = svc.asService(svc.events(), "edge-gateway");
    refused(Code.PERMISSION_DENIED, "EVENTS_NOT_GRANTED", () -> stranger.readEvents(all));
    refused(Code.PERMISSION_DENIED, "EVENTS_NOT_GRANTED", () -> stranger.readAggregate(one));
    refused(
        Code.PERMISSION_DENIED, "EVENTS_NOT_GRANTED", () -> stranger.subscribe(ofOrders).hasNext());
    refused(Code.UNAUTHENTICATED, "SERVICE_TOKEN_MISSING", () -> svc.events().readEvents(all));
  }

  /** An account as it was before there were events. */
  private static UUID older(String state) {
    UUID id = UuidV7.next();
    boolean gone = state.equals("DELETED");
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.execute(
                    """
                    INSERT INTO account (user_id, email, email_key, password_hash, state, roles,
                      first_name, last_name, language, newsletter, version, create_time,
                      update_time)
                    VALUES (?, ?, ?, ?, ?, '{}', '', '', 'EN', false, 7, weft_now(), weft_now())
                    """,
                    id,
                    gone ? null : id + "@weft.example",
                    gone ? null : id + "@weft.example",
                    gone ? null : "$argon2id$v=19$",
                    state));
    return id;
  }

  private static User register(String email) {
    return svc.users()
        .registerUser(
            RegisterUserRequest.newBuilder().setEmail(email).setPassword(PASSWORD).build())
        .getUser();
  }

  private static String me(String email) {
    return svc.users(svc.login(email).getAccessToken())
        .getMe(GetMeRequest.getDefaultInstance())
        .getUser()
        .getUserId();
  }

  private static UpdateUserRequest.Builder change(Person person, String path) {
    return UpdateUserRequest.newBuilder()
        .setUserId(person.id())
        .setUpdateMask(FieldMask.newBuilder().addPaths(path));
  }

  private static DeleteUserRequest delete(String id) {
    return DeleteUserRequest.newBuilder().setUserId(id).build();
  }

  private static UserFacts facts(Event event) {
    return switch (event.type()) {
      case "shop.user.created" ->
          EventPayloads.parse(event, UserCreated.getDefaultInstance()).getUser();
      case "shop.user.updated" ->
          EventPayloads.parse(event, UserUpdated.getDefaultInstance()).getUser();
      default -> EventPayloads.parse(event, UserDeleted.getDefaultInstance()).getUser();
    };
  }

  /** The events of an account, once there are so many. */
  private static List<Event> said(String id, int count) {
    await().until(() -> events(id).size() >= count);
    List<Event> events = events(id);
    assertThat(events).hasSize(count);
    return events;
  }

  private static List<Event> events(String id) {
    return new EventStore(postgres.database()).readAggregate("shop.user", id, 1, 100);
  }

  private static List<String> rows(String id) {
    return postgres
        .database()
        .read(
            tx ->
                tx.createQuery("SELECT event::text FROM event WHERE aggregate_id = :id")
                    .bind("id", id)
                    .mapTo(String.class)
                    .list());
  }
}
