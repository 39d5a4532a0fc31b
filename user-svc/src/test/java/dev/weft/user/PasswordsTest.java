package dev.weft.user;

import static dev.weft.user.Refused.error;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.weft.mesh.Rejection;
import io.grpc.Context;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PasswordsTest {
  private final Passwords passwords = new Passwords(1, Duration.ofMillis(50));

  @AfterEach
  void close() {
    passwords.close();
  }

  @Test
  void knowsAPasswordByItsHash() {
    String hash = passwords.hash("correct horse battery staple");

    assertThat(hash).startsWith("$argon2id$v=19$m=7168,t=5,p=1$").doesNotContain("horse");
    assertThat(passwords.matches("correct horse battery staple", hash)).isTrue();
    assertThat(passwords.matches("correct horse battery stapl", hash)).isFalse();
    assertThat(passwords.outdated(hash)).isFalse();
  }

  @Test
  void saltsEveryHash() {
    assertThat(passwords.hash("correct horse battery staple"))
        .isNotEqualTo(passwords.hash("correct horse battery staple"));
  }

  @Test
  void takesEveryByteOfALongPassword() {
    // Older algorithms stop at 72 bytes or at a zero byte.
    String seventyTwo = "x".repeat(72);
    String hash = passwords.hash(seventyTwo + "a");

    assertThat(passwords.matches(seventyTwo + "b", hash)).isFalse();
    assertThat(passwords.matches(seventyTwo, hash)).isFalse();
    assertThat(passwords.matches("zero\u0000byte", passwords.hash("zero\u0000bytes"))).isFalse();
  }

  @Test
  void doesNotMindHowALetterIsComposed() {
    String hash = passwords.hash("cre\u0300me br\u00fbl\u00e9e");

    assertThat(passwords.matches("cr\u00e8me bru\u0302le\u0301e", hash)).isTrue();
  }

  @Test
  void wantsToReplaceHashesOfOtherParameters() {
    assertThat(
            passwords.outdated(
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"))
        .isTrue();
  }

  @Test
  void refusesWhenTheTurnDoesNotCome() {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch finish = new CountDownLatch(1);
    CompletableFuture<Boolean> first =
        CompletableFuture.supplyAsync(
            () ->
                passwords.inTurn(
                    () -> {
                      running.countDown();
                      finish.await();
                      return true;
                    }));
    await(running);

    assertThatExceptionOfType(Rejection.class)
        .isThrownBy(() -> passwords.matchNobody("correct horse battery staple"))
        .satisfies(
            busy -> {
              assertThat(busy.reason()).isEqualTo("LOGIN_BUSY");
              assertThat(busy.code())
                  .as("no circuit opens for it")
                  .isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
              assertThat(busy.metadata()).containsEntry("http_status", "503");
              assertThat(busy.retryAfter()).isPresent();
            });

    finish.countDown();
    assertThat(first).succeedsWithin(Duration.ofSeconds(5));
    passwords.matchNobody("correct horse battery staple");
  }

  @Test
  void doesNotHashForACallerWhoIsGone() {
    AtomicInteger hashed = new AtomicInteger();
    Context.CancellableContext gone = Context.current().withCancellation();
    gone.cancel(null);

    assertThat(error(gone.wrap(() -> passwords.inTurn(hashed::incrementAndGet))::call).code())
        .isEqualTo(Status.Code.CANCELLED);
    assertThat(hashed).hasValue(0);
  }

  @Test
  void hashesOnThreadsOfItsOwn() {
    Thread thread = passwords.inTurn(Thread::currentThread);

    assertThat(thread.isVirtual()).isFalse();
    assertThat(thread.getName()).startsWith("password-");
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
