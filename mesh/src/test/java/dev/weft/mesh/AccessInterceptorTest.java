package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MethodOptions;
import com.google.protobuf.Descriptors;
import dev.weft.mesh.test.AccessServiceGrpc;
import dev.weft.mesh.test.AccessServiceProto;
import dev.weft.mesh.test.WhoRequest;
import dev.weft.mesh.test.WhoResponse;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerTransportFilter;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Every kind of access against every kind of caller, over a real call. */
@Timeout(30)
class AccessInterceptorTest {
  private final SettableClock clock = new SettableClock();
  private final TestIssuer issuer = new TestIssuer(clock);
  @TempDir Path directory;
  private Optional<SpiffeId> peer = Optional.empty();
  private TokenVerifier users;
  private Server server;
  private ManagedChannel channel;

  @BeforeEach
  void start() throws Exception {
    ServiceKeys.generate(directory, List.of("user-svc", "order-svc", "edge-gateway"));
    users = TokenVerifier.open(TestIssuer.CONFIG, issuer, clock, clock);
    String name = InProcessServerBuilder.generateName();
    HealthStatusManager health = new HealthStatusManager();
    server =
        InProcessServerBuilder.forName(name)
            .addTransportFilter(
                new ServerTransportFilter() {
                  @Override
                  public Attributes transportReady(Attributes attributes) {
                    Attributes.Builder more = attributes.toBuilder();
                    peer.ifPresent(id -> more.set(PeerFilter.PEER, id));
                    return more.build();
                  }
                })
            .addService(health.getHealthService())
            .addService(new Who())
            .intercept(new AccessInterceptor(users, tokensOf("user-svc")))
            .intercept(new RejectionInterceptor("user-svc"))
            .build()
            .start();
    channel = InProcessChannelBuilder.forName(name).build();
  }

  @AfterEach
  void stop() {
    channel.shutdownNow();
    server.shutdownNow();
    users.close();
  }

  private ServiceTokens tokensOf(String service) {
    return ServiceTokens.open(
        service,
        IdentityConfig.withoutTls(
            "https://weft.example",
            "weft",
            "user-svc",
            Optional.of(ServiceKeys.keyFile(directory, service)),
            Optional.of(ServiceKeys.keysFile(directory))),
        clock,
        clock);
  }

  private static final class Who extends AccessServiceGrpc.AccessServiceImplBase {
    @Override
    public void silent(WhoRequest request, StreamObserver<WhoResponse> observer) {
      answer(observer);
    }

    @Override
    public void anybody(WhoRequest request, StreamObserver<WhoResponse> observer) {
      answer(observer);
    }

    @Override
    public void user(WhoRequest request, StreamObserver<WhoResponse> observer) {
      answer(observer);
    }

    @Override
    public void admin(WhoRequest request, StreamObserver<WhoResponse> observer) {
      answer(observer);
    }

    @Override
    public void oneService(WhoRequest request, StreamObserver<WhoResponse> observer) {
      answer(observer);
    }

    @Override
    public void anyService(WhoRequest request, StreamObserver<WhoResponse> observer) {
      answer(observer);
    }

    @Override
    public void noService(WhoRequest request, StreamObserver<WhoResponse> observer) {
      answer(observer);
    }

    private static void answer(StreamObserver<WhoResponse> observer) {
      Caller caller = Caller.current();
      observer.onNext(
          WhoResponse.newBuilder()
              .setUser(caller.user().map(Caller.User::id).orElse("-"))
              .setService(caller.service().orElse("-"))
              .build());
      observer.onCompleted();
    }
  }

  /** "user service" as the method saw them, or the reason why it was not reached. */
  private String call(MethodDescriptor<WhoRequest, WhoResponse> method, Consumer<Metadata> with) {
    Metadata headers = new Metadata();
    with.accept(headers);
    try {
      WhoResponse answer =
          ClientCalls.blockingUnaryCall(
              ClientInterceptors.intercept(
                  channel, MetadataUtils.newAttachHeadersInterceptor(headers)),
              method,
              CallOptions.DEFAULT,
              WhoRequest.getDefaultInstance());
      return answer.getUser() + " " + answer.getService();
    } catch (StatusRuntimeException e) {
      String reason = RemoteError.of(e).orElseThrow().reason();
      Status.Code expected =
          reason.equals("ROLE_REQUIRED") || reason.equals("CALLER_NOT_ALLOWED")
              ? Status.Code.PERMISSION_DENIED
              : Status.Code.UNAUTHENTICATED;
      assertThat(e.getStatus().getCode()).as(reason).isEqualTo(expected);
      return reason;
    }
  }

  private static Consumer<Metadata> bearer(String token) {
    return headers -> headers.put(AccessInterceptor.AUTHORIZATION, "Bearer " + token);
  }

