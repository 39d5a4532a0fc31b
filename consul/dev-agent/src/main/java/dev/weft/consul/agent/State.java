package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** All that an agent knows, guarded by one ledger. */
record State(
    Ledger ledger,
    Node node,
    Checks checks,
    Catalog catalog,
    KeyValues keys,
    ConfigEntries configEntries,
    CertificateAuthority ca) {
  private static final String NODE_NAME = "weft-dev";
  private static final String DATACENTER = "dc1";

  /**
   * What was saved, alive again: its checks are probed from now on.
   *
   * @throws RuntimeException if what was saved makes no sense; then nothing runs
   */
  static State of(StateFile.Saved saved, DevAgentConfig config) {
    Ledger ledger = new Ledger(saved.index());
    Reports reports = new Reports(ledger);
    Checks checks = new Checks(new Probes(), reports);
    Catalog catalog = new Catalog(ledger, config.clock(), checks, config.instances());
    reports.catalog = catalog;
    KeyValues keys = new KeyValues(ledger);
    ConfigEntries configEntries = new ConfigEntries(ledger);
    CertificateAuthority ca = new CertificateAuthority(ledger, config.clock(), DATACENTER);
    Node node =
        new Node(
            saved.nodeId(), NODE_NAME, config.bind().getHostAddress(), DATACENTER, saved.index());
    ledger.change(
        () -> {
          keys.restore(saved.keys());
          configEntries.restore(saved.configEntries());
          ca.restore(saved.ca());
          catalog.restore(saved.services(), saved.checks());
        });
    return new State(ledger, node, checks, catalog, keys, configEntries, ca);
  }

  /** Makes the CA unless there is one; nothing may carry its name that a crash could take away. */
  void ensureCa() throws InterruptedException {
    if (!ledger.read(ca::exists)) {
      ledger.durably(
          () -> {
            ca.ensure();
            return true;
          });
    }
  }

  /** What {@link #of} brings back, as it is now. Only with the ledger's lock held. */
  Map<String, @Nullable Object> saved() {
    return object(
        "Index",
        ledger.index(),
        "Node",
        node.id(),
        "Services",
        catalog.savedServices(),
        "Checks",
        catalog.savedChecks(),
        "Keys",
        keys.saved(),
        "ConfigEntries",
        configEntries.saved(),
        "Connect",
        ca.saved());
  }

  /** Ties the knot: checks report to the catalog that starts them. */
  private static final class Reports implements Checks.Listener {
    private final Ledger ledger;
    private @Nullable Catalog catalog;

    Reports(Ledger ledger) {
      this.ledger = ledger;
    }

    @Override
    public void report(CheckSpec spec, Status status, String output) {
      ledger.change(
          () -> {
            if (catalog != null) {
              catalog.report(spec, status, output);
            }
          });
    }
  }
}
