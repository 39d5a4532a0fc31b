package dev.weft.cli;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Accounts and a catalogue to play with, made over REST like anybody would. Every step can be
 * repeated: a run that was killed half-way is completed by the next.
 */
final class DemoData {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
  private static final int PASSWORD_BYTES = 15;
  private static final Duration ROUTES_LIMIT = Duration.ofSeconds(30);

  /** Kept in {@code demo.json}. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  record Accounts(Account admin, Account customer, List<Product> products) {}

  /** Who can log in. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  record Account(String email, String password) {}

  /** What can be bought. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  record Product(String productId, String sku, String title) {}

  private record Article(
      String sku,
      String title,
      String description,
      String category,
      long euros,
      int cents,
      int stock) {}

  private static final List<Article> CATALOGUE =
      List.of(
          new Article(
              "MUG-01",
              "Enamel mug",
              "Holds a quarter litre and survives the floor.",
              "kitchen",
              12,
              50,
              500),
          new Article(
              "POT-01",
              "Moka pot",
              "Six small cups of strong coffee.",
              "kitchen/coffee",
              34,
              0,
              200),
          new Article(
              "BEAN-01",
              "Coffee beans",
              "One kilogram, dark roast.",
              "kitchen/coffee",
              22,
              90,
              800),
          new Article(
              "GRIND-01",
              "Hand grinder",
              "Steel burrs, forty steps.",
              "kitchen/coffee",
              79,
              0,
              120),
          new Article("LAMP-01", "Desk lamp", "Warm light, no flicker.", "home/light", 49, 0, 150),
          new Article(
              "WOOL-01",
              "Wool blanket",
              "Woven, grey, two metres long.",
              "home/textile",
              89,
              0,
              60),
          new Article(
              "LOOM-01",
              "Table loom",
              "Four shafts, sixty centimetres.",
              "craft/weaving",
              349,
              0,
              25),
          new Article(
              "YARN-01", "Weft yarn", "Cotton, two hundred grams.", "craft/weaving", 9, 80, 2000),
          new Article(
              "BOOK-01",
              "Weaving for beginners",
              "From warp to cloth in twelve lessons.",
              "books/craft",
              27,
              0,
              300),
          new Article(
              "BOOK-02",
              "Designing distributed systems",
              "Patterns that keep their promises.",
              "books/computing",
              42,
              0,
              300),
          new Article("PEN-01", "Fountain pen", "Steel nib, fine.", "office", 31, 50, 400),
          new Article(
              "RARE-01",
              "Antique shuttle",
              "Sold out: order it to see what happens.",
              "craft/weaving",
              120,
              0,
              0));

  private final StateDir dir;
  private final Http http;
  private final String edge;

  DemoData(StateDir dir, Http http, String edge) {
    this.dir = dir;
    this.http = http;
    this.edge = edge;
  }

  /** The accounts of this installation, made up at the first call and the same ever after. */
  static Accounts accounts(StateDir dir) {
    try {
      if (Files.exists(dir.demo())) {
        return JSON.readValue(dir.demo().toFile(), Accounts.class);
      }
    } catch (IOException e) {
      throw new Trouble(
          dir.demo() + " cannot be read; remove it with the folder's data: " + e.getMessage());
    }
    var accounts =
        new Accounts(
            new Account("admin@weft.example", password()),
            new Account("demo@weft.example", password()),
            List.of());
    save(dir, accounts);
    return accounts;
  }

  /** Writes the file user-svc makes the first administrator from. */
  static String bootstrapAdmin(StateDir dir) {
    var file = dir.folder("identity").resolve("bootstrap-admin.json");
    StateDir.write(file, json(accounts(dir).admin()));
    return file.toString();
  }

