package dev.weft.prove;

import dev.weft.prove.Mischief.Way;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntSupplier;

/** One connection by a {@link Line}: two sockets and a {@link Pump} each way. Thread-safe. */
final class LineConnection {
  private static final int CONNECT_MILLIS = 1_000;

  /** How often it is asked anew who is at the other end. */
  private static final int ASKS = 5;

  /** How long a target may still answer somebody who is not there any more. */
  private static final Duration LINGERS = Duration.ofSeconds(10);

  private final String name;
  private final int number;
  private final Socket client;
  private final Socket server = new Socket();
  private final Function<Socket, String> caller;
  private final Affliction affliction;
  private final Consumer<LineConnection> gone;
  private final AtomicInteger asked = new AtomicInteger();
  private final AtomicInteger pumps = new AtomicInteger(2);
  private volatile String from;
  private volatile boolean ended;
  private volatile boolean vanished;
  private volatile boolean orphaned;

  /** Whether what goes there is held, and what had come behind it before its sender left. */
  private volatile boolean holding;

  private final ByteArrayOutputStream behind = new ByteArrayOutputStream();

  /**
   * @param number later ones have greater ones
   * @param client who connected
   * @param gone told when it has ended
   */
  LineConnection(
      String name,
      int number,
      Socket client,
      Function<Socket, String> caller,
      Affliction affliction,
      Consumer<LineConnection> gone) {
    this.name = name;
    this.number = number;
    this.client = client;
    this.caller = caller;
    this.affliction = affliction;
    this.gone = gone;
    this.from = caller.apply(client);
  }

  int number() {
    return number;
  }

  /** Asks again who it is if that could not be told before, as while a process starts. */
  boolean isFrom(String name) {
    if (from.isEmpty() && asked.getAndIncrement() < ASKS) {
      from = caller.apply(client);
    }
    return from.equals(name);
  }

  boolean ended() {
    return ended;
  }

  /** Nobody is at its other end, and its caller is not told. */
  boolean vanished() {
    return vanished;
  }

  /** Its caller is gone, and its target is not told. */
  boolean orphaned() {
    return orphaned;
  }

  /**
   * Connects it and carries, until it ends.
   *
   * @param closed whether its line is
   */
  void carry(IntSupplier target, BooleanSupplier closed) {
    try {
      // Its first packets take both ways.
      awaitPassage(Way.THERE);
      awaitPassage(Way.BACK);
      client.setTcpNoDelay(true);
      server.setTcpNoDelay(true);
      server.connect(
          new InetSocketAddress(InetAddress.getLoopbackAddress(), target.getAsInt()),
          CONNECT_MILLIS);
    } catch (IOException | UncheckedIOException e) {
      if (vanished) {
        pumpEnded();
        pump(Way.THERE).run();
      } else {
        // As it is where nobody listens.
        end();
      }
      return;
    }
    if (closed.getAsBoolean()) {
      end();
      return;
    }
    Thread.ofVirtual().name(name).start(pump(Way.BACK));
    pump(Way.THERE).run();
  }

  private Pump pump(Way way) {
    return way == Way.THERE
        ? new Pump(this, affliction, way, client, server)
        : new Pump(this, affliction, way, server, client);
  }

  void reset() {
    if (!ended && !orphaned) {
      affliction.broke();
      end();
    }
  }

  void vanish() {
    if (!ended && !vanished) {
      affliction.broke();
      vanished = true;
      reset(server);
    }
  }

  void orphan() {
    if (!ended && !orphaned) {
      affliction.broke();
      if (holding) {
        takeBehind();
      }
      orphaned = true;
      reset(client);
    }
  }

  /** Its pump, which reads otherwise, waits with what it holds. */
  private void takeBehind() {
    try {
      InputStream in = client.getInputStream();
      behind.write(in.readNBytes(Math.min(in.available(), Pump.BUFFER_BYTES)));
      affliction.held(behind.size());
    } catch (IOException e) {
      // It ended by itself.
    }
  }

  /** Writes what had come before its caller left. */
  void writeBehind(OutputStream out) throws IOException {
    behind.writeTo(out);
  }

  /** Returns when nothing holds what goes this way. */
  void awaitPassage(Way way) {
    Mischief now = affliction.of(this);
    while (now instanceof Mischief.Cut(Set<Way> ways) && ways.contains(way) && !ended) {
      affliction.awaitChange(this, now);
      now = affliction.of(this);
    }
  }

  /** Called by a pump that has something in its hands. */
  void hold(Way way, Mischief from) {
    if (way == Way.THERE) {
      holding = true;
    }
    affliction.awaitChange(this, from);
    if (way == Way.THERE) {
      holding = false;
    }
  }

  /** One end is gone: the other one hears of it, unless that is what is to be kept from it. */
  void broke(Way way) {
    awaitPassage(way);
    if (orphaned) {
      affliction.awaitChange(this, affliction.of(this), LINGERS);
    }
    end();
  }

  void pumpEnded() {
    if (pumps.decrementAndGet() == 0) {
      ended = true;
      gone.accept(this);
      close(client);
      close(server);
    }
  }

  /** Ends both ends at once, as a reset. */
  private void end() {
    ended = true;
    gone.accept(this);
    reset(client);
    reset(server);
    affliction.ended();
  }

  private static void reset(Socket socket) {
    try {
      socket.setSoLinger(true, 0);
    } catch (SocketException e) {
      // It is closed.
    }
    close(socket);
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // Nobody waits for its end.
    }
  }
}
