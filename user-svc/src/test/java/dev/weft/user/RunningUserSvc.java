package dev.weft.user;

import dev.weft.event.v1.EventLogServiceGrpc;
import dev.weft.event.v1.EventLogServiceGrpc.EventLogServiceBlockingStub;
import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.IdentityServiceGrpc.IdentityServiceBlockingStub;
import dev.weft.mesh.Env;
import dev.weft.mesh.IdentityConfig;
import dev.weft.mesh.ServiceKeys;
import dev.weft.mesh.ServiceTokens;
import dev.weft.shop.user.v1.AuthServiceGrpc;
import dev.weft.shop.user.v1.AuthServiceGrpc.AuthServiceBlockingStub;
import dev.weft.shop.user.v1.LoginRequest;
import dev.weft.shop.user.v1.RegisterUserRequest;
import dev.weft.shop.user.v1.Tokens;
import dev.weft.shop.user.v1.User;
import dev.weft.shop.user.v1.UserServiceGrpc;
import dev.weft.shop.user.v1.UserServiceGrpc.UserServiceBlockingStub;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The whole service as it runs in production, on a free port of the loopback interface, without a
 * registry.
 */
final class RunningUserSvc implements AutoCloseable {
  static final String PASSWORD = "correct horse battery staple";
  static final String ADMIN_EMAIL = "admin@weft.example";

  private static final List<String> SERVICES = List.of("user-svc", "order-svc", "edge-gateway");
  private static final AtomicInteger counter = new AtomicInteger();

  private final Path directory;
  private final Wiring wiring;
  private final ManagedChannel channel;

  /** A person with an account and a running login. */
  record Person(String id, String email, Tokens tokens) {}

  private RunningUserSvc(Path directory, Wiring wiring) {
    this.directory = directory;
    this.wiring = wiring;
    this.channel =
        Grpc.newChannelBuilderForAddress(
                "127.0.0.1", wiring.port(), InsecureChannelCredentials.create())
            .build();
  }

  /** Starts it; {@code directory} keeps what outlives a restart beside the database. */
  static RunningUserSvc start(String databaseUrl, Path directory) {
    Wiring wiring = new Wiring(UserConfig.from(Env.of(environment(databaseUrl, directory))));
    wiring.start();
    return new RunningUserSvc(directory, wiring);
  }

  static Map<String, String> environment(String databaseUrl, Path directory) {
    if (!Files.exists(ServiceKeys.keysFile(directory))) {
      ServiceKeys.generate(directory, SERVICES);
    }
    Map<String, String> env = new HashMap<>();
    env.put("PORT", "0");
    env.put("WEFT_MANAGEMENT_PORT", "0");
    env.put("DATABASE_URL", databaseUrl);
    // There is no registry, and so no certificate.
    env.put("CONSUL_HTTP_ADDR", "http://127.0.0.1:1");
    env.put("WEFT_TLS", "off");
    env.put("WEFT_SERVICE_KEY_FILE", ServiceKeys.keyFile(directory, "user-svc").toString());
    env.put("WEFT_SERVICE_KEYS_FILE", ServiceKeys.keysFile(directory).toString());
    env.put("WEFT_BOOTSTRAP_ADMIN_FILE", adminFile(directory).toString());
    env.put("WEFT_DRAIN_WAIT", "PT0.001S");
    return env;
  }

  /** Who is to be the first administrator; what is there already stays. */
  static Path adminFile(Path directory) {
    Path file = directory.resolve("admin.json");
    try {
      if (!Files.exists(file)) {
        Files.writeString(
            file, "{\"email\":\"%s\",\"password\":\"%s\"}".formatted(ADMIN_EMAIL, PASSWORD));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return file;
  }

  UserServiceBlockingStub users() {
    return UserServiceGrpc.newBlockingStub(channel);
  }

  UserServiceBlockingStub users(String accessToken) {
    return as(users(), accessToken);
  }

  AuthServiceBlockingStub auth() {
    return AuthServiceGrpc.newBlockingStub(channel);
  }

  AuthServiceBlockingStub auth(String accessToken) {
    return as(auth(), accessToken);
  }

  IdentityServiceBlockingStub identity() {
    return IdentityServiceGrpc.newBlockingStub(channel);
  }

  EventLogServiceBlockingStub events() {
    return EventLogServiceGrpc.newBlockingStub(channel);
  }

  /** The stub with a user's token. */
  static <S extends AbstractStub<S>> S as(S stub, String accessToken) {
    return with(stub, "authorization", "Bearer " + accessToken);
  }

  /** The stub of a service that proves its name. */
  <S extends AbstractStub<S>> S asService(S stub, String service) {
    IdentityConfig identity =
        IdentityConfig.withoutTls(
            "https://weft.example",
            "weft",
            "user-svc",
            Optional.of(ServiceKeys.keyFile(directory, service)),
            Optional.of(ServiceKeys.keysFile(directory)));
    return with(
        stub,
        "weft-service-token",
        ServiceTokens.open(service, identity, InstantSource.system())
            .tokenFor("user-svc")
            .orElseThrow());
  }

  /** The stub of the edge, with a call of this address to forward. */
  <S extends AbstractStub<S>> S forwarding(S stub, String address) {
    return with(asService(stub, "edge-gateway"), "x-forwarded-for", address);
  }

  static <S extends AbstractStub<S>> S with(S stub, String header, String value) {
    Metadata metadata = new Metadata();
    metadata.put(Metadata.Key.of(header, Metadata.ASCII_STRING_MARSHALLER), value);
    return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  /** An e-mail address that no other test has. */
  static String freshEmail() {
    return "person" + counter.incrementAndGet() + "@weft.example";
  }

  Person register() {
    return register(freshEmail());
  }

  Person register(String email) {
    User user =
        users()
            .registerUser(
                RegisterUserRequest.newBuilder().setEmail(email).setPassword(PASSWORD).build())
            .getUser();
    return new Person(user.getUserId(), email, login(email));
  }

  Tokens login(String email) {
    return login(email, PASSWORD);
  }

  Tokens login(String email, String password) {
    return auth()
        .login(LoginRequest.newBuilder().setEmail(email).setPassword(password).build())
        .getTokens();
  }

  String adminToken() {
    return login(ADMIN_EMAIL).getAccessToken();
  }

  @Override
  public void close() {
    channel.shutdownNow();
    try {
      channel.awaitTermination(5, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    wiring.close();
  }
}
