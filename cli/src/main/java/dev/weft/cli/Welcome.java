package dev.weft.cli;

import java.util.Map;

/** The last words of a start: where everything is, and something to try that works as printed. */
final class Welcome {
  private Welcome() {}

  static String text(SystemState state, DemoData.Accounts accounts, StateDir dir) {
    String named = dir.equals(StateDir.of(null)) ? "" : " --state " + dir.path();
    return text(state.urls(), accounts, dir.demo().toString(), "./weft down" + named);
  }

  /**
   * As the other one, for a system that no supervisor of ours runs.
   *
   * @param keptIn where the accounts are kept
   * @param stop the command that stops the system
   */
  static String text(
      Map<String, String> urls, DemoData.Accounts accounts, String keptIn, String stop) {
    String edge = urls.get("edge");
    DemoData.Account customer = accounts.customer();
    String product = accounts.products().getFirst().productId();
    return """

    Weft is up.
      edge       %1$s            REST: try %1$s/v1/products, or %1$s/docs
      registry   %2$s
      services   %3$s
      accounts   %4$s  %5$s
                 %6$s  %7$s   (kept in %8$s)
      stop       %9$s

    Place an order and see what becomes of it:
      TOKEN=$(curl -s %1$s/v1/auth:login -H 'content-type: application/json' -d '{"email":"%4$s","password":"%5$s"}' | sed -E 's/.*"accessToken": *"([^"]+)".*/\\1/')
      curl -s %1$s/v1/orders -H "authorization: Bearer $TOKEN" -H 'idempotency-key: first-order' -H 'content-type: application/json' -d '{"items":[{"productId":"%10$s","quantity":2}],"shippingAddress":{"name":"Ada","line1":"Loom Street 1","city":"Ghent","postalCode":"9000","countryCode":"BE"},"paymentMethod":"card_ok"}'
      curl -s %1$s/v1/orders -H "authorization: Bearer $TOKEN"
    """
        .formatted(
            edge,
            urls.get("registryPage"),
            urls.get("services"),
            customer.email(),
            customer.password(),
            accounts.admin().email(),
            accounts.admin().password(),
            keptIn,
            stop,
            product);
  }
}
