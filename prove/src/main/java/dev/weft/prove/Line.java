package dev.weft.prove;

import dev.weft.durable.LocalPorts;
import dev.weft.prove.Mischief.Way;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.stream.Stream;

/**
 * A TCP proxy on a port of loopback: it carries bytes to one target until it is told to do {@link
 * Mischief}, to all connections or to those of one caller.
 *
 * <p>A connection has two buffers of {@value Pump#BUFFER_BYTES} bytes and no more: what is held
 * back holds its sender back. What ends at one end ends at the other, as far as the mischief lets
 * it know.
 *
 * <p>Thread-safe. Closing it resets what is still open.
 */
final class Line implements AutoCloseable {
  private static final int BACKLOG = 200;

  private final String name;
  private final IntSupplier target;
  private final Function<Socket, String> caller;
  private final ServerSocket door;
  private final Set<LineConnection> connections = ConcurrentHashMap.newKeySet();
  private final AtomicInteger connected = new AtomicInteger();
  private final Affliction affliction = new Affliction();

  /**
   * What was done so far.
   *
   * @param heldBytes that went on later, or never
   * @param slowedBytes that went on slowly
   * @param broken connections that were reset or left without their other end
   */
  record Done(long heldBytes, long slowedBytes, long broken) {
    Done since(Done before) {
      return new Done(
          heldBytes - before.heldBytes, slowedBytes - before.slowedBytes, broken - before.broken);
    }
  }

  /**
   * Opens one.
   *
   * @param target the port on loopback; asked for each connection, 0 if there is none yet
   * @param caller says who is at the other end of a connection
   */
  Line(String name, IntSupplier target, Function<Socket, String> caller) throws IOException {
    this.name = name;
    this.target = target;
    this.caller = caller;
    int port = LocalPorts.free();
    door = new ServerSocket(port, BACKLOG, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().name(name).start(this::accept);
  }

  int port() {
    return door.getLocalPort();
  }

  Done done() {
    return affliction.done();
  }

  /** Does this to every connection from now on. */
  void afflict(Mischief mischief) {
    affliction.change(mischief, _ -> true);
  }

  /** Does this to the connections of one caller. */
  void afflict(Mischief mischief, String from) {
    affliction.change(mischief, connection -> connection.isFrom(from));
  }

  /** Carries everything again, first of all what was held. */
  void heal() {
    affliction.change(Mischief.NONE, _ -> false);
  }

  /** Resets the connections of a caller, at both ends. */
  void reset(String from) {
    of(from).forEach(LineConnection::reset);
  }

  /** Resets every connection, at both ends. */
  void reset() {
    connections.forEach(LineConnection::reset);
  }

  /** Leaves callers with connections that nobody is at the other end of, and that do not end. */
  void vanish(String from) {
    of(from).forEach(LineConnection::vanish);
  }

  /**
   * Lets a caller's old connections end without a word to the target, which gets what they said
   * before when the line is healed. New ones are carried.
   */
  void orphan(String from) {
    int now = connected.get();
    affliction.change(
        new Mischief.Cut(Set.of(Way.THERE)),
        connection -> connection.number() <= now && connection.isFrom(from));
    of(from).forEach(LineConnection::orphan);
  }

  @Override
  public void close() {
    try {
      door.close();
    } catch (IOException e) {
      // It is closed as far as anybody can tell.
    }
    reset();
    heal();
  }

  private Stream<LineConnection> of(String caller) {
    return connections.stream().filter(one -> one.isFrom(caller));
  }

  private void accept() {
    while (!door.isClosed()) {
      try {
        Socket client = door.accept();
        Thread.ofVirtual().name(name).start(() -> carry(client));
      } catch (IOException e) {
        // Closed; or out of files, which others give back.
        if (!door.isClosed()) {
          Shop.pause(Duration.ofMillis(10));
        }
      }
    }
  }

  private void carry(Socket client) {
    LineConnection connection =
        new LineConnection(
            name, connected.incrementAndGet(), client, caller, affliction, connections::remove);
    connections.add(connection);
    connection.carry(target, door::isClosed);
  }
}
