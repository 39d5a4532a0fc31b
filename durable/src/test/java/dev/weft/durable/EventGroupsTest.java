package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.durable.EventGroups.Progress;
import dev.weft.durable.EventGroups.Share;
import dev.weft.durable.EventGroups.Start;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class EventGroupsTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private static final String GROUP = "shipping";
  private static final Duration LEASE = Duration.ofSeconds(6);

  private final Database database = postgres.database();
  private final EventGroups groups = new EventGroups(database);
  private final UUID ann = UuidV7.next();
  private final UUID bob = UuidV7.next();

  @BeforeEach
  void group() {
    EventTables.clear(database);
    groups.make(GROUP, Start.BEGINNING);
  }

  @AfterEach
  void clock() {
    database.shiftClock(Duration.ZERO);
  }

  @Test
  void givesAllToOneAndSharesEquallyAmongSeveral() {
    assertThat(renew(ann)).hasSize(Event.BUCKETS);
    assertThat(renew(bob)).isEmpty();
    assertThat(renew(ann)).hasSize(Event.BUCKETS / 2);
    assertThat(renew(bob)).hasSize(Event.BUCKETS / 2);
    assertThat(
            Stream.concat(renew(ann).stream(), renew(bob).stream())
                .map(Share::bucket)
                .collect(Collectors.toSet()))
        .hasSize(Event.BUCKETS);
  }

  @Test
  void takesOverFromOneWhoFellSilentWhereItHadCome() {
    Share share = renew(ann).getFirst();
    assertThat(groups.acknowledge(GROUP, ann, List.of(at(share, 7)))).isEqualTo(1);
    assertThat(renew(bob)).isEmpty();
    database.shiftClock(LEASE.plusSeconds(1));
    assertThat(renew(bob))
        .hasSize(Event.BUCKETS)
        .contains(new Share(share.bucket(), share.generation() + 1, 7));
  }

  @Test
  void whoWasThereBeforeTheClockWasSetBackHoldsNothing() {
    database.shiftClock(Duration.ofMinutes(6));
    renew(ann);
    database.shiftClock(Duration.ZERO);
    assertThat(renew(bob)).hasSize(Event.BUCKETS);
  }

  @Test
  void whoComesBackTooLateMovesNothing() {
    List<Share> before = renew(ann);
    database.shiftClock(LEASE.plusSeconds(1));
    List<Share> after = renew(bob);
    assertThat(groups.acknowledge(GROUP, ann, List.of(at(before.getFirst(), 9)))).isZero();
    // Nor with the new generation, nor by a renewal.
    assertThat(groups.acknowledge(GROUP, ann, List.of(at(after.getFirst(), 9)))).isZero();
    assertThat(renew(ann)).isEmpty();
    assertThat(groups.progress()).extracting(Progress::position).containsExactly(0L);
  }

  @Test
  void neverGoesBackByAnAcknowledgementThatIsLate() {
    Share share = renew(ann).getFirst();
    groups.acknowledge(GROUP, ann, List.of(at(share, 9)));
    groups.acknowledge(GROUP, ann, List.of(at(share, 4)));
    assertThat(renew(ann)).contains(at(share, 9));
  }

  @Test
  void givesAllAwayWhenItLeaves() {
    renew(ann);
    groups.leave(GROUP, ann);
    assertThat(renew(bob)).hasSize(Event.BUCKETS);
  }

  @Test
  void readsAgainFromWhereItIsMovedTo() {
    Share share = renew(ann).getFirst();
    groups.acknowledge(GROUP, ann, List.of(at(share, 9)));
    assertThat(groups.move(GROUP, 3)).isTrue();
    assertThat(groups.acknowledge(GROUP, ann, List.of(at(share, 12)))).isZero();
    assertThat(renew(ann)).allSatisfy(s -> assertThat(s.position()).isEqualTo(3));
    assertThat(groups.move("nobody", 3)).isFalse();
  }

  @Test
  void aGroupBeginsWhereItIsToldAndMakingItAgainChangesNothing() {
    database.inTransactionVoid(tx -> tx.execute("UPDATE event_counter SET last = 40"));
    groups.make("new", Start.END);
    groups.make("new", Start.BEGINNING);
    assertThat(groups.renew("new", ann, LEASE))
        .allSatisfy(share -> assertThat(share.position()).isEqualTo(40));
    renew(ann);
    assertThat(groups.progress())
        .containsExactly(new Progress("new", 40, 0, 1), new Progress(GROUP, 0, 40, 1));
  }

  @Test
  void noBucketHasTwoOwnersWhileMembersComeAndGoAtOnce() throws Exception {
    List<UUID> members = Stream.generate(UuidV7::next).limit(3).toList();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> running = new ArrayList<>();
      for (UUID member : members) {
        running.add(
            threads.submit(
                () -> {
                  for (int i = 0; i < 20; i++) {
                    groups.acknowledge(GROUP, member, renew(member));
                    if (i % 7 == 6) {
                      groups.leave(GROUP, member);
                    }
                  }
                }));
      }
      for (Future<?> one : running) {
        one.get(60, TimeUnit.SECONDS);
      }
    }
    members.forEach(this::renew);
    List<Integer> held =
        members.stream().flatMap(member -> renew(member).stream()).map(Share::bucket).toList();
    assertThat(held).hasSize(Event.BUCKETS).doesNotHaveDuplicates();
    assertThat(Set.copyOf(held)).hasSize(Event.BUCKETS);
  }

  private List<Share> renew(UUID member) {
    return groups.renew(GROUP, member, LEASE);
  }

  private static Share at(Share share, long position) {
    return new Share(share.bucket(), share.generation(), position);
  }
}
