package dev.weft.mesh;

/**
 * Everything one process is made of, wired but not yet running.
 *
 * <p>{@link MeshProcess} calls {@link #start} once, and {@link #close} once when the process is
 * asked to stop or its start failed, possibly while {@code start} is still running.
 */
public interface RunningProcess extends AutoCloseable {
  /** Starts the parts in their order and returns when the process serves. */
  void start() throws Exception;

  /** Stops the parts in the reverse order: first what lets calls in, last what they needed. */
  @Override
  void close();
}
