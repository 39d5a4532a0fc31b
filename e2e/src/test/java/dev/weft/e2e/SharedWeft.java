package dev.weft.e2e;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives tests the one system that they share: started when the first test asks for it, stopped
 * after the last test of the run, also when the run is interrupted.
 */
final class SharedWeft implements ParameterResolver {
  private static final ExtensionContext.Namespace SPACE =
      ExtensionContext.Namespace.create(SharedWeft.class);

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == Weft.class;
  }

  @Override
  public Weft resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return context
        .getRoot()
        .getStore(SPACE)
        .computeIfAbsent("system", key -> new Running(), Running.class)
        .weft();
  }

  private static final class Running implements AutoCloseable {
    private static final String NAME = "shared";

    private final Thread hook = new Thread(Weft.named(NAME)::close, "down");
    private @Nullable Weft weft;
    private @Nullable AssertionError failure;

    Running() {
      Runtime.getRuntime().addShutdownHook(hook);
      try {
        // Behind one proxy, so to speak: then a test may come from any address that it likes.
        weft =
            Weft.up(
                NAME, Map.of("WEFT_MCP", "true", "WEFT_TRUSTED_HOPS", "1"), "--registry", "dev");
      } catch (AssertionError e) {
        failure = e; // the same for every test, instead of a new start for each
      }
    }

    Weft weft() {
      if (weft == null) {
        throw new AssertionError("the shared system did not start", failure);
      }
      return weft;
    }

    @Override
    public void close() {
      Runtime.getRuntime().removeShutdownHook(hook);
      if (weft != null) {
        weft.close();
      }
    }
  }
}
