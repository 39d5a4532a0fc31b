package dev.weft.inventory;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Parser;
import com.google.type.Money;
import dev.weft.durable.CommandId;
import dev.weft.durable.RequestIds;
import dev.weft.inventory.Product.Change;
import dev.weft.inventory.Product.Description;
import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Rejection.FieldViolation;
import dev.weft.mesh.Timestamps;
import dev.weft.mesh.UuidText;
import dev.weft.shop.event.v1.ReservationReturned;
import dev.weft.shop.event.v1.ReturnedLine;
import dev.weft.shop.inventory.v1.ItemQuantity;
import dev.weft.shop.inventory.v1.ListProductsResponse;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsResponse;
import dev.weft.shop.inventory.v1.QuoteItemsResponse;
import dev.weft.shop.inventory.v1.QuotedItem;
import dev.weft.shop.inventory.v1.ReservationLine;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.inventory.v1.UpdateProductRequest;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * From the contract's messages to the domain and back. Pure; refuses what is not in the contract.
 */
final class InventoryMessages {
  /** What a mask may name although it changes nothing: clients send back what they were given. */
  private static final Set<String> NOT_CHANGED =
      Set.of("product_id", "available_quantity", "etag", "create_time", "update_time");

  private static final Set<String> CHANGED =
      Set.of("sku", "title", "description", "category", "price");

  private InventoryMessages() {}

  static UUID productId(String value) {
    return UuidText.parse("product_id", value);
  }

  /** Empty for the empty string, which means that the field was not set. */
  static Optional<UUID> productIdIfSet(String value) {
    return UuidText.parseIfSet("product_id", value);
  }

  static Set<UUID> orderIds(ListStockMovementsRequest request) {
    return request.getOrderIdsList().stream()
        .map(InventoryMessages::orderId)
        .collect(Collectors.toSet());
  }

  static UUID orderId(String value) {
    return UuidText.parse("order_id", value);
  }

  /** Text of one line. */
  static String line(String field, String value) {
    return text(field, value, Character::isISOControl);
  }

  /** Text with line breaks. */
  private static String text(String field, String value) {
    return text(
        field, value, c -> Character.isISOControl(c) && c != '\n' && c != '\r' && c != '\t');
  }

  private static String text(String field, String value, IntPredicate refused) {
    if (value.chars().anyMatch(refused)) {
      throw Rejection.invalid(field, "must not hold control characters");
    }
    return value;
  }

  private static String required(String field, String value) {
    if (value.isBlank()) {
      throw Rejection.invalid(field, "is required");
    }
    return value;
  }

  static Description description(dev.weft.shop.inventory.v1.Product product) {
    return new Description(
        required("product.sku", product.getSku()),
        title(product),
        text("product.description", product.getDescription()),
        product.getCategory(),
        price(product));
  }

  private static String title(dev.weft.shop.inventory.v1.Product product) {
    return required("product.title", line("product.title", product.getTitle()));
  }

  private static Price price(dev.weft.shop.inventory.v1.Product product) {
    if (!product.hasPrice()) {
      throw Rejection.invalid("product.price", "is required");
    }
    return new Price(
        MinorUnits.positive("product.price", product.getPrice()),
        product.getPrice().getCurrencyCode());
  }

  /** What to change: the fields that the mask names or, without one, those that are set. */
  static Change change(UpdateProductRequest request) {
    dev.weft.shop.inventory.v1.Product product = request.getProduct();
    Set<String> fields = new TreeSet<>();
    for (String path : request.getUpdateMask().getPathsList()) {
      // A price is one value: whoever changes a part of it gives all of it.
      fields.add(path.startsWith("price.") ? "price" : path);
    }
    if (fields.isEmpty()) {
      product.getAllFields().keySet().forEach(field -> fields.add(field.getName()));
    }
    List<FieldViolation> unknown =
        fields.stream()
            .filter(field -> !NOT_CHANGED.contains(field))
            .filter(field -> !CHANGED.contains(field))
            .map(_ -> new FieldViolation("update_mask", "names a field that a product has not"))
            .toList();
    if (!unknown.isEmpty()) {
      throw Rejection.invalid(unknown);
    }
    return new Change(
        given(fields, "sku", product, dev.weft.shop.inventory.v1.Product::getSku),
        given(fields, "title", product, InventoryMessages::title),
        given(
            fields,
            "description",
            product,
            given -> text("product.description", given.getDescription())),
        given(fields, "category", product, dev.weft.shop.inventory.v1.Product::getCategory),
        given(fields, "price", product, InventoryMessages::price));
  }

  private static <T> Optional<T> given(
      Set<String> fields,
      String field,
      dev.weft.shop.inventory.v1.Product product,
      Function<dev.weft.shop.inventory.v1.Product, T> value) {
    return fields.contains(field) ? Optional.of(value.apply(product)) : Optional.empty();
  }

  static List<Catalogue.Item> items(List<ItemQuantity> items) {
    return items.stream()
        .map(item -> new Catalogue.Item(productId(item.getProductId()), item.getQuantity()))
        .toList();
  }

  /** How many of each product: several items of one product are one line. */
  static SortedMap<UUID, Integer> quantities(List<ItemQuantity> items) {
    SortedMap<UUID, Integer> quantities = new TreeMap<>();
    items(items).forEach(item -> quantities.merge(item.productId(), item.quantity(), Integer::sum));
    return quantities;
  }

  static CommandId command(String text) {
    try {
      return CommandId.parse(text);
    } catch (IllegalArgumentException e) {
      throw Rejection.invalid("command_id", "expected saga:step:direction");
    }
  }

