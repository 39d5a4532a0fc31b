package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpiffeIdTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "spiffe://Ab-1.consul/ns/default/dc/dc1/svc/order-svc",
        "SPIFFE://ab-1.CONSUL/ap/default/ns/default/dc/eu-1/svc/order-svc"
      })
  void readsWhatConsulWrites(String uri) {
    assertThat(SpiffeId.parse(uri)).contains(new SpiffeId("ab-1.consul", "order-svc"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "order-svc",
        "https://ab.consul/ns/default/dc/dc1/svc/order-svc",
        "spiffe:///ns/default/dc/dc1/svc/order-svc",
        "spiffe://ab.consul/ns/other/dc/dc1/svc/order-svc",
        "spiffe://ab.consul/ap/other/ns/default/dc/dc1/svc/order-svc",
        "spiffe://ab.consul/agent/client/dc/dc1/id/n1",
        "spiffe://ab.consul/ns/default/dc/dc1/svc/",
        "spiffe://ab.consul/ns/default/dc/dc1/svc/order-svc/",
        "spiffe://ab.consul/ns/default/dc/dc1/svc/order%2dsvc",
        "spiffe://ab.consul/ns/default/dc/dc1/svc/order-svc?x",
        "spiffe://ab.consul/ns/default/dc/dc1/svc/order-svc\n",
        "spiffe://user@ab.consul/ns/default/dc/dc1/svc/order-svc"
      })
  void readsNothingElse(String uri) {
    assertThat(SpiffeId.parse(uri)).isEmpty();
  }

  @Test
  void aCertificateIsForOneService() throws Exception {
    TestCa ca = new TestCa(TestCa.DOMAIN);

    assertThat(SpiffeId.of(ca.leaf("order-svc").chain().getFirst()))
        .isEqualTo(new SpiffeId(TestCa.DOMAIN, "order-svc"));
    for (List<String> uris :
        List.of(
            List.<String>of(),
            List.of("https://order-svc"),
            List.of(ca.uri("order-svc"), ca.uri("web")))) {
      PeerRefused refused =
          catchThrowableOfType(
              PeerRefused.class, () -> SpiffeId.of(ca.named(uris, false).chain().getFirst()));
      assertThat(refused.reason()).isEqualTo(PeerRefused.Reason.CERTIFICATE_WITHOUT_SERVICE);
    }
  }
}
