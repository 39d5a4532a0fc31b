package dev.weft.edge;

import io.netty.channel.EventLoop;
import java.util.concurrent.Executor;

/**
 * Runs things on one event loop: at once for who is there already, as answers of calls are whose
 * connection is the loop's own.
 */
record OnLoop(EventLoop loop) implements Executor {
  @Override
  public void execute(Runnable task) {
    if (loop.inEventLoop()) {
      task.run();
    } else {
      loop.execute(task);
    }
  }
}
