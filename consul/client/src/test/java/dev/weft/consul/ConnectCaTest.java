package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.consul.FakeAgent.Reply;
import java.security.GeneralSecurityException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Roots and leafs as the agent tells them. */
class ConnectCaTest {
  private static final String ROOTS = "/v1/agent/connect/ca/roots";
  private static final String LEAF = "/v1/agent/connect/ca/leaf/web";
  private static final String TRUST_DOMAIN = "11111111-2222-3333-4444-555555555555.consul";

  private final FakeAgent agent = FakeAgent.start();
  private final Consul consul = Consul.connect(agent.config());

  @AfterEach
  void stop() {
    consul.close();
    agent.close();
  }

  private static String json(String pem) {
    return pem.replace("\r", "").replace("\n", "\\n");
  }

  private static String root(String id, boolean active, String intermediates) {
    return """
    {"ID":"%s","Name":"Consul CA Root Cert","SerialNumber":7,"RootCert":"%s",
     "IntermediateCerts":%s,"Active":%s,"NewerField":1}
    """
        .formatted(id, json(PemTest.resource("root.pem")), intermediates, active);
  }

  private static String roots(String activeId, String... roots) {
    return """
    {"ActiveRootID":"%s","TrustDomain":"%s","Roots":[%s]}
    """
        .formatted(activeId, TRUST_DOMAIN, String.join(",", roots));
  }

  /** An answer with two roots, the older of which has gone out of use. */
  static String rotated() {
    String crossed = "[\"" + json(PemTest.resource("leaf.pem")) + "\"]";
    return roots("b", root("a", false, "null"), root("b", true, crossed));
  }

  static String leaf() throws GeneralSecurityException {
    return """
    {"SerialNumber":"08","CertPEM":"%s","PrivateKeyPEM":"%s","Service":"web",
     "ServiceURI":"spiffe://%s/ns/default/dc/dc1/svc/web"}
    """
        .formatted(
            json(PemTest.resource("leaf.pem") + PemTest.resource("root.pem")),
            json(PemTest.bare(PemTest.pair("EC", 256).getPrivate())),
            TRUST_DOMAIN);
  }

  @Test
  void followsTheRootsThroughARotation() {
    Seen<CaRoots> seen = new Seen<>();
    agent.reply(ROOTS, Reply.indexed(7, roots("a", root("a", true, "null"))));
    consul.ca().watchRoots(seen);
    CaRoots first = seen.await(now -> true);
    assertThat(first.trustDomain()).isEqualTo(TRUST_DOMAIN);
    assertThat(first.active().id()).isEqualTo("a");
    assertThat(first.active().intermediates()).isEmpty();
    agent.reply(ROOTS, Reply.indexed(9, rotated()));
    CaRoots second = seen.await(now -> now.activeId().equals("b"));
    assertThat(second.certificates()).hasSize(2);
    assertThat(second.active().intermediates()).hasSize(1);
    assertThat(second.roots().getFirst().active()).isFalse();
    assertThat(second.pem().split("BEGIN CERTIFICATE", -1)).hasSize(3);
    assertThat(agent.request(ROOTS, 2).index()).isEqualTo("7");
  }

  @Test
  void readsTheWholeChainAndTheKeyOfALeaf() throws GeneralSecurityException {
    agent.reply(LEAF, Reply.indexed(8, leaf()));
    Leaf leaf = consul.ca().leaf("web");
    assertThat(leaf.uri()).hasToString("spiffe://" + TRUST_DOMAIN + "/ns/default/dc/dc1/svc/web");
    assertThat(leaf.chain()).hasSize(2);
    assertThat(leaf.certificate().getSerialNumber()).isEqualTo(8);
    assertThat(leaf.validAfter()).isEqualTo(leaf.certificate().getNotBefore().toInstant());
    assertThat(leaf.validBefore()).isEqualTo(leaf.certificate().getNotAfter().toInstant());
    assertThat(Pem.certificates(leaf.chainPem())).isEqualTo(leaf.chain());
    assertThat(Pem.key(leaf.keyPem(), leaf.certificate().getPublicKey())).isEqualTo(leaf.key());
    assertThat(leaf.toString()).doesNotContain("PRIVATE").contains("key=***");
  }

  @Test
  void hearsOfANewLeafOnly() throws GeneralSecurityException {
    Seen<Leaf> seen = new Seen<>();
    String first = leaf();
    agent.reply(LEAF, Reply.indexed(8, first));
    agent.reply(LEAF, Reply.indexed(8, first));
    agent.reply(LEAF, Reply.indexed(12, leaf()));
    consul.ca().watchLeaf("web", seen);
    agent.request(LEAF, 4);
    seen.await(now -> seen.all().size() == 2);
    assertThat(seen.all().get(0).key()).isNotEqualTo(seen.all().get(1).key());
  }

  @Test
  void refusesRootsThatMakeNoSense() {
    for (String bad :
        new String[] {
          "{}",
          "[]",
          roots("b", root("a", true, "null")),
          roots("a", root("a", true, "null")).replace("MII", "???")
        }) {
      agent.reply(ROOTS, Reply.indexed(7, bad));
      assertThatThrownBy(() -> consul.ca().roots())
          .as(bad)
          .isInstanceOf(ConsulException.class)
          .hasMessageContaining("is not one of Consul's");
    }
  }

  @Test
  void tellsNothingBeforeTheFirstAnswerAndKeepsTheLastOne() {
    Seen<CaRoots> seen = new Seen<>();
    agent.reply(ROOTS, Reply.status(500, "Connect must be enabled in order to use this endpoint"));
    agent.reply(ROOTS, Reply.indexed(7, roots("a", root("a", true, "null"))));
    agent.reply(ROOTS, Reply.status(500, "No cluster leader"));
    agent.reply(ROOTS, Reply.indexed(9, roots("b", root("b", true, "null"))));
    consul.ca().watchRoots(seen);
    seen.await(now -> now.activeId().equals("b"));
    assertThat(seen.all()).extracting(CaRoots::activeId).containsExactly("a", "b");
  }
}
