package dev.weft.edge;

import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.function.Consumer;

/** What of a request a connection waits for, and until when. Used on its event loop. */
final class Awaited {
  private final DeadlineTimer deadline;
  private Part part = Part.NOTHING;

  enum Part {
    NOTHING,
    REQUEST,
    HEAD,
    BODY
  }

  /**
   * @param late gets what did not come in time
   */
  Awaited(EventLoop loop, Consumer<Part> late) {
    this.deadline =
        new DeadlineTimer(
            loop,
            () -> {
              Part missing = part;
              part = Part.NOTHING;
              late.accept(missing);
            });
  }

  /** Waits for this; if it does so already, no longer than it was to. */
  void await(Part next, Duration within) {
    if (part != next) {
      part = next;
      deadline.set(within);
    }
  }

  /** Waits for this from now on. */
  void awaitAnew(Part next, Duration within) {
    part = next;
    deadline.set(within);
  }

  void clear() {
    part = Part.NOTHING;
    deadline.clear();
  }

  void close() {
    deadline.close();
  }
}
