package dev.weft.failpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A named place in the code where a proof may end, stall or fail the process, such as {@code
 * saga.capture.forward.before-call}.
 *
 * <p>Inert unless two things come together: the variable {@value #FOLDER} names a folder, and the
 * class path holds the resource {@value #PERMIT}, which no release has. Then a file of that folder
 * with a point's name arms it; the first thread of any process to come by takes the file away and
 * does what it says, once:
 *
 * <ul>
 *   <li>{@code halt} ends the process as {@code kill -9} would;
 *   <li>{@code stall 1500} holds the thread for so many milliseconds, one minute at most;
 *   <li>{@code fail} throws a {@link Failure}.
 * </ul>
 *
 * A file that was taken stays beside it as {@code NAME.fired}. Thread-safe.
 */
public final class FailPoint {
  /** The variable that names the folder. */
  public static final String FOLDER = "WEFT_FAIL_POINTS";

  /** The resource without which nothing is ever armed. */
  public static final String PERMIT = "dev/weft/failpoint/permit";

  // Null in every release: what is left of a point is a test of a constant.
  private static final @Nullable FailPoints POINTS = points();

  private FailPoint() {}

  /** Thrown where {@code fail} was asked for. */
  public static final class Failure extends RuntimeException {
    Failure(String point) {
      super("fail point " + point);
    }
  }

  /** Whether points can be armed in this process; false in every release. */
  public static boolean permitted() {
    return POINTS != null;
  }

  /** Comes by the point. */
  public static void hit(String point) {
    FailPoints points = POINTS;
    if (points != null) {
      points.hit(point);
    }
  }

  /**
   * Comes by a point whose name is put together, which costs nothing while no point can be armed.
   */
  public static void hit(String before, String middle, String after) {
    FailPoints points = POINTS;
    if (points != null) {
      points.hit(before + middle + after);
    }
  }

  private static @Nullable FailPoints points() {
    String folder = System.getenv(FOLDER);
    if (folder == null || FailPoint.class.getClassLoader().getResource(PERMIT) == null) {
      return null;
    }
    Path path = Path.of(folder);
    return Files.isDirectory(path) ? new FailPoints(path, Runtime.getRuntime()::halt) : null;
  }
}
