package dev.weft.edge;

import dev.weft.consul.ServiceInstance;
import dev.weft.mesh.Mesh;
import io.grpc.ManagedChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks instances what they serve, each at its own address: by reflection, and of one that does not
 * answer it, in the folder where operators put contracts, which is followed then.
 *
 * <p>Thread-safe; asks {@value #ASKED_AT_ONCE} at a time.
 */
final class ContractAsker {
  private static final Logger log = LoggerFactory.getLogger(ContractAsker.class);

  private static final int ASKED_AT_ONCE = 16;
  private static final Duration RETRY_FIRST = Duration.ofMillis(100);
  private static final Duration RETRY_LAST = Duration.ofSeconds(30);

  /** Half a minute: long enough for a service that registers before it listens. */
  private static final int ASKED_ON_SUSPICION = 8;

  /** How often it is looked whether a contract that an operator gave has been replaced. */
  private static final Duration DESCRIPTORS_POLL = Duration.ofSeconds(1);

  private final Mesh mesh;
  private final Optional<DescriptorSets> descriptors;
  private final Semaphore asking = new Semaphore(ASKED_AT_ONCE);

  /**
   * @param descriptors where operators put contracts
   */
  ContractAsker(Mesh mesh, Optional<Path> descriptors) {
    this.mesh = mesh;
    this.descriptors = descriptors.map(DescriptorSets::new);
  }

  /**
   * Asks an instance until it has answered or is gone, or it is plain that it never will: one that
   * says that it speaks gRPC is asked on for as long as it is there. Blocks for so long.
   *
   * @param gone comes to 0 when the instance is
   * @param told is given its contract, more than once if it is an operator's that changes; may
   *     throw {@link InvalidRule}
   * @param failed is given the reason why it did not tell one, each time
   */
  void ask(
      ServiceInstance at, CountDownLatch gone, Consumer<Reflected> told, Consumer<String> failed) {
    long pause = RETRY_FIRST.toMillis();
    // Where operators may give contracts one may still come.
    boolean askOn = InstanceProtocol.of(at) == InstanceProtocol.GRPC || descriptors.isPresent();
    try {
      for (int i = 0; gone.getCount() > 0 && (askOn || i < ASKED_ON_SUSPICION); i++) {
        String problem;
        try {
          Optional<Reflected> answer = ask(at);
          if (answer.isPresent()) {
            told.accept(answer.get());
          } else {
            follow(at.service(), gone, told);
          }
          return;
        } catch (Reflection.Failed | InvalidRule e) {
          problem = String.valueOf(e.getMessage());
        } catch (RuntimeException e) {
          log.error("the contract of {} cannot be read", at.id(), e);
          problem = "internal error";
        }
        failed.accept(problem);
        if (gone.await(
            ThreadLocalRandom.current().nextLong(pause / 2, pause + 1), TimeUnit.MILLISECONDS)) {
          return;
        }
        pause = Math.min(pause * 2, RETRY_LAST.toMillis());
      }
    } catch (InterruptedException e) {
      log.warn("{} is not asked any more: its thread was interrupted", at.id());
    }
  }

  /**
   * Asks an instance once.
   *
   * @return empty if it does not know how to tell, and an operator gave its contract
   */
  private Optional<Reflected> ask(ServiceInstance at)
      throws Reflection.Failed, InterruptedException {
    asking.acquire();
    ManagedChannel channel = mesh.instanceChannel(at.service(), at.host(), at.port());
    try {
      return Optional.of(Reflection.ask(channel, at.service()));
    } catch (Reflection.Failed e) {
      if (e.unknown() && given(at.service()).isPresent()) {
        return Optional.empty();
      }
      throw e;
    } finally {
      channel.shutdownNow();
      asking.release();
    }
  }

  /** Follows the contract that an operator gave for as long as the instance is there. */
  private void follow(String service, CountDownLatch gone, Consumer<Reflected> told)
      throws Reflection.Failed, InterruptedException {
    Optional<Reflected> before = Optional.empty();
    do {
      Optional<Reflected> now = given(service);
      if (now.isPresent() && !now.equals(before)) {
        told.accept(now.get());
        before = now;
      }
    } while (!gone.await(DESCRIPTORS_POLL.toMillis(), TimeUnit.MILLISECONDS));
  }

  private Optional<Reflected> given(String service) throws Reflection.Failed {
    return descriptors.isEmpty() ? Optional.empty() : descriptors.get().of(service);
  }
}
