package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Timestamp;
import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.identity.v1.SubjectRevocation;
import dev.weft.identity.v1.WatchRevocationsRequest;
import dev.weft.identity.v1.WatchRevocationsResponse;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Instant;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class RemoteKeySourceTest {
  private static final Instant EXPIRES = Instant.ofEpochSecond(2_000_000_000);

  private final BlockingQueue<Watcher> watchers = new LinkedBlockingQueue<>();
  private final BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
  private final CountDownLatch cancelled = new CountDownLatch(1);
  private Server server;
  private ManagedChannel channel;
  private RemoteKeySource source;
  private KeySource.Watch watch;

  private record Watcher(String resumeToken, StreamObserver<WatchRevocationsResponse> stream) {}

  @BeforeEach
  void start() throws Exception {
    String name = InProcessServerBuilder.generateName();
    server =
        InProcessServerBuilder.forName(name)
            .addService(
                new IdentityServiceGrpc.IdentityServiceImplBase() {
                  @Override
                  public void listKeys(
                      ListKeysRequest request, StreamObserver<ListKeysResponse> observer) {
                    observer.onNext(ListKeysResponse.newBuilder().setJwks("{\"keys\":[]}").build());
                    observer.onCompleted();
                  }

                  @Override
                  public void watchRevocations(
                      WatchRevocationsRequest request,
                      StreamObserver<WatchRevocationsResponse> observer) {
                    ((ServerCallStreamObserver<WatchRevocationsResponse>) observer)
                        .setOnCancelHandler(cancelled::countDown);
                    watchers.add(new Watcher(request.getResumeToken(), observer));
                  }
                })
            .build()
            .start();
    channel = InProcessChannelBuilder.forName(name).build();
    source = new RemoteKeySource("https://weft.example", channel, channel);
    watch =
        source.watchRevocations(
            new KeySource.RevocationListener() {
              @Override
              public void revoked(Revocation revocation) {
                heard.add(revocation);
              }

              @Override
              public void caughtUp() {
                heard.add("caught up");
              }
            });
  }

  @AfterEach
  void stop() {
    watch.close();
    channel.shutdownNow();
    server.shutdownNow();
  }

  private Watcher watcher() throws InterruptedException {
    Watcher watcher = watchers.poll(10, TimeUnit.SECONDS);
    assertThat(watcher).isNotNull();
    return watcher;
  }

  private static WatchRevocationsResponse.Builder revoked(String issuer, String tokenId) {
    return WatchRevocationsResponse.newBuilder()
        .setResumeToken("after-" + tokenId)
        .addRevocations(
            dev.weft.identity.v1.Revocation.newBuilder()
                .setIssuer(issuer)
                .setTokenId(tokenId)
                .setExpireTime(Timestamp.newBuilder().setSeconds(EXPIRES.getEpochSecond())));
  }

  @Test
  void keysAreTheIssuersAnswer() {
    assertThat(source.jwks()).isEqualTo("{\"keys\":[]}");
  }

  @Test
  void keysThatCannotBeHadAreAFailure() {
    server.shutdownNow();

    assertThatThrownBy(source::jwks).isInstanceOf(StatusRuntimeException.class);
  }

  @Test
  void tellsRevocationsOfItsIssuerAndWhenItHasCaughtUp() throws Exception {
    Watcher watcher = watcher();
    assertThat(watcher.resumeToken()).isEmpty();
    watcher.stream().onNext(revoked("https://other.example", "theirs").build());
    watcher.stream().onNext(revoked("https://weft.example", "ours").build());
    watcher.stream()
        .onNext(
            WatchRevocationsResponse.newBuilder()
                .setResumeToken("t")
                .setCaughtUp(true)
                .addRevocations(
                    dev.weft.identity.v1.Revocation.newBuilder()
                        .setIssuer("https://weft.example")
                        .setSubject(
                            SubjectRevocation.newBuilder()
                                .setSubject("user-1")
                                .setIssuedBefore(Timestamp.newBuilder().setSeconds(7)))
                        .setExpireTime(Timestamp.newBuilder().setSeconds(EXPIRES.getEpochSecond())))
                .build());

    assertThat(heard.take()).isEqualTo(new Revocation.Token("ours", EXPIRES));
    assertThat(heard.take())
        .isEqualTo(new Revocation.Subject("user-1", Instant.ofEpochSecond(7), EXPIRES));
    assertThat(heard.take()).isEqualTo("caught up");
  }

  @Test
  void goesOnWhereItWasWhenTheStreamBreaksOrEnds() throws Exception {
    Watcher first = watcher();
    first.stream().onNext(revoked("https://weft.example", "a").build());
    heard.take();
    first.stream().onError(Status.UNAVAILABLE.asRuntimeException());

    Watcher second = watcher();
    assertThat(second.resumeToken()).isEqualTo("after-a");
    second.stream().onNext(revoked("https://weft.example", "b").build());
    heard.take();
    second.stream().onCompleted();

    assertThat(watcher().resumeToken()).isEqualTo("after-b");
  }

  @Test
  void beginsAnewWhenTheIssuerDoesNotKnowThePlace() throws Exception {
    Watcher first = watcher();
    first.stream().onNext(revoked("https://weft.example", "a").build());
    heard.take();
    first.stream().onError(Status.UNAVAILABLE.asRuntimeException());
    watcher().stream().onError(Status.INVALID_ARGUMENT.asRuntimeException());

    assertThat(watcher().resumeToken()).isEmpty();
  }

  @Test
  void closingItEndsTheStream() throws Exception {
    watcher();
    watch.close();

    assertThat(cancelled.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(watchers).isEmpty();
  }
}
