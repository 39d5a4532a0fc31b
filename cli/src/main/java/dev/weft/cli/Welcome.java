package dev.weft.cli;

/** The last words of a start: where everything is, and something to try that works as printed. */
final class Welcome {
  private Welcome() {}

  static String text(SystemState state, DemoData.Accounts accounts, StateDir dir) {
    String edge = state.urls().get("edge");
    DemoData.Account customer = accounts.customer();
    String product = accounts.products().getFirst().productId();
    return """

        Weft is up.
          edge       %1$s            REST: try %1$s/v1/products
          registry   %2$s
          services   %3$s
          accounts   %4$s  %5$s
                     %6$s  %7$s   (kept in %8$s)
          stop       ./weft down%9$s

        Place an order and see what becomes of it:
          TOKEN=$(curl -s %1$s/v1/auth:login -H 'content-type: application/json' -d '{"email":"%4$s","password":"%5$s"}' | sed -E 's/.*"accessToken": *"([^"]+)".*/\\1/')
          curl -s %1$s/v1/orders -H "authorization: Bearer $TOKEN" -H 'idempotency-key: first-order' -H 'content-type: application/json' -d '{"items":[{"productId":"%10$s","quantity":2}],"shippingAddress":{"name":"Ada","line1":"Loom Street 1","city":"Ghent","postalCode":"9000","countryCode":"BE"},"paymentMethod":"card_ok"}'
          curl -s %1$s/v1/orders -H "authorization: Bearer $TOKEN"
        """
        .formatted(
            edge,
            state.urls().get("registryPage"),
            state.urls().get("services"),
            customer.email(),
            customer.password(),
            accounts.admin().email(),
            accounts.admin().password(),
            dir.demo(),
            dir.equals(StateDir.of(null)) ? "" : " --state " + dir.path(),
            product);
  }
}
