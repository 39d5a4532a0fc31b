package dev.weft.consul.agent;

import dev.weft.consul.agent.ChainCompiler.Place;
import dev.weft.consul.agent.DiscoveryChain.Overrides;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** {@code /v1/discovery-chain}: how to reach a service. Any config entry that changes wakes it. */
final class ChainApi {
  private static final int BODY_MAX = 1024 * 1024;
  private static final Set<String> MESH_GATEWAYS = Set.of("none", "local", "remote");
  private static final List<String> FIELDS =
      List.of("OverrideMeshGateway", "OverrideProtocol", "OverrideConnectTimeout");

  private final State state;
  private final Reads reads;

  ChainApi(State state, Reads reads) {
    this.state = state;
    this.reads = reads;
  }

  void addTo(HttpFace http) {
    http.serve("GET", "/v1/discovery-chain/", request -> read(request, Overrides.NONE));
    http.serve("POST", "/v1/discovery-chain/", this::readWithOverrides);
  }

  private Reply readWithOverrides(Request request) throws InterruptedException {
    return read(
        request,
        request.json("Bad request: Request decoding failed: ", BODY_MAX, ChainApi::overrides));
  }

  private static Overrides overrides(@Nullable Object json) {
    Fields fields = Fields.ofKnown(json, FIELDS);
    Fields gateway = Fields.ofKnown(fields.object("OverrideMeshGateway"), List.of("Mode"));
    String mode = gateway.text("Mode");
    if (!mode.isEmpty() && !MESH_GATEWAYS.contains(mode)) {
      throw new ApiError(400, "Invalid OverrideMeshGateway.Mode parameter");
    }
    return new Overrides(
        mode, fields.text("OverrideProtocol"), fields.duration("OverrideConnectTimeout"));
  }

  private Reply read(Request request, Overrides overrides) throws InterruptedException {
    String service = request.tail("Bad request: Missing chain name");
    String own = state.node().datacenter();
    String datacenter = request.query("compile-dc");
    state.ensureCa();
    Place place = new Place(datacenter.isEmpty() ? own : datacenter, own, state.ca().trustDomain());
    ConfigEntries entries = state.configEntries();
    return reads.catalog(
        request,
        entries::index,
        () -> Reply.json(ChainCompiler.compile(entries::find, place, service, overrides).json()));
  }
}
