package dev.weft.bench;

import com.google.protobuf.Timestamp;
import dev.weft.bench.v1.Item;
import dev.weft.bench.v1.ListItemsResponse;
import dev.weft.bench.v1.PlaceOrderRequest;
import dev.weft.bench.v1.Price;

/** The messages that the transcoder is measured with. No field has its default. */
final class CatalogSamples {
  private CatalogSamples() {}

  static Item item(int n) {
    return Item.newBuilder()
        .setItemId("item-%06d".formatted(n))
        .setTitle("Insulated bottle " + n)
        .setStock(100_000L + n)
        .setRating(1 + n % 40 / 10.0 + 0.05)
        .setActive(true)
        .setCategory(n % 2 == 0 ? Item.Category.CATEGORY_HOME : Item.Category.CATEGORY_SPORT)
        .addTags("steel")
        .addTags("outdoor")
        .setPrice(price(1_099 + n))
        .setUpdateTime(Timestamp.newBuilder().setSeconds(1_768_471_200L + n).setNanos(123_000_000))
        .putAttributes("color", "green")
        .putAttributes("size", "750")
        .setWeightGrams(300 + n)
        .setVendor("acme")
        .build();
  }

  static ListItemsResponse page(int size) {
    ListItemsResponse.Builder page = ListItemsResponse.newBuilder().setNextPageToken("page-2");
    for (int i = 1; i <= size; i++) {
      page.addItems(item(i));
    }
    return page.build();
  }

  static PlaceOrderRequest order(int lines) {
    PlaceOrderRequest.Builder order =
        PlaceOrderRequest.newBuilder()
            .setCustomerId("customer-4711")
            .setEmail("jane.doe@example.com")
            .setStreet("Long Street 17, \"rear\" building")
            .setCity("Köln")
            .putLabels("channel", "web")
            .putLabels("campaign", "autumn");
    for (int i = 1; i <= lines; i++) {
      order.addLines(
          PlaceOrderRequest.Line.newBuilder()
              .setItemId("item-%06d".formatted(i))
              .setQuantity(i)
              .setUnitPrice(price(1_250 + 100 * i)));
    }
    return order.build();
  }

  private static Price price(int cents) {
    return Price.newBuilder()
        .setCurrencyCode("EUR")
        .setUnits(cents / 100)
        .setNanos((cents % 100 + 1) * 10_000_000)
        .build();
  }
}