  /** Fills an empty system; does nothing to one that was filled before. */
  Accounts seed() {
    Accounts accounts = accounts(dir);
    awaitRoutes();
    if (!accounts.products().isEmpty()) {
      return accounts;
    }
    Account customer = accounts.customer();
    Http.Answer registered =
        http.post(
            edge + "/v1/users",
            json(
                Map.of(
                    "email", customer.email(),
                    "password", customer.password(),
                    "profile", Map.of("firstName", "Demo", "lastName", "Customer"))),
            null,
            null);
    if (!registered.ok() && registered.status() != 409) {
      throw refused("registering " + customer.email(), registered);
    }
    String token = login(accounts.admin());
    List<Product> products = new ArrayList<>();
    for (Article article : CATALOGUE) {
      products.add(add(article, token));
    }
    var seeded = new Accounts(accounts.admin(), customer, List.copyOf(products));
    save(dir, seeded);
    return seeded;
  }

  private Product add(Article article, String token) {
    Http.Answer created =
        http.post(
            edge + "/v1/products",
            json(
                Map.of(
                    "sku", article.sku(),
                    "title", article.title(),
                    "description", article.description(),
                    "category", article.category(),
                    "price",
                        Map.of(
                            "currencyCode",
                            "EUR",
                            "units",
                            article.euros(),
                            "nanos",
                            article.cents() * 10_000_000))),
            token,
            "demo-create-" + article.sku());
    if (!created.ok()) {
      throw refused("adding " + article.sku(), created);
    }
    String id = text(created, "productId");
    if (article.stock() > 0) {
      Http.Answer restocked =
          http.post(
              edge + "/v1/products/" + id + ":restock",
              json(Map.of("quantity", article.stock())),
              token,
              "demo-restock-" + article.sku());
      if (!restocked.ok()) {
        throw refused("restocking " + article.sku(), restocked);
      }
    }
    return new Product(id, article.sku(), article.title());
  }

  private String login(Account account) {
    Http.Answer answer = http.post(edge + "/v1/auth:login", json(account), null, null);
    if (!answer.ok()) {
      throw refused("logging in as " + account.email(), answer);
    }
    return text(answer, "accessToken");
  }

  // Services turn healthy one after the other, and the edge learns their routes a moment later.
  private void awaitRoutes() {
    long end = System.nanoTime() + ROUTES_LIMIT.toNanos();
    for (String path :
        List.of(
            "/v1/products?pageSize=1", "/.well-known/jwks.json", "/v1/orders", "/v1/payments")) {
      while (true) {
        int status = http.get(edge + path).status();
        if (status == 200 || status == 401) {
          break;
        }
        if (System.nanoTime() > end) {
          throw new Trouble(4, "the edge does not serve " + path + " (it answers " + status + ")");
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
      }
    }
  }

  private static Trouble refused(String what, Http.Answer answer) {
    return new Trouble(what + " was refused: " + answer.status() + " " + reason(answer));
  }

  // Never the body: the answer to a login holds tokens, and who is no edge may answer anything.
  private static String reason(Http.Answer answer) {
    if (answer.status() == 0) {
      return answer.body();
    }
    try {
      JsonNode problem = JSON.readTree(answer.body());
      String title = problem.path("title").asText("(no problem document)");
      return problem.path("reason").asText(title);
    } catch (JsonProcessingException e) {
      return "(no problem document)";
    }
  }

  private static String text(Http.Answer answer, String field) {
    try {
      JsonNode value = JSON.readTree(answer.body()).path(field);
      if (!value.isTextual()) {
        throw new Trouble("an answer with status " + answer.status() + " lacks " + field);
      }
      return value.textValue();
    } catch (JsonProcessingException e) {
      throw new Trouble("an answer with status " + answer.status() + " is no JSON");
    }
  }

  private static void save(StateDir dir, Accounts accounts) {
    StateDir.write(dir.demo(), json(accounts));
  }

  private static String json(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String password() {
    byte[] random = new byte[PASSWORD_BYTES];
    new SecureRandom().nextBytes(random);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(random);
  }
}
