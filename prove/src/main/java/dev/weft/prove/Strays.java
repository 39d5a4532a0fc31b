package dev.weft.prove;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import dev.weft.admin.v1.DeadLetter;
import dev.weft.prove.Fault.Bite;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Messages that no service said, on the exchanges of services: without attributes, with attributes
 * that nobody can read or no database takes, and with a body that is no message. Each becomes a
 * dead letter of every consumer that gets it, and nobody waits for it. Healed, an operator gives
 * them up.
 */
final class Strays implements Fault.Inflicted {
  static final String NAME = "broker brings what is no event";

  private static final String CLIENT = "stray";
  private static final Duration ENDS = Duration.ofSeconds(60);

  /** In which others get their money and goods back. */
  private static final Duration PROMPT = Duration.ofSeconds(20);

  /** After those of every queue that was filled from a log. */
  private static final long POSITION = 1_000_000_000_000L;

  private final Shop shop;
  private final History history;
  private final Map<Flow, Set<String>> sent = new HashMap<>(); // ids, by who gets them
  private long dead;

  /** What is wrong with a message. */
  private enum Flaw {
    NO_ATTRIBUTES,
    ID_IS_NONE,
    SUBJECT_IS_NO_TEXT,
    BODY_IS_NO_MESSAGE
  }

  private Strays(Shop shop, History history, Broker broker, Goods goods) {
    this.shop = shop;
    this.history = history;
    Buyer bystander = new Buyer(shop, history, goods, CLIENT);
    String order = bystander.buy();
    boolean _ = bystander.sees(order, Buyer.CONFIRMED, ENDS);
    send(broker);
    bystander(bystander, order);
  }

  /**
   * @param goods of which there are enough
   */
  static Fault fault(Shop shop, History history, Broker broker, Goods goods) {
    return new Fault(NAME, Duration.ZERO, () -> new Strays(shop, history, broker, goods));
  }

  @Override
  public void heal() {
    sent.forEach(
        (flow, ids) -> {
          DeadLetters letters = new DeadLetters(shop, flow);
          Set<String> kept = new HashSet<>();
          boolean _ =
              Shop.await(
                  ENDS,
                  () -> {
                    letters.all().stream()
                        .map(DeadLetter::getEvent)
                        .forEach(event -> kept.add(event.getEventId()));
                    return kept.containsAll(ids);
                  });
          kept.retainAll(ids);
          dead += kept.size();
          Set<String> lost = new TreeSet<>(ids);
          lost.removeAll(kept);
          if (!lost.isEmpty()) {
            history.violated("E6", flow.consumer + " has lost what is no event: " + lost);
          }
          if (!kept.isEmpty()) {
            letters.discard(kept);
          }
        });
    history.count("a message that is no event became a dead letter", dead);
  }

  @Override
  public Bite bite() {
    return new Bite(dead, "dead letters");
  }

  /** Its events go by the same lanes, behind them. */
  private void bystander(Buyer bystander, String order) {
    long start = history.micros();
    bystander.callOff(order);
    boolean refunded = bystander.sees(order, Buyer.REFUNDED, PROMPT);
    history.add(CLIENT, Op.Kind.POISONED, "", order, start, Answer.DONE, "");
    if (!refunded) {
      history.violated(
          "E7",
          "order %s is not refunded after %d s, behind messages that are no events"
              .formatted(order, PROMPT.toSeconds()));
    }
  }

  /** One for each bucket of each type; each queue gets all that can be wrong. */
  private void send(Broker broker) {
    broker.with(
        channel -> {
          AMQP.Confirm.SelectOk _ = channel.confirmSelect();
          Map<String, String> known = new HashMap<>(); // ids by routing key
          for (Flow flow : Flow.throughBroker()) {
            Set<String> ids = new HashSet<>();
            for (int queue = 0; queue < flow.queues().size(); queue++) {
              List<String> keys = flow.keys(queue);
              for (int i = 0; i < keys.size(); i++) {
                String key = keys.get(i).replace("*", "created");
                @Nullable String id = known.get(key); // another consumer's, too
                if (id == null) {
                  id = send(channel, flow, key, Flaw.values()[i % Flaw.values().length]);
                  known.put(key, id);
                }
                ids.add(id);
              }
            }
            sent.put(flow, ids);
          }
          channel.waitForConfirmsOrDie(ENDS.toMillis());
        });
  }

  /** Returns the id that it will be known by: that of its bytes if it has none of its own. */
  private String send(Channel channel, Flow flow, String key, Flaw flaw) throws IOException {
    byte[] body = ("garbage " + UUID.randomUUID()).getBytes(StandardCharsets.UTF_8);
    UUID id = flaw == Flaw.BODY_IS_NO_MESSAGE ? UUID.randomUUID() : UUID.nameUUIDFromBytes(body);
    history.stray(id.toString());
    channel.basicPublish(flow.exchange(), key, properties(flow, key, flaw, id), body);
    return id.toString();
  }

  private static BasicProperties properties(Flow flow, String key, Flaw flaw, UUID id) {
    BasicProperties.Builder properties = new BasicProperties.Builder();
    if (flaw == Flaw.NO_ATTRIBUTES) {
      return properties.contentType("text/plain").build();
    }
    Map<String, Object> headers = new HashMap<>();
    Map.of(
            "specversion",
            "1.0",
            "id",
            flaw == Flaw.ID_IS_NONE ? "none\0" : id.toString(),
            "source",
            flow.source,
            "type",
            key.substring(0, key.lastIndexOf('.')),
            "subject",
            id + (flaw == Flaw.SUBJECT_IS_NO_TEXT ? "\0" : ""),
            "time",
            Instant.now().toString(),
            "schemaversion",
            1,
            "aggregatetype",
            "proof.stray",
            "aggregateversion",
            1L,
            "position",
            POSITION)
        .forEach((name, value) -> headers.put("cloudEvents:" + name, value));
    return properties.contentType("application/protobuf").headers(headers).build();
  }
}
