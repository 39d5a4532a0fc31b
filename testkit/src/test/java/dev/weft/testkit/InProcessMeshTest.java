package dev.weft.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.mesh.Caller;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.RemoteError;
import dev.weft.mesh.Revocation;
import dev.weft.shop.order.v1.CartServiceGrpc;
import dev.weft.shop.order.v1.GetCartRequest;
import dev.weft.shop.order.v1.GetCartResponse;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class InProcessMeshTest {
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private final Carts carts = new Carts();

  @BeforeEach
  void serve() {
    mesh.serve("order-svc", carts);
    mesh.serve("user-svc", new Keys());
  }

  @Test
  void knowsTheUserOfAToken() {
    cart(mesh.channelAs("order-svc", "ann", "customer", "admin"));
    assertThat(carts.caller.requireUser().id()).isEqualTo("ann");
    assertThat(carts.caller.admin()).isTrue();
  }

  @Test
  void refusesAStranger() {
    refuses(mesh.channel("order-svc"), "TOKEN_MISSING");
  }

  @Test
  void refusesATokenOfAnotherIssuer() {
    String forged = new TestIdentity().token("ann", Instant.now(), "customer");
    Channel channel =
        ClientInterceptors.intercept(mesh.channel("order-svc"), TestIdentity.bearer(forged));
    refuses(channel, "TOKEN_INVALID");
  }

  @Test
  void refusesATokenThatHasExpiredAndOneThatWasRevoked() {
    String old =
        mesh.identity().token("ann", Instant.now().minus(Duration.ofMinutes(6)), "customer");
    refuses(
        ClientInterceptors.intercept(mesh.channel("order-svc"), TestIdentity.bearer(old)),
        "TOKEN_EXPIRED");
    Channel bob = mesh.channelAs("order-svc", "bob");
    cart(bob);
    Instant now = Instant.now();
    mesh.identity().revoke(new Revocation.Subject("bob", now.plusSeconds(1), now.plusSeconds(600)));
    refuses(bob, "TOKEN_REVOKED");
  }

  @Test
  void provesTheNameOfACallingService() {
    assertThat(keys(mesh.channel("order-svc", "user-svc"))).isEqualTo("for order-svc");
    assertThatThrownBy(() -> keys(mesh.channel("user-svc")))
        .satisfies(e -> assertThat(reason(e)).isEqualTo("SERVICE_TOKEN_MISSING"));
  }

  @Test
  void answersRejectionsAsOnTheWire() {
    carts.failure = Rejection.notFound("CART_NOT_FOUND", "no such cart");
    refuses(mesh.channelAs("order-svc", "ann"), "CART_NOT_FOUND");
  }

  @Test
  void isUnavailableWhileAServiceIsStopped() {
    Channel channel = mesh.channelAs("order-svc", "ann");
    cart(channel);
    mesh.stop("order-svc");
    assertThatThrownBy(() -> cart(channel)).hasMessageContaining("UNAVAILABLE");
    mesh.serve("order-svc", carts);
    cart(channel);
  }

  private static GetCartResponse cart(Channel channel) {
    return CartServiceGrpc.newBlockingStub(channel).getCart(GetCartRequest.getDefaultInstance());
  }

  private static String keys(Channel channel) {
    return IdentityServiceGrpc.newBlockingStub(channel)
        .listKeys(ListKeysRequest.getDefaultInstance())
        .getJwks();
  }

  private static void refuses(Channel channel, String reason) {
    assertThatThrownBy(() -> cart(channel)).satisfies(e -> assertThat(reason(e)).isEqualTo(reason));
  }

  private static String reason(Throwable e) {
    return RemoteError.of(e).orElseThrow().reason();
  }

  private static final class Carts extends CartServiceGrpc.CartServiceImplBase {
    Caller caller = new Caller(Optional.empty(), Optional.empty());
    @Nullable Rejection failure;

    @Override
    public void getCart(GetCartRequest request, StreamObserver<GetCartResponse> observer) {
      if (failure != null) {
        throw failure;
      }
      caller = Caller.current();
      observer.onNext(GetCartResponse.getDefaultInstance());
      observer.onCompleted();
    }
  }

  private static final class Keys extends IdentityServiceGrpc.IdentityServiceImplBase {
    @Override
    public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> observer) {
      observer.onNext(
          ListKeysResponse.newBuilder()
              .setJwks("for " + Caller.current().requireService())
              .build());
      observer.onCompleted();
    }
  }
}
