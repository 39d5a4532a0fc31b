package dev.weft.operator;

import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.ConsulException;
import dev.weft.consul.Leaf;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code ./weft cert}. */
@Command(
    name = "cert",
    description = {
      "Writes a certificate that proves a service's name to the others, its key and the roots to"
          + " trust, for grpcurl and buf curl. Whoever has the files is that service, until the"
          + " certificate expires."
    },
    mixinStandardHelpOptions = true)
final class CertCommand implements Callable<Integer> {
  private static final Pattern SERVICE = Pattern.compile("[a-z][a-z0-9-]{0,62}");
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Function<Optional<Path>, ConsulConfig> registry;

  @Parameters(paramLabel = "NAME", description = "The service's name in the registry.")
  private String service = "";

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = ".",
      description = "Where the files go (default: here).")
  private Path folder = Path.of(".");

  @Mixin private SystemOption system = new SystemOption();
  @Spec private @Nullable CommandSpec spec;

  CertCommand(Function<Optional<Path>, ConsulConfig> registry) {
    this.registry = registry;
  }

  @Override
  public Integer call() {
    if (!SERVICE.matcher(service).matches()) {
      throw new Trouble(
          Trouble.USAGE,
          service + " is no name of a service: lower-case letters, digits and hyphens");
    }
    Path certificate = folder.resolve(service + ".crt");
    Path key = folder.resolve(service + ".key");
    Path roots = folder.resolve("roots.crt");
    Leaf leaf;
    try (Consul consul = Consul.connect(registry.apply(system.state()))) {
      leaf = consul.ca().leaf(service);
      Files.createDirectories(folder);
      write(key, leaf.keyPem());
      write(certificate, leaf.chainPem());
      write(roots, consul.ca().roots().pem());
    } catch (ConsulException e) {
      throw new Trouble(Trouble.FAILED, "no certificate: " + e.getMessage());
    } catch (IOException e) {
      throw new Trouble(Trouble.FAILED, "cannot write to " + folder + ": " + e);
    }
    Output.out(spec)
        .println(
            """
            %s is %s until %s. It names no host, so no tool can compare one:
              grpcurl -insecure -cert %s -key %s HOST:PORT list
              buf curl --insecure --cert %s --key %s https://HOST:PORT/package.Service/Method
            %s holds what the mesh itself trusts."""
                .formatted(
                    certificate,
                    leaf.uri(),
                    leaf.validBefore(),
                    certificate,
                    key,
                    certificate,
                    key,
                    roots));
    return 0;
  }

  /** Written whole beside the old one and moved over it; nobody else can read it at any moment. */
  private static void write(Path file, String text) throws IOException {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    Files.deleteIfExists(fresh);
    Files.createFile(fresh, OWNER_ONLY);
    Files.writeString(fresh, text);
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
  }
}
