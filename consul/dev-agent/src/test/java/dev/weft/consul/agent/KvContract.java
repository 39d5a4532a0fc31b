package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * {@code /v1/kv} and {@code /v1/txn}. Each statement and its test:
 *
 * <ul>
 *   <li>values are base64, with flags and indexes: {@link #keepsAValueAndShowsItInBase64}.
 *   <li>an empty value is null: {@link #showsAnEmptyValueAsNull}.
 *   <li>raw: {@link #showsARawValueThatNoBrowserWillRun}.
 *   <li>a key keeps its first index: {@link #keepsTheCreateIndexWhenAKeyIsWrittenAgain}.
 *   <li>keys may hold anything a path can escape: {@link #takesKeysWithEscapesApart}.
 *   <li>recurse: {@link #listsRecursively}.
 *   <li>keys and separator: {@link #listsKeysUpToASeparator}.
 *   <li>cas=0 creates only: {@link #createsOnlyANewKeyWithCasZero}.
 *   <li>cas writes only what was not written since: {@link
 *       #writesWithCasOnlyWhatWasNotWrittenSince}.
 *   <li>deletes are true, whatever was there: {@link #deletesAKeyWhetherItIsThereOrNot}.
 *   <li>deletes with cas: {@link #deletesWithCasOnlyWhatWasNotWrittenSince}.
 *   <li>deletes with recurse: {@link #deletesAWholeTree}.
 *   <li>404 has an index, by which a query waits for the key: {@link #indexesKeysThatAreNotThere}.
 *   <li>a query for a key wakes for a write and a deletion: {@link
 *       #wakesAQueryForAKeyWhenItIsWrittenOrDeleted}.
 *   <li>524,288 bytes at most, or 413: {@link #takesValuesUpToHalfAMebibyte}.
 *   <li>no key is 400: {@link #asksForAKey}.
 *   <li>a transaction has one index: {@link #takesEveryStepOfATransactionAtOneIndex}.
 *   <li>a transaction happens whole or not: {@link #takesNoStepOfATransactionIfOneFails}.
 *   <li>a transaction can depend on indexes: {@link #checksConditionsInATransaction}.
 * </ul>
 */
interface KvContract extends Contract {
  @Test
  default void keepsAValueAndShowsItInBase64() {
    String key = unique("key");
    assertThat(api().put("/v1/kv/" + key + "?flags=42", "hello").isOk().json()).isEqualTo(true);
    Api.Answer answer = api().get("/v1/kv/" + key).isOk();
    assertThat(answer.at(0, "Key")).isEqualTo(key);
    assertThat(answer.at(0, "Value")).isEqualTo(base64("hello"));
    assertThat(answer.at(0, "Flags")).isEqualTo(42L);
    assertThat(answer.at(0, "LockIndex")).isEqualTo(0L);
    assertThat(answer.at(0, "ModifyIndex")).isEqualTo(answer.at(0, "CreateIndex"));
    assertThat(answer.index()).isEqualTo(answer.at(0, "ModifyIndex"));
  }

  @Test
  default void showsAnEmptyValueAsNull() {
    String key = unique("empty");
    api().put("/v1/kv/" + key, "").isOk();
    assertThat(api().get("/v1/kv/" + key).isOk().at(0, "Value")).isNull();
    assertThat(api().get("/v1/kv/" + key + "?raw").isOk().body()).isEmpty();
  }

  @Test
  default void showsARawValueThatNoBrowserWillRun() {
    String key = unique("raw");
    api().put("/v1/kv/" + key, "<b>é</b>").isOk();
    Api.Answer answer = api().get("/v1/kv/" + key + "?raw").isOk();
    assertThat(answer.body()).isEqualTo("<b>é</b>");
    assertThat(answer.header("Content-Type")).isEqualTo("text/plain");
    assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
    assertThat(answer.header("Content-Security-Policy")).isEqualTo("sandbox");
  }

  @Test
  default void keepsTheCreateIndexWhenAKeyIsWrittenAgain() {
    String key = unique("twice");
    api().put("/v1/kv/" + key, "1").isOk();
    Api.Answer first = api().get("/v1/kv/" + key);
    api().put("/v1/kv/" + key, "2").isOk();
    Api.Answer second = api().get("/v1/kv/" + key);
    assertThat(second.at(0, "CreateIndex")).isEqualTo(first.at(0, "CreateIndex"));
    assertThat(second.index()).isGreaterThan(first.index());
  }

  @Test
  default void takesKeysWithEscapesApart() {
    String key = unique("esc");
    api().put("/v1/kv/" + key + "%20x/%C3%A9%2Fz", "1").isOk();
    assertThat(api().get("/v1/kv/" + key + "%20x/?recurse").at(0, "Key")).isEqualTo(key + " x/é/z");
  }

  @Test
  default void listsRecursively() {
    String prefix = tree();
    Api.Answer all = api().get("/v1/kv/" + prefix + "?recurse").isOk();
    assertThat(keys(all)).containsExactly(prefix + "/a", prefix + "/b", prefix + "/c/d");
    Api.Answer none = api().get("/v1/kv/" + prefix + "/x?recurse");
    assertThat(none.status()).isEqualTo(404);
    assertThat(none.index()).isPositive();
  }

  @Test
  default void listsKeysUpToASeparator() {
    String prefix = tree();
    assertThat(api().get("/v1/kv/" + prefix + "?keys").isOk().list())
        .isEqualTo(List.of(prefix + "/a", prefix + "/b", prefix + "/c/d"));
    assertThat(api().get("/v1/kv/" + prefix + "/?keys&separator=/").isOk().list())
        .isEqualTo(List.of(prefix + "/a", prefix + "/b", prefix + "/c/"));
    assertThat(api().get("/v1/kv/" + prefix + "/x?keys").status()).isEqualTo(404);
  }

  private String tree() {
    String prefix = unique("tree");
    api().put("/v1/kv/" + prefix + "/b", "2").isOk();
    api().put("/v1/kv/" + prefix + "/a", "1").isOk();
    api().put("/v1/kv/" + prefix + "/c/d", "3").isOk();
    return prefix;
  }

  private static List<String> keys(Api.Answer answer) {
    return answer.list().stream()
        .map(entry -> String.valueOf(((Map<?, ?>) entry).get("Key")))
        .toList();
  }

  @Test
  default void createsOnlyANewKeyWithCasZero() {
    String key = unique("cas");
    assertThat(api().put("/v1/kv/" + key + "?cas=0", "1").isOk().json()).isEqualTo(true);
    assertThat(api().put("/v1/kv/" + key + "?cas=0", "2").isOk().json()).isEqualTo(false);
    assertThat(api().get("/v1/kv/" + key + "?raw").body()).isEqualTo("1");
  }

  @Test
  default void writesWithCasOnlyWhatWasNotWrittenSince() {
    String key = unique("cas");
    api().put("/v1/kv/" + key, "1").isOk();
    long index = api().get("/v1/kv/" + key).index();
    assertThat(api().put("/v1/kv/" + key + "?cas=" + index, "2").isOk().json()).isEqualTo(true);
    assertThat(api().put("/v1/kv/" + key + "?cas=" + index, "3").isOk().json()).isEqualTo(false);
    assertThat(api().get("/v1/kv/" + key + "?raw").body()).isEqualTo("2");
    Api.Answer unreadable = api().put("/v1/kv/" + key + "?cas=abc", "4");
    assertThat(unreadable.status()).isEqualTo(500);
    assertThat(unreadable.body()).isEqualTo("strconv.ParseUint: parsing \"abc\": invalid syntax");
  }

  @Test
  default void deletesAKeyWhetherItIsThereOrNot() {
    String key = unique("deleted");
    api().put("/v1/kv/" + key, "1").isOk();
    assertThat(api().delete("/v1/kv/" + key).isOk().json()).isEqualTo(true);
    assertThat(api().get("/v1/kv/" + key).status()).isEqualTo(404);
    assertThat(api().delete("/v1/kv/" + key).isOk().json()).isEqualTo(true);
  }

  @Test
  default void deletesWithCasOnlyWhatWasNotWrittenSince() {
    String key = unique("deleted");
    api().put("/v1/kv/" + key, "1").isOk();
    long index = api().get("/v1/kv/" + key).index();
    assertThat(api().delete("/v1/kv/" + key + "?cas=1").isOk().json()).isEqualTo(false);
    assertThat(api().delete("/v1/kv/" + key + "?cas=" + index).isOk().json()).isEqualTo(true);
  }

  @Test
  default void deletesAWholeTree() {
    String prefix = tree();
    assertThat(api().delete("/v1/kv/" + prefix + "/?recurse").isOk().json()).isEqualTo(true);
    assertThat(api().get("/v1/kv/" + prefix + "?recurse").status()).isEqualTo(404);
    Api.Answer conflict = api().delete("/v1/kv/" + prefix + "?recurse&cas=1");
    assertThat(conflict.status()).isEqualTo(400);
    assertThat(conflict.body()).isEqualTo("Conflicting flags: cas=1&recurse=");
  }

  @Test
  default void indexesKeysThatAreNotThere() throws Exception {
    String key = unique("absent");
    Api.Answer absent = api().get("/v1/kv/" + key);
    assertThat(absent.status()).isEqualTo(404);
    assertThat(absent.body()).isEmpty();
    assertThat(absent.index()).isPositive();
    Api.Pending next = api().after("/v1/kv/" + key, absent.index());
    api().put("/v1/kv/" + key, "here").isOk();
    Api.Answer answer = next.wakes();
    while (answer.status() == 404) {
      answer = api().after("/v1/kv/" + key, answer.index()).wakes();
    }
    assertThat(answer.at(0, "Value")).isEqualTo(base64("here"));
  }

  @Test
  default void wakesAQueryForAKeyWhenItIsWrittenOrDeleted() throws Exception {
    String key = unique("watched");
    api().put("/v1/kv/" + key, "1").isOk();
    Api.Pending written = api().after("/v1/kv/" + key, api().get("/v1/kv/" + key).index());
    written.sleepsFor(Duration.ofMillis(300));
    api().put("/v1/kv/" + key, "2").isOk();
    Api.Answer two = written.wakes();
    assertThat(two.at(0, "Value")).isEqualTo(base64("2"));
    Api.Pending deleted = api().after("/v1/kv/" + key, two.index());
    deleted.sleepsFor(Duration.ofMillis(300));
    api().delete("/v1/kv/" + key).isOk();
    assertThat(deleted.wakes().status()).isEqualTo(404);
  }

  @Test
  default void takesValuesUpToHalfAMebibyte() {
    String key = unique("big");
    assertThat(api().put("/v1/kv/" + key, new byte[524_288]).isOk().json()).isEqualTo(true);
    Api.Answer tooBig = api().put("/v1/kv/" + key, new byte[524_289]);
    assertThat(tooBig.status()).isEqualTo(413);
    assertThat(tooBig.body())
        .startsWith("Request body(524289 bytes) too large, max size: 524288 bytes.");
    api().delete("/v1/kv/" + key).isOk();
  }

  @Test
  default void asksForAKey() {
    assertThat(api().get("/v1/kv/").status()).isEqualTo(400);
    assertThat(api().put("/v1/kv/", "x").body()).isEqualTo("Missing key name");
    assertThat(api().delete("/v1/kv/").status()).isEqualTo(400);
  }

  @Test
  default void takesEveryStepOfATransactionAtOneIndex() {
    String key = unique("txn");
    Api.Answer answer =
        api()
            .put(
                "/v1/txn",
                """
                [{"KV":{"Verb":"set","Key":"%1$s/1","Value":"aGVsbG8="}},
                 {"KV":{"Verb":"set","Key":"%1$s/2","Value":"aGVsbG8="}},
                 {"KV":{"Verb":"get","Key":"%1$s/1"}}]\
                """
                    .formatted(key))
            .isOk();
    assertThat(answer.at("Errors")).isNull();
    assertThat(answer.at("Results", 0, "KV", "Value")).isNull();
    assertThat(answer.at("Results", 2, "KV", "Value")).isEqualTo("aGVsbG8=");
    assertThat(answer.at("Results", 0, "KV", "ModifyIndex"))
        .isEqualTo(answer.at("Results", 1, "KV", "ModifyIndex"));
    Api.Answer tree =
        api().put("/v1/txn", "[{\"KV\":{\"Verb\":\"get-tree\",\"Key\":\"%s\"}}]".formatted(key));
    assertThat((List<?>) tree.at("Results")).hasSize(2);
    api()
        .put("/v1/txn", "[{\"KV\":{\"Verb\":\"delete-tree\",\"Key\":\"%s\"}}]".formatted(key))
        .isOk();
    assertThat(api().get("/v1/kv/" + key + "?recurse").status()).isEqualTo(404);
  }

  @Test
  default void takesNoStepOfATransactionIfOneFails() {
    String key = unique("txn");
    api().put("/v1/kv/" + key + "/1", "old").isOk();
    Api.Answer answer =
        api()
            .put(
                "/v1/txn",
                """
                [{"KV":{"Verb":"set","Key":"%1$s/2","Value":"aGVsbG8="}},
                 {"KV":{"Verb":"cas","Key":"%1$s/1","Value":"aGVsbG8=","Index":1}},
                 {"KV":{"Verb":"get","Key":"%1$s/3"}}]\
                """
                    .formatted(key));
    assertThat(answer.status()).isEqualTo(409);
    assertThat(answer.at("Results")).isNull();
    assertThat(answer.at("Errors", 0, "OpIndex")).isEqualTo(1L);
    assertThat(answer.at("Errors", 0, "What"))
        .isEqualTo("failed to set key \"" + key + "/1\", index is stale");
    assertThat(answer.at("Errors", 1, "What")).isEqualTo("key \"" + key + "/3\" doesn't exist");
    assertThat(api().get("/v1/kv/" + key + "/2").status()).isEqualTo(404);
    assertThat(api().get("/v1/kv/" + key + "/1?raw").body()).isEqualTo("old");
  }

  @Test
  default void checksConditionsInATransaction() {
    String key = unique("txn");
    api().put("/v1/kv/" + key, "1").isOk();
    long index = api().get("/v1/kv/" + key).index();
    api()
        .put(
            "/v1/txn",
            """
            [{"KV":{"Verb":"check-index","Key":"%1$s","Index":%2$d}},
             {"KV":{"Verb":"check-not-exists","Key":"%1$s-no"}},
             {"KV":{"Verb":"delete-cas","Key":"%1$s","Index":%2$d}}]\
            """
                .formatted(key, index))
        .isOk();
    Api.Answer refused =
        api()
            .put(
                "/v1/txn",
                "[{\"KV\":{\"Verb\":\"check-index\",\"Key\":\"%s\",\"Index\":5}},{\"KV\":{\"Verb\":\"bogus\",\"Key\":\"k\"}}]"
                    .formatted(key));
    assertThat(refused.status()).isEqualTo(409);
    assertThat(refused.at("Errors", 1, "What")).isEqualTo("unknown KV verb \"bogus\"");
    Api.Answer unreadable = api().put("/v1/txn", "[{\"KV\":{\"Foo\":\"get\"}}]");
    assertThat(unreadable.status()).isEqualTo(400);
    assertThat(unreadable.body()).isEqualTo("Failed to parse body: json: unknown field \"Foo\"");
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }
}
