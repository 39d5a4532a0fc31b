package dev.weft.user;

import dev.weft.durable.Database;
import dev.weft.durable.Sweep;
import dev.weft.events.EventAdminService;
import dev.weft.events.EventLog;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.RunningProcess;
import dev.weft.mesh.TimeLeft;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Every object of user-svc, made once, in the order it starts; closed in reverse. */
final class Wiring implements RunningProcess {
  private static final Logger log = LoggerFactory.getLogger(Wiring.class);

  /** Readers give a silent stream up after a minute. */
  private static final Duration HEARTBEAT = Duration.ofSeconds(15);

  /** For events and upkeep, which no customer waits for: one short transaction each. */
  private static final int BACKGROUND_CONNECTIONS = 2;

  private final Optional<FirstAdmin> firstAdmin;
  private final Database database;
  private final Passwords passwords = new Passwords();
  private final SigningKeys keys;
  private final RevocationFeed feed;
  private final Users users;
  private final Housekeeping housekeeping;
  private final Sweep sweep;
  private final Mesh mesh;
  private final EventLog events;
  private final MeshServer server;

  Wiring(UserConfig config) {
    firstAdmin = config.firstAdmin();
    database = Database.open(config.database(), TimeLeft::ofCall);
    Database background = database.besides(BACKGROUND_CONNECTIONS);
    SessionStore sessionStore = new SessionStore();
    RevocationStore revocationStore = new RevocationStore();
    SigningKeyStore keyStore = new SigningKeyStore();
    Throttle throttle = new Throttle();

    keys = new SigningKeys(database, keyStore, config.seal());
    feed = new RevocationFeed(database, revocationStore, InstantSource.system());
    mesh = Mesh.open(config.mesh(), new OwnKeys(keys, feed));
    events = config.events().log(background, UserEvents.GRANTS, mesh);
    UserStore userStore = new UserStore(new UserEvents(events));
    Revocations revocations =
        new Revocations(database, revocationStore, feed, userStore, sessionStore);
    users = new Users(database, userStore, revocations, throttle, passwords);
    Sessions sessions =
        new Sessions(database, userStore, sessionStore, revocations, throttle, passwords);
    housekeeping =
        new Housekeeping(
            background,
            keys,
            users,
            List.of(sessionStore::sweep, revocationStore::sweep, throttle::sweep, keyStore::sweep));
    sweep = new Sweep(background);

    mesh.management().readiness("database", database::healthy);
    String issuer = config.mesh().identity().issuer();
    TokenSigner signer = new TokenSigner(issuer, config.mesh().identity().audience(), keys);
    server =
        mesh.server(
            ClientAddress.knownTo(new UserService(users)),
            ClientAddress.knownTo(new AuthService(sessions, signer, keys)),
            new IdentityService(issuer, keys, feed, HEARTBEAT),
            events.service(),
            new EventAdminService(database));
  }

  @Override
  public void start() {
    database.migrate();
    keys.refresh();
    feed.start();
    events.start();
    firstAdmin.ifPresent(this::ensureAdmin);
    housekeeping.start();
    sweep.start();
    server.start(); // last: from here on the registry sends calls
  }

  /** The port it serves on, once started. */
  int port() {
    return server.port();
  }

  private void ensureAdmin(FirstAdmin admin) {
    if (!users.ensureAdmin(admin.email(), admin.password())) {
      log.error(
          "there is no administrator, and the e-mail in WEFT_BOOTSTRAP_ADMIN_FILE belongs to an"
              + " ordinary account: name another one");
    }
  }

  @Override
  public void close() {
    server.close(); // first: leaves the registry, then lets running calls finish
    housekeeping.close();
    sweep.close();
    events.close();
    mesh.close();
    feed.close();
    passwords.close();
    database.close();
  }
}
