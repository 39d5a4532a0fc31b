package dev.weft.mesh;

import java.util.concurrent.CountDownLatch;
import org.slf4j.LoggerFactory;

/**
 * A process that {@link MeshProcessTest} starts, and that does what the variable BEHAVIOUR says.
 */
final class ProcessOfATest {
  private ProcessOfATest() {}

  public static void main(String[] arguments) {
    MeshProcess.run(
        "test-svc",
        env -> {
          if (env.or("BEHAVIOUR", "serve").equals("echo")) {
            return new EchoProcess(env);
          }
          int port = env.port("PORT", 9101);
          String behaviour = env.or("BEHAVIOUR", "serve");
          return new RunningProcess() {
            @Override
            public void start() {
              switch (behaviour) {
                case "fail" -> throw new IllegalStateException("the database is away");
                case "hang" -> {
                  try {
                    new CountDownLatch(1).await();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                }
                case "uncaught" ->
                    Thread.ofPlatform()
                        .name("worker")
                        .start(
                            () -> {
                              throw new IllegalStateException("nobody catches this");
                            });
                default -> {}
              }
              LoggerFactory.getLogger(ProcessOfATest.class).info("serving on {}", port);
            }

            @Override
            public void close() {
              LoggerFactory.getLogger(ProcessOfATest.class).info("closed in order");
            }
          };
        });
  }

  /** A service as it should be written. */
  private static final class EchoProcess implements RunningProcess {
    private final Mesh mesh;
    private final MeshServer server;

    EchoProcess(Env env) {
      mesh = Mesh.open(MeshConfig.from(env, "echo-svc"));
      server = mesh.server(new Echo());
    }

    @Override
    public void start() {
      server.start();
    }

    @Override
    public void close() {
      server.close();
      mesh.close();
    }
  }
}
