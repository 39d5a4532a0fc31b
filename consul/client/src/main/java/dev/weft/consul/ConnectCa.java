package dev.weft.consul;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.weft.consul.LastKnown.Page;
import java.net.URI;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The Connect CA as the local agent offers it: whom to trust, and who a service is.
 *
 * <p>The agent renews leafs long before they expire and after a rotation of the root; whoever
 * watches hears of it. What was heard last stands while the agent cannot be reached, until it
 * expires. Without ACLs, every process of the machine can have every leaf.
 *
 * <p>Single calls end within 5 s and throw {@link ConsulException} when they fail. Thread-safe.
 */
public final class ConnectCa {
  private static final String ROOTS = "/v1/agent/connect/ca/roots";

  private static final DiskSnapshot.Form<CaRoots> KEPT_ROOTS =
      kept(ConnectCa::json, ConnectCa::roots, _ -> Instant.MAX);

  private static final DiskSnapshot.Form<Leaf> KEPT_LEAF =
      kept(ConnectCa::json, ConnectCa::leaf, Leaf::validBefore);

  private final ConsulHttp http;
  private final SharedWatches<CaRoots, CaRoots> roots;
  private final SharedWatches<Leaf, Leaf> leafs;

  ConnectCa(ConsulHttp http, Semaphore slots, Optional<Path> snapshots) {
    this.http = http;
    roots =
        watches(
            slots,
            _ -> ROOTS,
            ConnectCa::roots,
            _ -> DiskSnapshot.in(snapshots, "roots", KEPT_ROOTS, InstantSource.system()));
    leafs =
        watches(
            slots,
            ConnectCa::leafPath,
            ConnectCa::leaf,
            service ->
                DiskSnapshot.in(
                    snapshots,
                    "leaf-" + ConsulHttp.segment(service),
                    KEPT_LEAF,
                    InstantSource.system()));
  }

  /** One thing, written as the agent writes it. */
  private static <T> DiskSnapshot.Form<T> kept(
      Function<T, JsonElement> writer, Function<JsonElement, T> reader, Function<T, Instant> end) {
    return new DiskSnapshot.Form<>(
        entries -> writer.apply(entries.values().iterator().next()),
        json -> Map.of("", reader.apply(json)),
        end);
  }

  private <T> SharedWatches<T, T> watches(
      Semaphore slots,
      Function<String, String> path,
      Function<JsonElement, T> reader,
      Function<String, DiskSnapshot<T>> snapshots) {
    return new SharedWatches<>(
        name -> {
          DiskSnapshot<T> snapshot = snapshots.apply(name);
          return new Watch<>(
              path.apply(name),
              (index, wait) -> poll(path.apply(name), index, wait, reader),
              LastKnown.whole(snapshot::read),
              view -> view.entries().get(""),
              slots,
              snapshot);
        });
  }

  private <T> Page<T> poll(
      String path, long index, Duration wait, Function<JsonElement, T> reader) {
    Answer answer = http.poll(path, index, wait).require(200);
    return new Page<>(Map.of("", answer.read(reader)), answer.requireIndex(), answer.doubtful());
  }

  /** The roots as the agent knows them right now. */
  public CaRoots roots() {
    return http.get(ROOTS).require(200).read(ConnectCa::roots);
  }

  /**
   * The service's own certificate and key; the service need not be registered.
   *
   * @throws ConsulException with status 403 if the token may not write the service
   */
  public Leaf leaf(String service) {
    return http.get(leafPath(service)).require(200).read(ConnectCa::leaf);
  }

  /**
   * Calls the listener with the roots from the agent's first answer on and after each change.
   * Threads as for {@link Consul#watchService}.
   */
  public Subscription watchRoots(Consumer<CaRoots> listener) {
    return roots.subscribe("the roots", listener);
  }

  /**
   * Calls the listener with the service's leaf from the agent's first answer on, and with each leaf
   * that takes its place. Threads as for {@link Consul#watchService}.
   */
  public Subscription watchLeaf(String service, Consumer<Leaf> listener) {
    return leafs.subscribe(service, listener);
  }

  private static String leafPath(String service) {
    return "/v1/agent/connect/ca/leaf/" + ConsulHttp.segment(service);
  }

  private static CaRoots roots(JsonElement body) {
    JsonObject answer = body.getAsJsonObject();
    return new CaRoots(
        Wire.text(answer, "TrustDomain"),
        Wire.text(answer, "ActiveRootID"),
        Wire.array(answer.get("Roots")).asList().stream()
            .map(JsonElement::getAsJsonObject)
            .map(ConnectCa::root)
            .toList());
  }

  private static CaRoot root(JsonObject root) {
    return new CaRoot(
        Wire.text(root, "ID"),
        Wire.text(root, "Name"),
        Pem.certificates(Wire.text(root, "RootCert")).getFirst(),
        Wire.array(root.get("IntermediateCerts")).asList().stream()
            .flatMap(pem -> Pem.certificates(pem.getAsString()).stream())
            .toList(),
        Wire.flag(root, "Active"));
  }

  private static JsonElement json(CaRoots roots) {
    JsonObject json = new JsonObject();
    json.addProperty("TrustDomain", roots.trustDomain());
    json.addProperty("ActiveRootID", roots.activeId());
    JsonArray all = new JsonArray();
    for (CaRoot root : roots.roots()) {
      JsonObject one = new JsonObject();
      one.addProperty("ID", root.id());
      one.addProperty("Name", root.name());
      one.addProperty("RootCert", Pem.text(List.of(root.certificate())));
      JsonArray intermediates = new JsonArray();
      root.intermediates().forEach(each -> intermediates.add(Pem.text(List.of(each))));
      one.add("IntermediateCerts", intermediates);
      one.addProperty("Active", root.active());
      all.add(one);
    }
    json.add("Roots", all);
    return json;
  }

  private static JsonElement json(Leaf leaf) {
    JsonObject json = new JsonObject();
    json.addProperty("Service", leaf.service());
    json.addProperty("ServiceURI", leaf.uri().toString());
    json.addProperty("CertPEM", leaf.chainPem());
    json.addProperty("PrivateKeyPEM", leaf.keyPem());
    return json;
  }

  private static Leaf leaf(JsonElement body) {
    JsonObject leaf = body.getAsJsonObject();
    List<X509Certificate> chain = Pem.certificates(Wire.text(leaf, "CertPEM"));
    return new Leaf(
        Wire.text(leaf, "Service"),
        URI.create(Wire.text(leaf, "ServiceURI")),
        chain,
        Pem.key(Wire.text(leaf, "PrivateKeyPEM"), chain.getFirst().getPublicKey()));
  }

  void close() {
    roots.close();
    leafs.close();
  }
}
