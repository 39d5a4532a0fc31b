package dev.weft.inventory;

import static dev.weft.inventory.Shop.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.shop.inventory.v1.DeleteProductRequest;
import dev.weft.shop.inventory.v1.ListProductsRequest;
import dev.weft.shop.inventory.v1.ListProductsResponse;
import dev.weft.shop.inventory.v1.Product;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a person finds who types some words. */
class SearchTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();
  private static Shop shop;

  @BeforeAll
  static void fill() {
    shop = new Shop(mesh, postgres.database());
    add("MUG-01", "Enamel mug", "kitchen", "Holds a quarter litre of coffee.");
    add("POT-01", "Moka pot", "kitchen/coffee", "Six small cups, strong.");
    add("BEAN-01", "Coffee beans", "kitchen/coffee", "One kilogram, dark roast.");
    add("GRIND-01", "Hand grinder", "kitchen/coffee", "Steel burrs, for beans.");
    add("BOOK-01", "Weaving for beginners", "books/craft", "From warp to cloth.");
    add("LOOM-01", "Table loom", "craft/weaving", "Four shafts.");
    add("GLASS.2_B", "L'été – Gläser, 20%", "home/table-ware", "Für Gäste \\ friends");
  }

  @ParameterizedTest
  @CsvSource({
    // The title counts more than the category, and that more than the description.
    "coffee, BEAN-01 GRIND-01 POT-01 MUG-01",
    "weaving, BOOK-01 LOOM-01",
    // Other forms of a word, and words that are not finished.
    "weave, BOOK-01 LOOM-01",
    "BEAN, BEAN-01 GRIND-01",
    "grin, GRIND-01",
    "coffee bea, BEAN-01 GRIND-01",
    // All words, one of them, not one of them, one behind the other.
    "strong coffee, POT-01",
    "enamel or moka, MUG-01 POT-01",
    "coffee -beans, POT-01 MUG-01",
    "'\"dark roast\"', BEAN-01",
    "'\"roast dark\"', ''",
    // Article numbers, and their beginning.
    "MUG-01, MUG-01",
    "book-0, BOOK-01",
    "glass.2_b, GLASS.2_B",
    // Other letters.
    "gläser, GLASS.2_B",
    "GÄSTE, GLASS.2_B",
    "unicorn, ''",
  })
  void findsTheBestMatchFirst(String typed, String skus) {
    assertThat(String.join(" ", skus(search(typed)))).isEqualTo(skus);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'; DROP TABLE product; --",
        "' OR '1'='1",
        "\\",
        "\\'",
        "a' | 'b",
        "'a':*",
        "a:*b",
        "!!!",
        "&|!()<->",
        "((((",
        "-\"coffee beans\"",
        "\"unfinished",
        "%",
        "_",
        ":words",
        "?",
        "$1",
        "{}",
        "the of and",
        "-",
        "☕ 漢字 \uD83E\uDDF6",
      })
  void takesAnythingAPersonTypes(String typed) {
    assertThat(search(typed).getNextPageToken()).isEmpty();
    assertThat(search("coffee").getProductsCount()).isEqualTo(4);
  }

  @Test
  void refusesWhatNobodyTypes() {
    refused(Status.Code.INVALID_ARGUMENT, "INVALID_FIELD", () -> search("nul\0"));
    refused(Status.Code.INVALID_ARGUMENT, "INVALID_FIELD", () -> search("x".repeat(201)));
  }

  @Test
  void listsEverythingForBlanks() {
    assertThat(search("  ").getProductsCount()).isGreaterThanOrEqualTo(7);
  }

  @Test
  void searchesWithinACategory() {
    ListProductsResponse found =
        shop.anybody()
            .listProducts(
                ListProductsRequest.newBuilder()
                    .setQuery("coffee")
                    .setCategory("kitchen/coffee")
                    .build());
    assertThat(skus(found)).containsExactly("BEAN-01", "GRIND-01", "POT-01");
  }

  @Test
  void findsNothingThatLeftTheCatalogue() {
    Product gone = add("GONE-01", "Zeppelin", "toys", "");
    assertThat(skus(search("zeppelin"))).containsExactly("GONE-01");
    shop.admin()
        .deleteProduct(DeleteProductRequest.newBuilder().setProductId(gone.getProductId()).build());
    assertThat(search("zeppelin").getProductsList()).isEmpty();
  }

  @Test
  void pagesThroughMatchesOfEqualAndOfDifferentRank() {
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      expected.add(add("ANVIL-" + i, "Anvil number " + i, "tools", "Heavy.").getSku());
    }
    for (int i = 0; i < 3; i++) {
      expected.add(add("FORGE-" + i, "Forge", "tools", "Goes with an anvil.").getSku());
    }
    List<String> found = new ArrayList<>();
    String token = "";
    do {
      ListProductsResponse page =
          shop.anybody()
              .listProducts(
                  ListProductsRequest.newBuilder()
                      .setQuery("anvils")
                      .setPageSize(2)
                      .setPageToken(token)
                      .build());
      found.addAll(skus(page));
      token = page.getNextPageToken();
      // Comes last of all, or is found on a page that is still to come: never twice, never instead.
      if (found.size() == 4) {
        expected.add(add("LATE-01", "Late", "tools", "Also for an anvil.").getSku());
      }
    } while (!token.isEmpty());
    assertThat(found).containsExactlyElementsOf(expected);
  }

  private static Product add(String sku, String title, String category, String description) {
    return shop.product(
        Shop.described()
            .setSku(sku)
            .setTitle(title)
            .setCategory(category)
            .setDescription(description));
  }

  private static ListProductsResponse search(String typed) {
    return shop.anybody().listProducts(ListProductsRequest.newBuilder().setQuery(typed).build());
  }

  private static List<String> skus(ListProductsResponse response) {
    return response.getProductsList().stream().map(Product::getSku).toList();
  }
}
