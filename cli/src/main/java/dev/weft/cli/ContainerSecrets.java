package dev.weft.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;

/**
 * What the containers of one installation have to know and nobody else, each in a folder of its
 * own, of which it sees no other: service keys, database passwords, the first administrator.
 *
 * <p>Our own processes own their files. The others run as users of their images and can read
 * theirs.
 */
final class ContainerSecrets {
  private final StateDir root;

  ContainerSecrets(StateDir root) {
    this.root = root;
  }

  /** Makes what is missing; what was made once stays. */
  void make() {
    List<String> services = new ArrayList<>(Programs.SERVICES);
    services.add(Programs.EDGE);
    services.add(Programs.OPERATOR); // whose folder no service's container sees
    ServiceKeys keys = ServiceKeys.in(root.folder("keys"), services);
    for (String service : services) {
      Path own = root.folder(service);
      copy(keys.privateKey(service), own.resolve("service.key.pem"));
      copy(keys.set(), own.resolve("services.jwks.json"));
    }
    password("postgres", "postgres");
    for (String service : Programs.SERVICES) {
      String role = service.replace('-', '_');
      StateDir.write(
          root.folder(service).resolve("database.url"),
          "postgresql://%1$s:%2$s@postgres:5432/%1$s\n"
              .formatted(role, password("postgres", role)));
    }
    Path webhooks = Secrets.in(root.folder("keys").resolve("card-webhook.secret"));
    for (String end : List.of(Programs.PAYMENT, Programs.CARD_NETWORK)) {
      copy(webhooks, root.folder(end).resolve("card-webhook.secret"));
    }
    String admin = DemoData.bootstrapAdmin(demo());
    copy(Path.of(admin), root.folder(Programs.USER).resolve("bootstrap-admin.json"));
    String broker = password("rabbitmq", "weft");
    share(
        "rabbitmq", "rabbitmq.conf", "default_user = weft\ndefault_pass = %s\n".formatted(broker));
    for (String service : Programs.SERVICES) {
      StateDir.write(
          root.folder(service).resolve("events.url"),
          "amqp://weft:%s@rabbitmq:5672\n".formatted(broker));
    }
    String redis = password("redis", "weft");
    share("redis", "redis.conf", "requirepass %s\n".formatted(redis));
    for (String service : List.of(Programs.INVENTORY, Programs.EDGE)) {
      StateDir.write(
          root.folder(service).resolve("redis.url"), "redis://:%s@redis:6379\n".formatted(redis));
    }
  }

  private StateDir demo() {
    return new StateDir(root.folder("demo"));
  }

  /** A password, made up at the first call and the same ever after. */
  private String password(String container, String role) {
    Path file = root.folder(container).resolve(role + ".password");
    try {
      if (!Files.exists(file)) {
        share(container, role + ".password", Secrets.word());
      }
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void share(String container, String name, String text) {
    Path folder = root.folder(container);
    StateDir.write(folder.resolve(name), text);
    try {
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
      Files.setPosixFilePermissions(
          folder.resolve(name), PosixFilePermissions.fromString("rw-r--r--"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void copy(Path from, Path to) {
    try {
      StateDir.write(to, Files.readString(from));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
