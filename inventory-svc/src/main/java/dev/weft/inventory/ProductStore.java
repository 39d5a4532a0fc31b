package dev.weft.inventory;

import dev.weft.durable.Rows;
import dev.weft.inventory.Product.Description;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.SqlStatement;

/** The SQL of products. Deleted ones are not found. */
final class ProductStore {
  private static final String COLUMNS =
      "product_id, sku, title, description, category, price_minor, currency, available, version,"
          + " create_time, update_time";
  private static final String CURRENT =
      " FROM product JOIN stock USING (product_id) " + "WHERE delete_time IS NULL";

  /** What may be the beginning of an article number. */
  private static final Pattern CODE = Pattern.compile("[a-z0-9._-]{1,64}");

  /**
   * A product that matches a search.
   *
   * @param rank how well; the same words give the same product the same rank, until it is changed
   */
  record Match(Product product, float rank) {}

  /** A place in the results of a search: behind the product of this rank and id. */
  record Place(float rank, UUID productId) {
    static Place behind(Match match) {
      return new Place(match.rank(), match.product().id());
    }

    /** Reads what {@link #text} wrote. */
    static Place parse(String text) {
      int space = text.indexOf(' ');
      if (space < 0) {
        throw new IllegalArgumentException("no place in search results");
      }
      return new Place(
          Float.parseFloat(text.substring(0, space)), UUID.fromString(text.substring(space + 1)));
    }

    String text() {
      return rank + " " + productId;
    }
  }

  /** Adds a product, with an empty stock; false if its SKU is taken. */
  boolean insert(Handle tx, UUID id, Description product) {
    return described(
                tx.createUpdate(
                    """
                    WITH added AS (
                      INSERT INTO product (product_id, sku, title, description, category,
                        price_minor, currency, create_time, update_time)
                      VALUES (:id, :sku, :title, :text, :category, :minor, :currency,
                        weft_now(), weft_now())
                      ON CONFLICT (sku) WHERE delete_time IS NULL DO NOTHING
                      RETURNING product_id)
                    INSERT INTO stock (product_id) SELECT product_id FROM added
                    """),
                id,
                product)
            .execute()
        == 1;
  }

  Optional<Product> find(Handle tx, UUID id) {
    return tx.createQuery("SELECT " + COLUMNS + CURRENT + " AND product_id = :id")
        .bind("id", id)
        .map((row, _) -> product(row))
        .findOne();
  }

  /** The product, locked against other changes until the transaction ends. */
  Optional<Product> lock(Handle tx, UUID id) {
    return tx.createQuery(
            "SELECT " + COLUMNS + CURRENT + " AND product_id = :id FOR NO KEY UPDATE OF product")
        .bind("id", id)
        .map((row, _) -> product(row))
        .findOne();
  }

  Map<UUID, Product> find(Handle tx, Collection<UUID> ids) {
    return tx
        .createQuery("SELECT " + COLUMNS + CURRENT + " AND product_id = ANY (:ids)")
        .bindArray("ids", UUID.class, ids)
        .map((row, _) -> product(row))
        .stream()
        .collect(Collectors.toMap(Product::id, Function.identity()));
  }

  /** Writes what may change of a locked product. */
  void update(Handle tx, UUID id, Description product) {
    int changed =
        described(
                tx.createUpdate(
                    """
                    UPDATE product SET title = :title, description = :text, category = :category,
                      price_minor = :minor, currency = :currency,
                      version = version + 1, update_time = weft_now()
                    WHERE product_id = :id AND sku = :sku AND delete_time IS NULL
                    """),
                id,
                product)
            .execute();
    Rows.one(changed, "product " + id);
  }

  /** Takes a product out of the catalogue; false if it is not in it. */
  boolean delete(Handle tx, UUID id) {
    return tx.createUpdate(
                """
                UPDATE product SET delete_time = weft_now(), update_time = weft_now(),
                  version = version + 1
                WHERE product_id = :id AND delete_time IS NULL
                """)
            .bind("id", id)
            .execute()
        == 1;
  }

  /** Products after the given one, oldest first. */
  List<Product> list(Handle tx, String category, Optional<UUID> after, int limit) {
    var query =
        tx.createQuery(
            "SELECT "
                + COLUMNS
                + CURRENT
                + below(category)
                + (after.isPresent() ? " AND product_id > :after" : "")
                + " ORDER BY product_id LIMIT :limit");
    after.ifPresent(id -> query.bind("after", id));
    return inCategory(query, category).bind("limit", limit).map((row, _) -> product(row)).list();
  }

  /** Products that match what a person typed, from a place on, best first, then oldest first. */
  List<Match> search(Handle tx, String typed, String category, Optional<Place> after, int limit) {
    String code = typed.strip().toLowerCase(Locale.ROOT);
    var query =
        tx.createQuery(
            "SELECT * FROM (SELECT "
                + COLUMNS
                + ", ts_rank_cd(search, product_query(:words, :code), 1) AS rank"
                + CURRENT
                + " AND search @@ product_query(:words, :code)"
                + below(category)
                + ") AS matching"
                + (after.isPresent()
                    ? " WHERE rank < :rank OR rank = :rank AND product_id > :after"
                    : "")
                + " ORDER BY rank DESC, product_id LIMIT :limit");
    after.ifPresent(place -> query.bind("rank", place.rank()).bind("after", place.productId()));
    return inCategory(query, category)
        .bind("words", typed)
        .bind("code", CODE.matcher(code).matches() ? code : "")
        .bind("limit", limit)
        .map((row, _) -> new Match(product(row), row.getFloat("rank")))
        .list();
  }

  private static String below(String category) {
    return category.isEmpty() ? "" : " AND category || '/' LIKE :below";
  }

  private static <S extends SqlStatement<S>> S inCategory(S query, String category) {
    // A category holds neither of the two characters that mean something to LIKE.
    return category.isEmpty() ? query : query.bind("below", category + "/%");
  }

  private static <S extends SqlStatement<S>> S described(
      S statement, UUID id, Description product) {
    return statement
        .bind("id", id)
        .bind("sku", product.sku())
        .bind("title", product.title())
        .bind("text", product.text())
        .bind("category", product.category())
        .bind("minor", product.price().minor())
        .bind("currency", product.price().currency());
  }

  private static Product product(ResultSet row) throws SQLException {
    return new Product(
        row.getObject("product_id", UUID.class),
        new Description(
            row.getString("sku"),
            row.getString("title"),
            row.getString("description"),
            row.getString("category"),
            new Price(row.getLong("price_minor"), row.getString("currency"))),
        row.getLong("available"),
        row.getLong("version"),
        time(row, "create_time"),
        time(row, "update_time"));
  }

  private static Instant time(ResultSet row, String column) throws SQLException {
    return row.getObject(column, OffsetDateTime.class).toInstant();
  }
}