  private static Consumer<Metadata> authorization(String... values) {
    return headers ->
        List.of(values).forEach(value -> headers.put(AccessInterceptor.AUTHORIZATION, value));
  }

  private static Consumer<Metadata> serviceToken(String token) {
    return headers -> headers.put(ServiceTokens.HEADER, token);
  }

  private Map<String, Consumer<Metadata>> callers() {
    String user = issuer.token();
    String admin = issuer.token(issuer.payload("root", "j2").replace("customer", "admin"));
    String operator = issuer.token(issuer.payload("op", "j3").replace("customer", "operator"));
    String order = tokensOf("order-svc").tokenFor("user-svc").orElseThrow();
    String edge = tokensOf("edge-gateway").tokenFor("user-svc").orElseThrow();
    String forOther = tokensOf("order-svc").tokenFor("edge-gateway").orElseThrow();
    String revoked = issuer.token(issuer.payload("gone", "j4"));
    issuer.revoke(new Revocation.Token("j4", clock.instant().plusSeconds(300)));
    return Map.ofEntries(
        Map.entry("nobody", headers -> {}),
        Map.entry("user", bearer(user)),
        Map.entry("admin", bearer(admin)),
        Map.entry("operator", bearer(operator)),
        Map.entry("revoked", bearer(revoked)),
        Map.entry("forged", bearer(user.substring(0, user.length() - 4) + "AAAA")),
        Map.entry("empty", authorization("")),
        Map.entry("basic", authorization("Basic dXNlcjpwYXNz")),
        Map.entry("lower case", authorization("bearer " + user)),
        Map.entry("blanks around", authorization("BEARER   " + user + " ")),
        Map.entry("scheme's name only", authorization("Bearer")),
        Map.entry("no token", authorization("Bearer ")),
        Map.entry("no scheme", authorization(user)),
        Map.entry("two headers", authorization("Bearer " + user, "Bearer " + admin)),
        Map.entry("order", serviceToken(order)),
        Map.entry("edge", serviceToken(edge)),
        Map.entry("edge for user", serviceToken(edge).andThen(bearer(user))),
        Map.entry("order with a bad user", serviceToken(order).andThen(bearer("x.y.z"))),
        Map.entry("token for another target", serviceToken(forOther)),
        Map.entry("user's token as service's", serviceToken(user)),
        Map.entry("service's token as user's", bearer(order)),
        Map.entry("two service tokens", serviceToken(order).andThen(serviceToken(edge))));
  }

  @TestFactory
  Stream<DynamicTest> admitsExactlyWhomTheContractNames() {
    Map<String, Consumer<Metadata>> callers = callers();
    return """
    caller                    | silent          | anybody         | admin           | oneService            | anyService            | noService
    nobody                    | TOKEN_MISSING   | - -             | TOKEN_MISSING   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    user                      | user-1 -        | user-1 -        | ROLE_REQUIRED   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    admin                     | root -          | root -          | root -          | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    operator                  | op -            | op -            | op -            | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    revoked                   | TOKEN_REVOKED   | - -             | TOKEN_REVOKED   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    forged                    | TOKEN_INVALID   | - -             | TOKEN_INVALID   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    empty                     | TOKEN_INVALID   | - -             | TOKEN_INVALID   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    basic                     | TOKEN_INVALID   | - -             | TOKEN_INVALID   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    lower case                | user-1 -        | user-1 -        | ROLE_REQUIRED   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    blanks around             | user-1 -        | user-1 -        | ROLE_REQUIRED   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    scheme's name only        | TOKEN_INVALID   | - -             | TOKEN_INVALID   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    no token                  | TOKEN_INVALID   | - -             | TOKEN_INVALID   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    no scheme                 | TOKEN_INVALID   | - -             | TOKEN_INVALID   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    two headers               | TOKEN_INVALID   | - -             | TOKEN_INVALID   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    order                     | TOKEN_MISSING   | - order-svc     | TOKEN_MISSING   | - order-svc           | - order-svc           | CALLER_NOT_ALLOWED
    edge                      | TOKEN_MISSING   | - edge-gateway  | TOKEN_MISSING   | CALLER_NOT_ALLOWED    | - edge-gateway        | CALLER_NOT_ALLOWED
    edge for user             | user-1 edge-gateway | user-1 edge-gateway | ROLE_REQUIRED | CALLER_NOT_ALLOWED  | user-1 edge-gateway   | CALLER_NOT_ALLOWED
    order with a bad user     | TOKEN_INVALID   | - order-svc     | TOKEN_INVALID   | TOKEN_INVALID         | TOKEN_INVALID         | CALLER_NOT_ALLOWED
    token for another target  | TOKEN_MISSING   | - -             | TOKEN_MISSING   | SERVICE_TOKEN_INVALID | SERVICE_TOKEN_INVALID | SERVICE_TOKEN_INVALID
    user's token as service's | TOKEN_MISSING   | - -             | TOKEN_MISSING   | SERVICE_TOKEN_INVALID | SERVICE_TOKEN_INVALID | SERVICE_TOKEN_INVALID
    service's token as user's | TOKEN_INVALID   | - -             | TOKEN_INVALID   | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING | SERVICE_TOKEN_MISSING
    two service tokens        | TOKEN_MISSING   | - -             | TOKEN_MISSING   | SERVICE_TOKEN_INVALID | SERVICE_TOKEN_INVALID | SERVICE_TOKEN_INVALID
    """
        .lines()
        .skip(1)
        .map(line -> List.of(line.split("\\|")).stream().map(String::strip).toList())
        .map(
            row ->
                DynamicTest.dynamicTest(
                    row.getFirst(),
                    () -> {
                      Consumer<Metadata> with = callers.getOrDefault(row.getFirst(), h -> {});
                      assertThat(callers).containsKey(row.getFirst());
                      assertThat(call(AccessServiceGrpc.getSilentMethod(), with))
                          .isEqualTo(row.get(1));
                      assertThat(call(AccessServiceGrpc.getUserMethod(), with))
                          .isEqualTo(row.get(1));
                      assertThat(call(AccessServiceGrpc.getAnybodyMethod(), with))
                          .isEqualTo(row.get(2));
                      assertThat(call(AccessServiceGrpc.getAdminMethod(), with))
                          .isEqualTo(row.get(3));
                      assertThat(call(AccessServiceGrpc.getOneServiceMethod(), with))
                          .isEqualTo(row.get(4));
                      assertThat(call(AccessServiceGrpc.getAnyServiceMethod(), with))
                          .isEqualTo(row.get(5));
                      assertThat(call(AccessServiceGrpc.getNoServiceMethod(), with))
                          .isEqualTo(row.get(6));
                    }));
  }

