package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.consul.FakeAgent.Reply;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Keys as the agent tells them. */
class KvTest {
  private static final String KEY = "/v1/kv/t/a%20b";
  private static final String ALL = "/v1/kv/t/";

  private final FakeAgent agent = FakeAgent.start();
  private final Consul consul = Consul.connect(agent.config());

  @AfterEach
  void stop() {
    consul.close();
    agent.close();
  }

  /** As of a prefix below which there is nothing, or nothing that may be read. */
  private static Reply nothing(long index) {
    return new Reply(404, Map.of("X-Consul-Index", Long.toString(index)), "");
  }

  private static Reply one(long index) {
    return Reply.indexed(
        index, "[{\"Key\":\"t/a b\",\"Flags\":0,\"Value\":\"eA==\",\"ModifyIndex\":5}]");
  }

  @Test
  void keepsTheKeysThatItMayNoLongerRead() {
    Seen<List<KvEntry>> seen = new Seen<>();
    agent.reply(ALL, one(7));
    consul.kv().watchAll("t/", seen);
    seen.await(now -> now.size() == 1);
    agent.answer(KEY, _ -> Reply.status(403, "Permission denied"));
    agent.reply(ALL, nothing(8));
    // It failed, so the next one comes without an index.
    assertThat(agent.request(ALL, 3).index()).isEmpty();
    agent.reply(ALL, nothing(9));
    agent.request(ALL, 4);
    assertThat(seen.all()).hasSize(1);

    agent.reply(ALL, one(10));
    agent.request(ALL, 5);
    agent.answer(KEY, _ -> Reply.status(404, ""));
    agent.reply(ALL, nothing(11));
    seen.await(List::isEmpty);
    assertThat(seen.all()).hasSize(2);
  }
}
