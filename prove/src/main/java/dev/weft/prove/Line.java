package dev.weft.prove;

import dev.weft.durable.LocalPorts;
import dev.weft.prove.Mischief.Way;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.function.Predicate;

/**
 * A TCP proxy on a port of loopback: it carries bytes to one target until it is told to do {@link
 * Mischief}, to all connections or to those of one caller.
 *
 * <p>A connection has two buffers of {@value #BUFFER_BYTES} bytes and no more: what is held back
 * holds its sender back. What ends at one end ends at the other, as far as the mischief lets it
 * know.
 *
 * <p>Thread-safe. Closing it resets what is still open.
 */
final class Line implements AutoCloseable {
  private static final int BUFFER_BYTES = 16 * 1024;
  private static final int CONNECT_MILLIS = 1_000;
  private static final int SLICES_PER_SECOND = 20;
  private static final int BACKLOG = 200;

  /** How often it is asked anew who is at the other end. */
  private static final int ASKS = 5;

  /** How long a target may still answer somebody who is not there any more. */
  private static final Duration LINGERS = Duration.ofSeconds(10);

  private final String name;
  private final IntSupplier target;
  private final Function<Socket, String> caller;
  private final ServerSocket door;
  private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
  private final AtomicInteger connected = new AtomicInteger();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final LongAdder held = new LongAdder();
  private final LongAdder slowed = new LongAdder();
  private final LongAdder broken = new LongAdder();
  private volatile Affliction affliction = Affliction.NONE;

