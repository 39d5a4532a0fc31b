package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.ServiceRegistration;
import dev.weft.edge.slow.BlinkRequest;
import dev.weft.edge.slow.BlinkResponse;
import dev.weft.edge.slow.NapRequest;
import dev.weft.edge.slow.NapResponse;
import dev.weft.edge.slow.SleepRequest;
import dev.weft.edge.slow.SleepResponse;
import dev.weft.edge.slow.SlowGrpc;
import dev.weft.edge.weather.GetForecastRequest;
import dev.weft.edge.weather.GetForecastResponse;
import dev.weft.edge.weather.WeatherGrpc;
import io.grpc.BindableService;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A service that answers nobody has as many calls as the edge lets it have, by its default limits;
 * the other service's route answers as if nothing were, on the same connections.
 *
 * <p>No clock decides: the other's answers are all there while each of the calls to the slow one
 * still hangs, which is shown by what had not come before them and by what comes of each
 * afterwards. Calls hang on connections that are there: what waits for a first one fails with it,
 * if that takes longer than a second, as on a machine that has much else to do.
 */
@Timeout(180)
class SlowServiceTest {
  private static final HttpLimits LIMITS = HttpLimits.DEFAULT;

  /** More than there are event loops on most machines, so that each loop has some. */
  private static final int CONNECTIONS = 10;

  /** Of the slow service's on each connection, half of one method and half of another. */
  private static final int HANGING = LIMITS.inFlightPerService() / CONNECTIONS;

  /** Requests beyond those, on each connection. */
  private static final int REFUSED = 9;

  /** Of the other service's on each connection. */
  private static final int ANSWERED = 20;

  private final Slow slow = new Slow();
  private final List<Client> clients = new ArrayList<>();
  private EdgeFixture fixture;

  @BeforeEach
  void start() throws Exception {
    fixture = new EdgeFixture(LIMITS, new Access.Public());
    add("slow", slow);
    add("weather", new Weather());
    for (int i = 0; i < CONNECTIONS; i++) {
      Client client = new Client(fixture.edge.port());
      clients.add(client);
      // Has the event loop of this connection connect to both services.
      for (String path : List.of("/slow/blink", "/weather/oslo")) {
        await()
            .atMost(Duration.ofSeconds(30))
            .until(
                () -> {
                  client.ask(1, path);
                  return client.statuses(1).containsValue(200);
                });
      }
    }
  }

  /** Without a check, which a machine that has much else to do may be too slow for. */
  private void add(String name, BindableService service) throws IOException {
    fixture.add(
        TestBackend.start(
            fixture.consul,
            List.of(service.bindService(), ProtoReflectionServiceV1.newInstance().bindService()),
            port -> ServiceRegistration.grpc(name, "127.0.0.1", port, "").withChecks(List.of())));
  }

  @AfterEach
  void stop() throws IOException {
    for (Client client : clients) {
      client.connection.close();
    }
    fixture.close();
  }

  @Test
  void theOtherServicesRouteAnswersAllWhileEachCallThatMayHangHangs() throws IOException {
    List<List<Integer>> hanging = new ArrayList<>();
    for (Client client : clients) {
      List<Integer> streams = new ArrayList<>(client.ask(HANGING / 2, "/slow/sleep"));
      streams.addAll(client.ask(HANGING / 2, "/slow/nap"));
      hanging.add(streams);
    }
    int most = LIMITS.inFlightPerService();
    assertThat(HANGING / 2 * CONNECTIONS).isEqualTo(LIMITS.inFlightPerMethod());
    await().atMost(Duration.ofSeconds(60)).until(() -> slow.waiting.size() == most);

    int blinks = slow.blinks.get();
    for (Client client : clients) {
      List<Integer> more = new ArrayList<>(client.ask(REFUSED / 3, "/slow/sleep"));
      more.addAll(client.ask(REFUSED / 3, "/slow/nap"));
      more.addAll(client.ask(REFUSED / 3, "/slow/blink"));
      assertThat(client.statuses(REFUSED)).isEqualTo(all(more, 503));
    }
    assertThat(slow.waiting).hasSize(most);
    assertThat(slow.blinks).as("a method of it that does not hang").hasValue(blinks);

    List<List<Integer>> others = new ArrayList<>();
    for (Client client : clients) {
      others.add(client.ask(ANSWERED, "/weather/oslo"));
    }
    for (int i = 0; i < CONNECTIONS; i++) {
      // Exactly these: nothing has come of those that hang.
      assertThat(clients.get(i).statuses(ANSWERED)).isEqualTo(all(others.get(i), 200));
    }

    assertThat(slow.waiting).hasSize(most);
    assertThat(slow.givenUp).hasValue(0);
    slow.wake();
    for (int i = 0; i < CONNECTIONS; i++) {
      assertThat(clients.get(i).statuses(HANGING)).isEqualTo(all(hanging.get(i), 200));
    }
    await().until(() -> fixture.status("/slow/blink") == 200);
  }

