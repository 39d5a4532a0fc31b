package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.event.v1.Delivery;
import dev.weft.event.v1.Event;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

/** Events are delivered as badly as they may be, and no worse. */
final class ShuffleTest {
  private static final int LANE = 3;

  @Test
  void makesEachDeliveryThreeTimesAndOutOfOrder() {
    Shuffle shuffle = new Shuffle(new Random(1));
    for (int i = 1; i <= 20; i++) {
      shuffle.add(delivery(LANE, i));
    }
    List<Integer> positions = positions(shuffle.next());

    for (int i = 1; i <= 20; i++) {
      assertThat(Collections.frequency(positions, i)).isGreaterThanOrEqualTo(Shuffle.TIMES);
    }
    assertThat(positions).isNotEqualTo(positions.stream().sorted().toList());
    assertThat(shuffle.next()).isEmpty();
  }

  @RepeatedTest(20)
  void whatIsAcknowledgedWasDeliveredWhereverItBreaksOff(RepetitionInfo repetition) {
    Shuffle shuffle = new Shuffle(new Random(repetition.getCurrentRepetition()));
    Map<Integer, Set<Integer>> delivered = new HashMap<>();
    int position = 0;
    for (int window = 0; window < 4; window++) {
      for (int i = 0; i < 6; i++) {
        position++;
        shuffle.add(delivery(position % 2, position));
      }
      for (Delivery delivery : shuffle.next()) {
        Set<Integer> lane = delivered.computeIfAbsent(delivery.getLane(), _ -> new HashSet<>());
        lane.add((int) delivery.getEvent().getPosition());
        int acknowledged = Integer.parseInt(delivery.getToken());
        for (int i = 1; i <= acknowledged; i++) {
          if (i % 2 == delivery.getLane()) {
            assertThat(lane).contains(i);
          }
        }
      }
    }
    assertThat(delivered.values()).allSatisfy(lane -> assertThat(lane).hasSize(12));
  }

  @Test
  void acknowledgesAllOfALaneAtItsEnd() {
    Shuffle shuffle = new Shuffle(new Random(1));
    shuffle.add(delivery(LANE, 1));
    shuffle.add(delivery(LANE, 2));
    Delivery rest = Delivery.newBuilder().setLane(LANE).setToken("9").build();
    shuffle.add(rest);

    assertThat(shuffle.next().getLast().getToken()).isEqualTo("9");
    shuffle.add(rest);
    assertThat(shuffle.next()).containsExactly(rest);
  }

  private static List<Integer> positions(List<Delivery> deliveries) {
    List<Integer> positions = new ArrayList<>();
    deliveries.forEach(delivery -> positions.add((int) delivery.getEvent().getPosition()));
    return positions;
  }

  private static Delivery delivery(int lane, int position) {
    return Delivery.newBuilder()
        .setLane(lane)
        .setToken(Integer.toString(position))
        .setEvent(Event.newBuilder().setPosition(position))
        .build();
  }
}
