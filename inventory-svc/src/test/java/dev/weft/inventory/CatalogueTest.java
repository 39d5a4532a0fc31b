package dev.weft.inventory;

import static dev.weft.inventory.Shop.euros;
import static dev.weft.inventory.Shop.refused;
import static dev.weft.inventory.Shop.unique;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.FieldMask;
import com.google.type.Money;
import dev.weft.durable.UuidV7;
import dev.weft.inventory.Product.Description;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.CreateProductRequest;
import dev.weft.shop.inventory.v1.DeleteProductRequest;
import dev.weft.shop.inventory.v1.GetProductRequest;
import dev.weft.shop.inventory.v1.GetStockRequest;
import dev.weft.shop.inventory.v1.ItemQuantity;
import dev.weft.shop.inventory.v1.ListProductsRequest;
import dev.weft.shop.inventory.v1.ListProductsResponse;
import dev.weft.shop.inventory.v1.Product;
import dev.weft.shop.inventory.v1.QuoteItemsRequest;
import dev.weft.shop.inventory.v1.QuoteItemsResponse;
import dev.weft.shop.inventory.v1.QuotedItem;
import dev.weft.shop.inventory.v1.ReleaseReservationRequest;
import dev.weft.shop.inventory.v1.UpdateProductRequest;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Products: made, changed, listed, priced and taken out of the catalogue. */
class CatalogueTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private Shop shop;

  @BeforeEach
  void open() {
    shop = new Shop(mesh, postgres.database());
  }

  @Test
  void anybodyReadsWhatAnAdministratorAdded() {
    Product.Builder described =
        Shop.described().setDescription("Two\nlines.").setCategory("kitchen/coffee");
    Product added = shop.product(described);
    assertThat(UUID.fromString(added.getProductId()).version()).isEqualTo(7);
    assertThat(added.getAvailableQuantity()).isZero();
    assertThat(added.getEtag()).isEqualTo("\"1\"");
    assertThat(added.getCreateTime()).isEqualTo(added.getUpdateTime());
    assertThat(
            added.toBuilder()
                .clearProductId()
                .clearEtag()
                .clearCreateTime()
                .clearUpdateTime()
                .build())
        .isEqualTo(described.build());

    assertThat(get(added.getProductId())).isEqualTo(added);

    shop.restock(added.getProductId(), 5);
    Product stocked = get(added.getProductId());
    assertThat(stocked.getAvailableQuantity()).isEqualTo(5);
    assertThat(stocked.getEtag()).isEqualTo(added.getEtag());
  }

  @Test
  void addsAProductOncePerRequestId() {
    UUID admin = UuidV7.next();
    CreateProductRequest request = Shop.creation(Shop.described());

    Product first = shop.admin(admin).createProduct(request).getProduct();
    shop.restock(first.getProductId(), 5);

    assertThat(shop.admin(admin).createProduct(request).getProduct()).isEqualTo(first);
    CreateProductRequest other =
        request.toBuilder()
            .setProduct(request.getProduct().toBuilder().setPrice(euros(13, 0)))
            .build();
    RemoteError reused =
        refused(
            Status.Code.INVALID_ARGUMENT,
            "IDEMPOTENCY_KEY_REUSED",
            () -> shop.admin(admin).createProduct(other));
    assertThat(reused.metadata()).containsEntry("http_status", "422");
    // Another administrator's request is another request.
    refused(Status.Code.ALREADY_EXISTS, "SKU_TAKEN", () -> shop.admin().createProduct(request));
  }

  @Test
  void givesASkuToOneProductAtATime() {
    Product first = shop.product();
    Product.Builder second = Shop.described().setSku(first.getSku());
    refused(Status.Code.ALREADY_EXISTS, "SKU_TAKEN", () -> shop.product(second));
    delete(first.getProductId());
    assertThat(shop.product(second).getProductId()).isNotEqualTo(first.getProductId());
  }

  @Test
  void refusesAProductThatIsNoProduct() {
    refusesField("product.sku", Shop.described().clearSku());
    refusesField("product.sku", Shop.described().setSku("no spaces"));
    refusesField("product.title", Shop.described().setTitle(" "));
    refusesField("product.title", Shop.described().setTitle("two\nlines"));
    refusesField("product.description", Shop.described().setDescription("nul\0"));
    refusesField("product.category", Shop.described().setCategory("Kitchen"));
    refusesField("product.price", Shop.described().clearPrice());
    refusesField("product.price", Shop.described().setPrice(euros(0, 0)));
    refusesField("product.price", Shop.described().setPrice(euros(-1, 0)));
    refusesField(
        "product.price.nanos",
        Shop.described().setPrice(euros(1, 0).toBuilder().setNanos(1_000_000)));
    refusesField(
        "product.price.currency_code",
        Shop.described().setPrice(euros(1, 0).toBuilder().setCurrencyCode("XXX")));
  }

  @Test
  void knowsTheMinorUnitOfACurrency() {
    Money yen = Money.newBuilder().setCurrencyCode("JPY").setUnits(1_250).build();
    assertThat(get(shop.product(Shop.described().setPrice(yen)).getProductId()).getPrice())
        .isEqualTo(yen);
    refusesField(
        "product.price.nanos", Shop.described().setPrice(yen.toBuilder().setNanos(500_000_000)));
  }

  @Test
  void changesTheFieldsThatTheMaskNames() {
    Product before = shop.product(Shop.described().setDescription("old").setCategory("a/b"));

    Product after =
        update(
            before.getProductId(),
            Product.newBuilder().setTitle("New title").setCategory("ignored"),
            "title",
            "description");

    assertThat(after.getTitle()).isEqualTo("New title");
    assertThat(after.getDescription()).isEmpty();
    assertThat(after.getCategory()).isEqualTo("a/b");
    assertThat(after.getPrice()).isEqualTo(before.getPrice());
    assertThat(after.getEtag()).isNotEqualTo(before.getEtag());
    assertThat(get(before.getProductId())).isEqualTo(after);
  }

  @Test
  void changesTheFieldsThatAreSetWithoutAMask() {
    Product before = shop.product(Shop.described().setDescription("kept"));
    Product after = update(before.getProductId(), Product.newBuilder().setPrice(euros(99, 0)));
    assertThat(after.getPrice()).isEqualTo(euros(99, 0));
    assertThat(after.getDescription()).isEqualTo("kept");
  }

  @Test
  void takesAPriceAsOneValue() {
    Product before = shop.product();
    Product after =
        update(
            before.getProductId(),
            Product.newBuilder().setPrice(Money.newBuilder().setCurrencyCode("EUR").setUnits(10)),
            "price.units",
            "price.currency_code");
    assertThat(after.getPrice()).isEqualTo(euros(10, 0));
  }

  @Test
  void takesBackAProductAsItWasRead() {
    Product before = shop.product();
    Product after = update(before.getProductId(), before.toBuilder());
    assertThat(after).isEqualTo(before);
  }

  @Test
  void refusesAChangeOfWhatCannotBeChanged() {
    Product product = shop.product();
    String id = product.getProductId();
    invalid("product.sku", () -> update(id, Product.newBuilder().setSku("OTHER"), "sku"));
    invalid("product.title", () -> update(id, Product.newBuilder(), "title"));
    invalid("product.price", () -> update(id, Product.newBuilder(), "price"));
    invalid("update_mask", () -> update(id, Product.newBuilder(), "colour"));
    assertThat(get(id)).isEqualTo(product);
  }

  @Test
  void changesOnlyTheVersionThatTheEtagNames() {
    Product first = shop.product();
    String id = first.getProductId();
    Product second = update(id, Product.newBuilder().setTitle("Second").setEtag(first.getEtag()));
    RemoteError stale =
        refused(
            Status.Code.ABORTED,
            "ETAG_MISMATCH",
            () -> update(id, Product.newBuilder().setTitle("Third").setEtag(first.getEtag())));
    assertThat(stale.metadata()).containsEntry("http_status", "412");
    assertThat(get(id)).isEqualTo(second);
  }

  @Test
  void showsWhatIsAvailableAfterEachMoveOfItsStock() {
    String id = shop.stocked(5);
    UUID order = UuidV7.next();
    assertThat(get(id).getAvailableQuantity()).isEqualTo(5);
    var _ = shop.orders().reserveStock(Shop.reserve(order.toString(), Map.of(id, 2)));
    assertThat(get(id).getAvailableQuantity()).isEqualTo(3);
    var _ =
        shop.orders()
            .releaseReservation(
                ReleaseReservationRequest.newBuilder()
                    .setOrderId(order.toString())
                    .setCommandId(Shop.command(order, "backward").toString())
                    .build());
    assertThat(get(id).getAvailableQuantity()).isEqualTo(5);
  }

  @Test
  void decidesNothingByWhatItKeptOfAProduct() {
    Product shown = shop.product();
    String id = shown.getProductId();
    assertThat(get(id)).isEqualTo(shown);
    // By a process that tells nobody.
    postgres
        .database()
        .inTransactionVoid(
            tx -> {
              ProductStore store = new ProductStore();
              var before = store.lock(tx, UUID.fromString(id)).orElseThrow().description();
              store.update(tx, UUID.fromString(id), dearer(before));
            });
    assertThat(get(id)).isEqualTo(shown);

    assertThat(quote(item(shown, 1)).getTotal()).isEqualTo(euros(99, 99));
    refused(
        Status.Code.ABORTED,
        "ETAG_MISMATCH",
        () -> update(id, Product.newBuilder().setTitle("New").setEtag(shown.getEtag())));
    // Whoever was refused for an old copy is shown the new one.
    assertThat(get(id).getPrice()).isEqualTo(euros(99, 99));
  }

  private static Description dearer(Description product) {
    return new Description(
        product.sku(),
        product.title(),
        product.text(),
        product.category(),
        new Price(9_999, "EUR"));
  }

  @Test
  void takesAProductOutOfTheCatalogue() {
    String id = shop.stocked(5);
    delete(id);
    notFound(id, () -> get(id));
    notFound(id, () -> delete(id));
    notFound(id, () -> update(id, Product.newBuilder().setTitle("Back")));
    notFound(id, () -> shop.restock(id, 1));
    notFound(
        id, () -> shop.admin().getStock(GetStockRequest.newBuilder().setProductId(id).build()));
    assertThat(everything("")).extracting(Product::getProductId).doesNotContain(id);
  }

  @Test
  void listsACategoryAndThoseBelowIt() {
    String top = unique("top");
    Product in = shop.product(Shop.described().setCategory(top));
    Product below = shop.product(Shop.described().setCategory(top + "/below/deep"));
    shop.product(Shop.described().setCategory(top + "-not"));
    shop.product(Shop.described().setCategory("other/" + top));
    assertThat(everything(top)).containsExactly(in, below);
    assertThat(everything(top + "/below")).containsExactly(below);
  }

  @Test
  void listsEachProductOnceWhileOthersComeAndGo() {
    String category = unique("paged");
    List<Product> before = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      before.add(shop.product(Shop.described().setCategory(category)));
    }
    ListProductsRequest request =
        ListProductsRequest.newBuilder().setCategory(category).setPageSize(3).build();

    ListProductsResponse first = shop.anybody().listProducts(request);
    delete(before.get(1).getProductId());
    Product added = shop.product(Shop.described().setCategory(category));
    ListProductsResponse second =
        shop.anybody()
            .listProducts(request.toBuilder().setPageToken(first.getNextPageToken()).build());
    ListProductsResponse third =
        shop.anybody()
            .listProducts(
                request.toBuilder().setPageSize(0).setPageToken(second.getNextPageToken()).build());

    assertThat(first.getProductsList()).isEqualTo(before.subList(0, 3));
    assertThat(second.getProductsList()).isEqualTo(before.subList(3, 6));
    assertThat(third.getProductsList()).containsExactly(before.get(6), added);
    assertThat(third.getNextPageToken()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"nonsense", "AAAAAAAAAAAAAAAAAAAA", "=", "' OR 1=1 --"})
  void refusesAPageTokenThatItDidNotMake(String token) {
    invalid(
        "page_token",
        () ->
            shop.anybody()
                .listProducts(ListProductsRequest.newBuilder().setPageToken(token).build()));
  }

  @Test
  void refusesAPageTokenOfAnotherList() {
    String category = unique("tokens");
    shop.product(Shop.described().setCategory(category));
    shop.product(Shop.described().setCategory(category));
    String token =
        shop.anybody()
            .listProducts(
                ListProductsRequest.newBuilder().setCategory(category).setPageSize(1).build())
            .getNextPageToken();
    assertThat(token).isNotEmpty();
    invalid(
        "page_token",
        () ->
            shop.anybody()
                .listProducts(ListProductsRequest.newBuilder().setPageToken(token).build()));
    invalid(
        "page_token",
        () ->
            shop.anybody()
                .listProducts(
                    ListProductsRequest.newBuilder()
                        .setCategory(category)
                        .setQuery("tokens")
                        .setPageToken(token)
                        .build()));
  }

  @Test
  void quotesWhatItemsCostNow() {
    Product mug = shop.product(Shop.described().setPrice(euros(12, 50)));
    Product pot = shop.product(Shop.described().setPrice(euros(34, 99)));

    QuoteItemsResponse quote = quote(item(pot, 1), item(mug, 3), item(pot, 2));

    assertThat(quote.getItemsList())
        .extracting(QuotedItem::getTitle)
        .containsExactly(pot.getTitle(), mug.getTitle(), pot.getTitle());
    assertThat(quote.getItemsList())
        .extracting(QuotedItem::getLineTotal)
        .containsExactly(euros(34, 99), euros(37, 50), euros(69, 98));
    assertThat(quote.getItems(1).getUnitPrice()).isEqualTo(euros(12, 50));
    assertThat(quote.getItems(1).getQuantity()).isEqualTo(3);
    assertThat(quote.getTotal()).isEqualTo(euros(142, 47));
  }

  @Test
  void quotesOnlyWhatHasAPriceTogether() {
    Product mug = shop.product();
    Product yen =
        shop.product(
            Shop.described().setPrice(Money.newBuilder().setCurrencyCode("JPY").setUnits(1_250)));
    refused(
        Status.Code.FAILED_PRECONDITION,
        "MIXED_CURRENCIES",
        () -> quote(item(mug, 1), item(yen, 1)));

    Product star = shop.product(Shop.described().setPrice(euros(Long.MAX_VALUE / 200, 0)));
    refused(Status.Code.INVALID_ARGUMENT, "AMOUNT_TOO_LARGE", () -> quote(item(star, 3)));
    refused(
        Status.Code.INVALID_ARGUMENT,
        "AMOUNT_TOO_LARGE",
        () -> quote(item(star, 1), item(star, 1), item(star, 1)));

    delete(mug.getProductId());
    notFound(mug.getProductId(), () -> quote(item(yen, 1), item(mug, 1)));
  }

  private QuoteItemsResponse quote(ItemQuantity... items) {
    return shop.orders()
        .quoteItems(QuoteItemsRequest.newBuilder().addAllItems(List.of(items)).build());
  }

  private static ItemQuantity item(Product product, int quantity) {
    return ItemQuantity.newBuilder()
        .setProductId(product.getProductId())
        .setQuantity(quantity)
        .build();
  }

  private Product get(String id) {
    return shop.anybody()
        .getProduct(GetProductRequest.newBuilder().setProductId(id).build())
        .getProduct();
  }

  private Product update(String id, Product.Builder fields, String... mask) {
    UpdateProductRequest.Builder request =
        UpdateProductRequest.newBuilder().setProductId(id).setProduct(fields);
    if (mask.length > 0) {
      request.setUpdateMask(FieldMask.newBuilder().addAllPaths(List.of(mask)));
    }
    return shop.admin().updateProduct(request.build()).getProduct();
  }

  private void delete(String id) {
    assertThat(
            shop.admin().deleteProduct(DeleteProductRequest.newBuilder().setProductId(id).build()))
        .isNotNull();
  }

  private List<Product> everything(String category) {
    ListProductsResponse response =
        shop.anybody()
            .listProducts(
                ListProductsRequest.newBuilder().setCategory(category).setPageSize(200).build());
    assertThat(response.getNextPageToken()).isEmpty();
    return response.getProductsList();
  }

  private void refusesField(String field, Product.Builder product) {
    invalid(field, () -> shop.product(product));
  }

  private static void invalid(String field, ThrowingCallable call) {
    RemoteError error = refused(Status.Code.INVALID_ARGUMENT, "INVALID_FIELD", call);
    assertThat(error.violations()).extracting(violation -> violation.field()).contains(field);
  }

  private static void notFound(String productId, ThrowingCallable call) {
    RemoteError error = refused(Status.Code.NOT_FOUND, "PRODUCT_NOT_FOUND", call);
    assertThat(error.metadata()).containsEntry("product_id", productId);
  }
}
