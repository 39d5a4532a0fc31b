package dev.weft.bench;

import dev.weft.mesh.RoomForCalls;
import io.grpc.Status;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * What it costs a call that there is room for to be asked whether there is: the layer of a server,
 * and those of a caller, by two threads at once, in nanoseconds and bytes. What {@code plain} names
 * is the same call without them, to be taken off.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Threads(2)
@Fork(
    value = 1,
    jvmArgs = {"-Xmx512m", "-XX:+UseSerialGC"})
@NullUnmarked // What JMH sets up before it measures.
public class Overload {
  private static final int CALLS = 100;

  private RoomForCalls room;

  /** Runs all of it, or what the arguments of JMH choose. */
  public static void main(String[] arguments) throws IOException {
    System.out.println(RunningShop.machine());
    List<String> all = new ArrayList<>(List.of(arguments));
    if (all.isEmpty()) {
      all.add("Overload");
    }
    all.addAll(List.of("-prof", "gc"));
    org.openjdk.jmh.Main.main(all.toArray(new String[0]));
  }

  @Setup
  public void open() {
    room = new RoomForCalls();
    if (!room.served().isOk() || !room.made().isOk()) {
      throw new IllegalStateException("there is no room");
    }
  }

  @Benchmark
  public Status server() {
    return room.served();
  }

  @Benchmark
  public Status serverPlain() {
    return room.servedPlain();
  }

  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void caller(Blackhole hole) {
    room.whileServing(
        () -> {
          for (int i = 0; i < CALLS; i++) {
            hole.consume(room.made());
          }
        });
  }

  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void callerPlain(Blackhole hole) {
    room.whileServing(
        () -> {
          for (int i = 0; i < CALLS; i++) {
            hole.consume(room.madePlain());
          }
        });
  }
}