  @Test
  void aServiceTokenCountsOverAConnectionOfThatService() {
    peer = Optional.of(new SpiffeId(TestCa.DOMAIN, "order-svc"));

    assertThat(call(AccessServiceGrpc.getAnyServiceMethod(), tokenOf("order-svc")))
        .isEqualTo("- order-svc");
    assertThat(call(AccessServiceGrpc.getAnybodyMethod(), tokenOf("order-svc")))
        .isEqualTo("- order-svc");
  }

  @Test
  void aServiceTokenIsOfNoUseOverTheConnectionOfAnother() {
    peer = Optional.of(new SpiffeId(TestCa.DOMAIN, "edge-gateway"));

    assertThat(call(AccessServiceGrpc.getAnyServiceMethod(), tokenOf("order-svc")))
        .isEqualTo(ServiceTokens.INVALID);
    assertThat(call(AccessServiceGrpc.getAnybodyMethod(), tokenOf("order-svc"))).isEqualTo("- -");
  }

  private Consumer<Metadata> tokenOf(String service) {
    return serviceToken(tokensOf(service).tokenFor("user-svc").orElseThrow());
  }

  @Test
  void anExpiredTokenSaysSo() {
    Consumer<Metadata> with = bearer(issuer.token());
    clock.advance(Duration.ofMinutes(6));

    assertThat(call(AccessServiceGrpc.getUserMethod(), with)).isEqualTo("TOKEN_EXPIRED");
    assertThat(call(AccessServiceGrpc.getAnybodyMethod(), with)).isEqualTo("- -");
  }

  @Test
  void healthIsOpenToAll() {
    assertThat(HealthGrpc.newBlockingStub(channel).check(HealthCheckRequest.getDefaultInstance()))
        .matches(answer -> answer.getStatus() == ServingStatus.SERVING);
  }

  @Test
  void anAccessThatIsNotKnownLetsNobodyIn() throws Exception {
    FileDescriptorProto.Builder file = AccessServiceProto.getDescriptor().toProto().toBuilder();
    MethodOptions unknown =
        MethodOptions.newBuilder()
            .setExtension(OptionsProto.method, MethodPolicy.newBuilder().setAccessValue(99).build())
            .build();
    file.getServiceBuilder(0).getMethodBuilder(0).setOptions(unknown);
    Descriptors.FileDescriptor changed =
        Descriptors.FileDescriptor.buildFrom(
            file.build(), new Descriptors.FileDescriptor[] {OptionsProto.getDescriptor()});

    assertThat(Access.of(changed.getServices().getFirst().getMethods().getFirst()))
        .isInstanceOf(Access.Nobody.class);
  }
}