  /** Whom a mischief is done to. */
  private record Affliction(Mischief mischief, Predicate<Connection> whom) {
    static final Affliction NONE = new Affliction(Mischief.NONE, _ -> false);
  }

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
    return new Done(held.sum(), slowed.sum(), broken.sum());
  }

  /** Does this to every connection from now on. */
  void afflict(Mischief mischief) {
    change(new Affliction(mischief, _ -> true));
  }

  /** Does this to the connections of one caller. */
  void afflict(Mischief mischief, String from) {
    change(new Affliction(mischief, connection -> connection.isFrom(from)));
  }

  /** Carries everything again, first of all what was held. */
  void heal() {
    change(Affliction.NONE);
  }

  /** Resets the connections of a caller, at both ends. */
  void reset(String from) {
    connections.stream().filter(one -> one.isFrom(from)).forEach(Connection::reset);
  }

  /** Resets every connection, at both ends. */
  void reset() {
    connections.forEach(Connection::reset);
  }

  /** Leaves callers with connections that nobody is at the other end of, and that do not end. */
  void vanish(String from) {
    connections.stream().filter(one -> one.isFrom(from)).forEach(Connection::vanish);
  }

  /**
   * Lets a caller's old connections end without a word to the target, which gets what they said
   * before when the line is healed. New ones are carried.
   */
  void orphan(String from) {
    int now = connected.get();
    change(
        new Affliction(
            new Mischief.Cut(Set.of(Way.THERE)),
            connection -> connection.number <= now && connection.isFrom(from)));
    connections.stream().filter(one -> one.isFrom(from)).forEach(Connection::orphan);
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

  private void change(Affliction to) {
    lock.lock();
    try {
      affliction = to;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void accept() {
    while (!door.isClosed()) {
      try {
        Socket client = door.accept();
        Thread.ofVirtual().name(name).start(() -> new Connection(client).carry());
      } catch (IOException e) {
        // Closed; or out of files, which others give back.
        if (!door.isClosed()) {
          Shop.pause(Duration.ofMillis(10));
        }
      }
    }
  }

  private static void resetSocket(Socket socket) {
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

  private final class Connection {
    private final int number = connected.incrementAndGet();
    private final Socket client;
    private final Socket server = new Socket();
    private volatile String from;
    private final AtomicInteger asked = new AtomicInteger();
    private final AtomicInteger pumps = new AtomicInteger(2);
    private volatile boolean ended;
    private volatile boolean vanished;
    private volatile boolean orphaned;

    /** Whether what goes there is held, and what had come behind it before its sender left. */
    private volatile boolean holding;

    private final ByteArrayOutputStream behind = new ByteArrayOutputStream();

    Connection(Socket client) {
      this.client = client;
      this.from = caller.apply(client);
    }

    /** Asks again who it is if that could not be told before, as while a process starts. */
    boolean isFrom(String name) {
      if (from.isEmpty() && asked.getAndIncrement() < ASKS) {
        from = caller.apply(client);
      }
      return from.equals(name);
    }

    void carry() {
      connections.add(this);
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
          new Pump(this, Way.THERE, client, server).run();
        } else {
          // As it is where nobody listens.
          end();
        }
        return;
      }
      if (door.isClosed()) {
        end();
        return;
      }
      Thread.ofVirtual().name(name).start(new Pump(this, Way.BACK, server, client));
      new Pump(this, Way.THERE, client, server).run();
    }

    void reset() {
      if (!ended && !orphaned) {
        broken.increment();
        end();
      }
    }

    void vanish() {
      if (!ended && !vanished) {
        broken.increment();
        vanished = true;
        resetSocket(server);
      }
    }

    void orphan() {
      if (!ended && !orphaned) {
        broken.increment();
        if (holding) {
          takeBehind();
        }
        orphaned = true;
        resetSocket(client);
      }
    }

    /** Its pump, which reads otherwise, waits with what it holds. */
    private void takeBehind() {
      try {
        InputStream in = client.getInputStream();
        behind.write(in.readNBytes(Math.min(in.available(), BUFFER_BYTES)));
        held.add(behind.size());
      } catch (IOException e) {
        // It ended by itself.
      }
    }

    Mischief mischief() {
      Affliction now = affliction;
      return now.whom.test(this) ? now.mischief : Mischief.NONE;
    }

    /** Returns when nothing holds what goes this way. */
    void awaitPassage(Way way) {
      Mischief now = mischief();
      while (now instanceof Mischief.Cut(Set<Way> ways) && ways.contains(way) && !ended) {
        awaitChange(now);
        now = mischief();
      }
    }

    /** Called by a pump that has something in its hands. */
    void hold(Way way, Mischief from) {
      if (way == Way.THERE) {
        holding = true;
      }
      awaitChange(from);
      if (way == Way.THERE) {
        holding = false;
      }
    }

    void awaitChange(Mischief from) {
      lock.lock();
      try {
        while (mischief().equals(from) && !ended) {
          changed.awaitUninterruptibly();
        }
      } finally {
        lock.unlock();
      }
    }

    /** Waits, unless the line changes before. */
    void pause(Mischief now, Duration duration) {
      long left = duration.toNanos();
      lock.lock();
      try {
        while (left > 0 && mischief().equals(now) && !ended) {
          left = changed.awaitNanos(left);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        lock.unlock();
      }
    }

    /** Ends both ends at once, as a reset. */
    void end() {
      ended = true;
      connections.remove(this);
      resetSocket(client);
      resetSocket(server);
      lock.lock();
      try {
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }

    void pumpEnded() {
      if (pumps.decrementAndGet() == 0) {
        ended = true;
        connections.remove(this);
        close(client);
        close(server);
      }
    }
  }

  /** Carries one way of a connection. */
  private final class Pump implements Runnable {
    private final Connection connection;
    private final Way way;
    private final Socket source;
    private final Socket sink;
    private Mischief seen = Mischief.NONE;

    /** Since the mischief began: how much went, and the end of what went. */
    private long passed;

    private String tail = "";

    Pump(Connection connection, Way way, Socket source, Socket sink) {
      this.connection = connection;
      this.way = way;
      this.source = source;
      this.sink = sink;
    }

    @Override
    public void run() {
      try {
        pump();
      } catch (IOException e) {
        if (connection.vanished) {
          swallow();
        } else {
          broke();
        }
      } finally {
        connection.pumpEnded();
      }
    }

    private void pump() throws IOException {
      InputStream in = source.getInputStream();
      OutputStream out = sink.getOutputStream();
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        if (!carry(buffer, count, out)) {
          return;
        }
      }
      connection.awaitPassage(way);
      if (!connection.vanished) {
        sink.shutdownOutput();
      }
    }

    /** Takes what a caller says to nobody, until it ends. */
    private void swallow() {
      if (way == Way.BACK) {
        return;
      }
      byte[] buffer = new byte[BUFFER_BYTES];
      try {
        InputStream in = source.getInputStream();
        for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
          held.add(count);
        }
      } catch (IOException e) {
        // It ended otherwise.
      }
    }

    /** One end is gone: the other one hears of it, unless that is what is to be kept from it. */
    private void broke() {
      connection.awaitPassage(way);
      if (connection.orphaned) {
        connection.pause(connection.mischief(), LINGERS);
      }
      connection.end();
    }

    /** False when the connection is at its end. */
    private boolean carry(byte[] bytes, int count, OutputStream out) throws IOException {
      boolean counted = false;
      while (true) {
        if (connection.vanished || (connection.orphaned && way == Way.BACK)) {
          held.add(count);
          return true;
        }
        Mischief now = connection.mischief();
        if (!now.equals(seen)) {
          seen = now;
          passed = 0;
          tail = "";
        }
        switch (now) {
          case Mischief.None() -> {
            out.write(bytes, 0, count);
            if (connection.orphaned) {
              connection.behind.writeTo(out);
            }
            return true;
          }
          case Mischief.Slow(Duration latency, Duration jitter) -> {
            slowed.add(count);
            connection.pause(now, latency.plusNanos(upTo(jitter)));
            out.write(bytes, 0, count);
            return true;
          }
          case Mischief.Drip(int bytesPerSecond) -> {
            slowed.add(count);
            drip(now, Math.max(1, bytesPerSecond / SLICES_PER_SECOND), bytes, count, out);
            return true;
          }
          case Mischief.Cut(Set<Way> ways) when ways.contains(way) -> {
            if (!counted) {
              held.add(count);
              counted = true;
            }
            connection.hold(way, now);
            if (connection.ended) {
              return false;
            }
          }
          case Mischief.ResetAfter(Way at, long limit) when at == way && passed + count > limit -> {
            out.write(bytes, 0, (int) (limit - passed));
            connection.reset();
            return false;
          }
          case Mischief.ResetAt(Way at, String words)
              when at == way && completes(words, bytes, count) -> {
            connection.reset();
            return false;
          }
          case Mischief.Cut _, Mischief.ResetAfter _, Mischief.ResetAt _ -> {
            out.write(bytes, 0, count);
            passed += count;
            return true;
          }
        }
      }
    }

    private void drip(Mischief now, int slice, byte[] bytes, int count, OutputStream out)
        throws IOException {
      for (int at = 0; at < count; at += slice) {
        out.write(bytes, at, Math.min(slice, count - at));
        connection.pause(now, Duration.ofMillis(TimeUnit.SECONDS.toMillis(1) / SLICES_PER_SECOND));
      }
    }

    /** Whether the words stand in what comes now, or end in it. */
    private boolean completes(String words, byte[] bytes, int count) {
      String text = tail + new String(bytes, 0, count, StandardCharsets.ISO_8859_1);
      tail = text.substring(Math.max(0, text.length() - words.length() + 1));
      return text.contains(words);
    }

    private static long upTo(Duration jitter) {
      return jitter.isZero() ? 0 : ThreadLocalRandom.current().nextLong(jitter.toNanos());
    }
  }
}