  /**
   * A request with an id.
   *
   * @param canonical the same text for requests that ask the same
   */
  static Request request(String principal, String method, String requestId, String canonical) {
    return new Request(new RequestIds.Key(principal, method, requestId), sha256(canonical));
  }

  /** The same text for products that are described the same. */
  static String canonical(Description product) {
    return Stream.of(
            product.sku(),
            product.title(),
            product.text(),
            product.category(),
            product.price().minor() + product.price().currency())
        .map(part -> part.length() + " " + part)
        .collect(Collectors.joining("\n"));
  }

  /** A reply that was kept. */
  static <T> T kept(Parser<T> parser, byte[] reply) {
    try {
      return parser.parseFrom(reply);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("a kept reply is damaged", e);
    }
  }

  private static Money money(Price price) {
    return MinorUnits.money(price.minor(), price.currency());
  }

  static dev.weft.shop.inventory.v1.Product product(Product product) {
    Description description = product.description();
    return dev.weft.shop.inventory.v1.Product.newBuilder()
        .setProductId(product.id().toString())
        .setSku(description.sku())
        .setTitle(description.title())
        .setDescription(description.text())
        .setCategory(description.category())
        .setPrice(money(description.price()))
        .setAvailableQuantity(product.available())
        .setEtag(product.etag())
        .setCreateTime(Timestamps.of(product.createTime()))
        .setUpdateTime(Timestamps.of(product.updateTime()))
        .build();
  }

  static ListProductsResponse products(Page<Product> page) {
    return ListProductsResponse.newBuilder()
        .addAllProducts(page.map(InventoryMessages::product).rows())
        .setNextPageToken(page.nextToken())
        .build();
  }

  static dev.weft.shop.inventory.v1.Stock stock(Stock stock) {
    return dev.weft.shop.inventory.v1.Stock.newBuilder()
        .setProductId(stock.productId().toString())
        .setReceived(stock.received())
        .setAvailable(stock.available())
        .setReserved(stock.reserved())
        .setSold(stock.sold())
        .build();
  }

  static QuoteItemsResponse quote(Catalogue.Quote quote) {
    QuoteItemsResponse.Builder response = QuoteItemsResponse.newBuilder();
    for (Catalogue.QuotedItem item : quote.items()) {
      response.addItems(
          QuotedItem.newBuilder()
              .setProductId(item.product().id().toString())
              .setTitle(item.product().description().title())
              .setQuantity(item.quantity())
              .setUnitPrice(money(item.product().description().price()))
              .setLineTotal(money(item.lineTotal())));
    }
    return response.setTotal(money(quote.total())).build();
  }

  static dev.weft.shop.inventory.v1.Reservation reservation(Reservation reservation) {
    dev.weft.shop.inventory.v1.Reservation.Builder message =
        dev.weft.shop.inventory.v1.Reservation.newBuilder()
            .setOrderId(reservation.orderId().toString())
            .setState(state(reservation.state()));
    reservation
        .lines()
        .forEach(
            (productId, quantity) ->
                message.addLines(
                    ReservationLine.newBuilder()
                        .setProductId(productId.toString())
                        .setQuantity(quantity)));
    reservation.expireTime().ifPresent(time -> message.setExpireTime(Timestamps.of(time)));
    return message.build();
  }

  /** That what was sold for a reservation is back, as others need to know it. */
  static ReservationReturned returned(Reservation reservation) {
    ReservationReturned.Builder message =
        ReservationReturned.newBuilder().setOrderId(reservation.orderId().toString());
    reservation
        .lines()
        .forEach(
            (productId, quantity) ->
                message.addLines(
                    ReturnedLine.newBuilder()
                        .setProductId(productId.toString())
                        .setQuantity(quantity)));
    return message.build();
  }

  static ListStockMovementsResponse movements(Page<Movement> page) {
    return ListStockMovementsResponse.newBuilder()
        .addAllMovements(page.map(InventoryMessages::movement).rows())
        .setNextPageToken(page.nextToken())
        .build();
  }

  private static StockMovement movement(Movement movement) {
    return StockMovement.newBuilder()
        .setMovementId(movement.id())
        .setProductId(movement.productId().toString())
        .setKind(kind(movement.kind()))
        .setQuantity(movement.quantity())
        .setOrderId(movement.orderId().map(UUID::toString).orElse(""))
        .setCreateTime(Timestamps.of(movement.createTime()))
        .build();
  }

  private static StockMovement.Kind kind(Movement.Kind kind) {
    return switch (kind) {
      case RESTOCK -> StockMovement.Kind.KIND_RESTOCK;
      case RESERVE -> StockMovement.Kind.KIND_RESERVE;
      case CONFIRM -> StockMovement.Kind.KIND_CONFIRM;
      case RELEASE -> StockMovement.Kind.KIND_RELEASE;
      case EXPIRE -> StockMovement.Kind.KIND_EXPIRE;
      case RETURN -> StockMovement.Kind.KIND_RETURN;
    };
  }

  private static dev.weft.shop.inventory.v1.Reservation.State state(Reservation.State state) {
    return switch (state) {
      case HELD -> dev.weft.shop.inventory.v1.Reservation.State.STATE_HELD;
      case PINNED -> dev.weft.shop.inventory.v1.Reservation.State.STATE_PINNED;
      case CONFIRMED -> dev.weft.shop.inventory.v1.Reservation.State.STATE_CONFIRMED;
      case RELEASED -> dev.weft.shop.inventory.v1.Reservation.State.STATE_RELEASED;
      case EXPIRED -> dev.weft.shop.inventory.v1.Reservation.State.STATE_EXPIRED;
      case RETURNED -> dev.weft.shop.inventory.v1.Reservation.State.STATE_RETURNED;
    };
  }

  static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
