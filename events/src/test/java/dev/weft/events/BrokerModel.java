package dev.weft.events;

import dev.weft.durable.Event;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What a broker may do to whoever publishes, as far as order depends on it. The messages of a
 * channel reach a queue in their order. A queue that is full refuses everything that is on its way
 * by then; and any queue may refuse the first message of a channel and take the second.
 */
final class BrokerModel {
  /** Messages that are on their way, by channel. */
  final Deque<Event> main = new ArrayDeque<>();

  final Deque<Event> probes = new ArrayDeque<>();
  final List<Queue> queues;
  private final Random random;
  private boolean well;

  /** One of them. */
  static final class Queue {
    private final Predicate<Event> wanted;
    private final Set<Deque<Event>> known = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Map<Long, Event> taken = new LinkedHashMap<>();
    private boolean full;

    Queue(Predicate<Event> wanted) {
      this.wanted = wanted;
    }

    boolean wants(Event event) {
      return wanted.test(event);
    }

    /** Without those that came again. */
    List<Event> taken() {
      return List.copyOf(taken.values());
    }

    boolean has(Event event) {
      return taken.containsKey(event.position());
    }
  }

  /** A quarter of the aggregates for each of four, and one type of all of them for a fifth. */
  BrokerModel(Random random) {
    this.random = random;
    queues =
        Stream.concat(
                IntStream.range(0, RabbitTopology.QUEUES)
                    .mapToObj(
                        n -> new Queue(e -> e.aggregate().bucket() % RabbitTopology.QUEUES == n)),
                Stream.of(new Queue(event -> event.type().equals("shop.order.changed"))))
            .toList();
  }

  /** Handles the next message of a channel; says whether every queue took it. */
  boolean take(Event event, Deque<Event> channel) {
    boolean taken = true;
    for (Queue queue : queues) {
      if (queue.wants(event)) {
        taken &= offer(queue, event, channel);
      }
    }
    return taken;
  }

  private boolean offer(Queue queue, Event event, Deque<Event> channel) {
    boolean first = !queue.known.contains(channel);
    if (!well && (queue.full || (first && random.nextInt(3) == 0))) {
      return false;
    }
    queue.known.add(channel);
    queue.taken.putIfAbsent(event.position(), event);
    return true;
  }

  /** A queue is full all at once, and has room again when nothing for it is on its way. */
  void change() {
    Queue queue = queues.get(random.nextInt(queues.size()));
    if (!queue.full || main.stream().noneMatch(queue::wants)) {
      queue.full = !queue.full;
    }
  }

  /** Some of what is on its way still arrives, and nobody hears of it. */
  void lose(Deque<Event> channel) {
    for (int n = random.nextInt(channel.size() + 1); n > 0; n--) {
      boolean _ = take(channel.remove(), channel);
    }
    channel.clear();
    queues.forEach(queue -> queue.known.remove(channel));
  }

  /** From now on every queue takes everything. */
  void heal() {
    well = true;
  }
}