  private static Map<Integer, Integer> all(List<Integer> streams, int status) {
    Map<Integer, Integer> all = new HashMap<>();
    streams.forEach(stream -> all.put(stream, status));
    return all;
  }

  /** One connection of HTTP/2, with many requests at once. */
  private static final class Client {
    private final RawHttp2 connection;
    private int next = 1;

    Client(int port) throws IOException {
      connection = new RawHttp2(port);
    }

    /** Asks so often, and returns on which streams. */
    List<Integer> ask(int times, String path) throws IOException {
      List<Integer> streams = IntStream.range(0, times).mapToObj(i -> next + 2 * i).toList();
      next += 2 * times;
      for (int stream : streams) {
        connection.get(stream, path);
      }
      return streams;
    }

    /** The next so many answers that end, by stream. */
    Map<Integer, Integer> statuses(int count) throws IOException {
      Map<Integer, Integer> begun = new HashMap<>();
      Map<Integer, Integer> ended = new HashMap<>();
      while (ended.size() < count) {
        RawHttp2.Frame frame = connection.next();
        if (frame == null) {
          throw new IOException("the connection ended after " + ended);
        }
        if (frame.type() == RawHttp2.HEADERS) {
          String status = connection.decode(frame).get(":status");
          if (status != null) {
            begun.put(frame.stream(), Integer.valueOf(status));
          }
        }
        if (frame.last()) {
          ended.put(frame.stream(), begun.getOrDefault(frame.stream(), 0));
        }
      }
      return ended;
    }
  }

  /** Keeps whom it does not answer, and no thread for them. */
  private static final class Slow extends SlowGrpc.SlowImplBase {
    final Queue<Runnable> waiting = new ConcurrentLinkedQueue<>();
    final AtomicInteger blinks = new AtomicInteger();
    final AtomicInteger givenUp = new AtomicInteger();

    @Override
    public void sleep(SleepRequest request, StreamObserver<SleepResponse> out) {
      keep(out, SleepResponse.getDefaultInstance());
    }

    @Override
    public void nap(NapRequest request, StreamObserver<NapResponse> out) {
      keep(out, NapResponse.getDefaultInstance());
    }

    @Override
    public void blink(BlinkRequest request, StreamObserver<BlinkResponse> out) {
      blinks.incrementAndGet();
      answer(out, BlinkResponse.getDefaultInstance());
    }

    private <T> void keep(StreamObserver<T> out, T message) {
      ((ServerCallStreamObserver<T>) out).setOnCancelHandler(givenUp::incrementAndGet);
      waiting.add(() -> answer(out, message));
    }

    void wake() {
      waiting.forEach(Runnable::run);
    }

    private static <T> void answer(StreamObserver<T> out, T message) {
      out.onNext(message);
      out.onCompleted();
    }
  }

  private static final class Weather extends WeatherGrpc.WeatherImplBase {
    @Override
    public void getForecast(GetForecastRequest request, StreamObserver<GetForecastResponse> out) {
      out.onNext(GetForecastResponse.newBuilder().setCity(request.getCity()).build());
      out.onCompleted();
    }
  }
}
