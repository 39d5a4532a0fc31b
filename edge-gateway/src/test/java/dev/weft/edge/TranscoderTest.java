package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Durations;
import com.google.type.Money;
import dev.weft.edge.library.Author;
import dev.weft.edge.library.Book;
import dev.weft.edge.library.CreateBookRequest;
import dev.weft.edge.library.EchoRequest;
import dev.weft.edge.library.EchoResponse;
import dev.weft.edge.library.Everything;
import dev.weft.edge.library.GetBookResponse;
import dev.weft.edge.library.LendBookRequest;
import dev.weft.edge.library.ListBooksRequest;
import dev.weft.edge.library.UpdateBookRequest;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TranscoderTest {
  private static final ServiceSchema LIBRARY = Contracts.library();
  private static final Transcoder ECHO = of("POST", "/library/echo");
  private static final Transcoder LIST = of("GET", "/library/books");
  private static final Transcoder PATCH = of("PATCH", "/library/books/{book.book_id}");
  private static final Transcoder LEND = of("POST", "/library/books/{book_id}:lend");
  private static final Transcoder CREATE = of("POST", "/library/books");

  @Test
  void readsEveryKindOfField() throws Exception {
    Everything read =
        echo(
            """
            {"int32": -1, "int64": "9223372036854775807", "uint32": 4294967295,
             "uint64": "18446744073709551615", "float": 1.5, "double": "NaN", "bool": true,
             "string": "€😀", "bytes": "_-8", "genre": "GENRE_POETRY", "numbers": [1, "2", 3.0, 4e0],
             "totals": {"a": 1, "b": "2"}, "flags": {"true": "x"},
             "nested": {"nested": {"int32": 7}}, "maybe": 0, "text": "t",
             "timestamp": "2026-11-21T12:00:00Z", "duration": "1.5s", "mask": "a,bC",
             "struct": {"a": [1, null, "x"]}, "value": null, "wrapped": "5",
             "any": {"@type": "type.googleapis.com/library.v1.Author", "givenName": "A"},
             "snake_case_name": "s", "children": [{}, {"int32": 1}], "nothing": null,
             "values": [null, 1]}
            """);

    Everything expected =
        Everything.newBuilder()
            .setInt32(-1)
            .setInt64(Long.MAX_VALUE)
            .setUint32(-1)
            .setUint64(-1)
            .setFloat(1.5f)
            .setDouble(Double.NaN)
            .setBool(true)
            .setString("€😀")
            .setBytes(ByteString.copyFrom(new byte[] {(byte) 0xff, (byte) 0xef}))
            .setGenre(Book.Genre.GENRE_POETRY)
            .addAllNumbers(List.of(1, 2, 3, 4))
            .putTotals("a", 1)
            .putTotals("b", 2)
            .putFlags(true, "x")
            .setNested(Everything.newBuilder().setNested(Everything.newBuilder().setInt32(7)))
            .setMaybe(0)
            .setText("t")
            .setTimestamp(Timestamp.newBuilder().setSeconds(1795262400L))
            .setAny(Any.pack(Author.newBuilder().setGivenName("A").build()))
            .setSnakeCaseName("s")
            .build();
    assertThat(
            read.toBuilder()
                .clearDuration()
                .clearMask()
                .clearStruct()
                .clearValue()
                .clearWrapped()
                .clearChildren()
                .clearValues()
                .build())
        .isEqualTo(expected);
    assertThat(Durations.toMillis(read.getDuration())).isEqualTo(1_500);
    assertThat(read.getMask().getPathsList()).containsExactly("a", "b_c");
    assertThat(read.getStruct().getFieldsOrThrow("a").getListValue().getValuesCount()).isEqualTo(3);
    assertThat(read.getValue().hasNullValue()).isTrue();
    assertThat(read.getWrapped().getValue()).isEqualTo(5);
    assertThat(read.getChildrenCount()).isEqualTo(2);
    assertThat(read.getValuesCount()).isEqualTo(2);
    assertThat(read.hasMaybe()).isTrue();
  }

  @Test
  void takesNullForAbsentAndAnEmptyBodyForTheDefault() throws Exception {
    assertThat(
            echo(
                "{\"int32\": null, \"numbers\": null, \"nested\": null, \"text\": null,"
                    + " \"number\": 1, \"timestamp\": null}"))
        .isEqualTo(Everything.newBuilder().setNumber(1).build());
    assertThat(ECHO.request(List.of(), List.of(), new byte[0], Transcoder.Headers.NONE)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        // Not JSON, or more than it.
        "{} {}                               | ``         | more follows",
        "{}x                                 | ``         | not valid JSON",
        ")]}'{}                              | ``         | not valid JSON",
        "{\"int32\":1,}                      | /int32     | not valid JSON",
        "{\"int32\":1/*c*/}                  | /int32     | not valid JSON",
        "{'int32':1}                         | ``         | not valid JSON",
        "{int32:1}                           | ``         | not valid JSON",
        "{\"int32\":01}                      | /int32     | not valid JSON",
        "{\"int32\":+1}                      | /int32     | not valid JSON",
        "{\"double\":.5}                     | /double    | not valid JSON",
        "{\"double\":NaN}                    | /double    | not valid JSON",
        "{\"int32\":0x1}                     | /int32     | not valid JSON",
        "null                                | ``         | expected an object",
        "[]                                  | ``         | expected an object",
        "\"x\"                               | ``         | expected an object",
        "1                                   | ``         | expected an object",
        // Names.
        "{\"int32\":1,\"int32\":1}           | /int32     | twice",
        "{\"int32\":0,\"int32\":5}           | /int32     | twice",
        "{\"snakeCaseName\":\"\",\"snake_case_name\":\"\"} | /snakeCaseName | another spelling",
        "{\"children\":[{\"snake_case_name\":1}]} | /children/0/snakeCaseName | a string",
        "{\"isAdmin\":true}                  | /isAdmin   | unknown field",
        "{\"strnig\":\"x\"}                  | /strnig    | did you mean string?",
        "{\"nested\":{\"children\":[{},{\"nope\":1}]}} | /nested/children/1/nope | unknown field",
        "{\"totals\":{\"a\":1,\"a\":2}}      | /totals/a  | twice",
        "{\"flags\":{\"yes\":\"\"}}          | /flags/yes | true or false",
        "{\"struct\":{\"a\":1,\"a\":2}}      | /struct/a  | twice",
        "{\"text\":\"\",\"number\":0}        | /number    | text is",
        // Values.
        "{\"int32\":2147483648}              | /int32     | 32-bit",
        "{\"int32\":1.5}                     | /int32     | 32-bit",
        "{\"int32\":1e999999999}             | /int32     | 32-bit",
        "{\"int32\":1e-999999999}            | /int32     | 32-bit",
        "{\"int32\":\"\"}                    | /int32     | 32-bit",
        "{\"int32\":\" 1\"}                  | /int32     | 32-bit",
        "{\"int32\":true}                    | /int32     | a number",
        "{\"int32\":{\"$ne\":1}}             | /int32     | a number",
        "{\"int64\":9223372036854775808}     | /int64     | 64-bit",
        "{\"uint32\":-1}                     | /uint32    | unsigned",
        "{\"uint64\":18446744073709551616}   | /uint64    | unsigned",
        "{\"float\":1e39}                    | /float     | range of a float",
        "{\"double\":1e400}                  | /double    | range of a double",
        "{\"bool\":\"true\"}                 | /bool      | true or false",
        "{\"bool\":1}                        | /bool      | true or false",
        "{\"string\":1}                      | /string    | a string",
        "{\"string\":\"\\ud800\"}            | /string    | surrogates",
        "{\"struct\":{\"a\":\"\\udc00x\"}}   | /struct/a  | surrogates",
        "{\"bytes\":\"*\"}                   | /bytes     | base64",
        "{\"genre\":\"GENRE_POETRI\"}        | /genre     | did you mean GENRE_POETRY?",
        "{\"genre\":1.5}                     | /genre     | Genre",
        "{\"numbers\":[1,null]}              | /numbers/1 | null",
        "{\"numbers\":1}                     | /numbers   | an array",
        "{\"totals\":[]}                     | /totals    | an object",
        "{\"nested\":[]}                     | /nested    | an object",
        "{\"timestamp\":\"yesterday\"}       | /timestamp | Timestamp",
        "{\"duration\":\"1\"}                | /duration  | Duration",
        "{\"any\":{\"@type\":\"x/no.Such\"}} | /any       | Any",
        // Names that other readers act on.
        "{\"@type\":\"type.googleapis.com/library.v1.Author\"} | /@type | unknown field",
        "{\"nested\":{\"@type\":\"x\"}}     | /nested/@type | unknown field",
        "{\"__proto__\":{\"int32\":1}}       | /__proto__ | unknown field",
        "{\"constructor\":{}}                | /constructor | unknown field",
        "{\"@class\":\"java.lang.Runtime\"}  | /@class    | unknown field",
        "{\"$ref\":\"#/\"}                   | /$ref      | unknown field",
        "{\"nested\":{\"$ref\":\"#\"}}       | /nested/$ref | unknown field",
      })
  void refusesJsonThatIsNotExactlyRight(String json, String pointer, String detail) {
    Problem.Violation violation = refused(ECHO, json.strip());

    assertThat(violation.detail()).contains(detail);
    assertThat(violation.pointer()).isEqualTo(pointer.strip());
  }

  /** Where names are anybody's, these are names as any other. */
  @Test
  void keepsNamesThatOtherReadersActOn() throws Exception {
    Everything read =
        echo(
            "{\"totals\":{\"__proto__\":1,\"@type\":2},\"struct\":{\"$ref\":\"#\",\"__proto__\":{}}}");

    assertThat(read.getTotalsMap()).containsOnlyKeys("__proto__", "@type");
    assertThat(read.getStruct().getFieldsMap()).containsOnlyKeys("$ref", "__proto__");
  }

  /**
   * Each of two halves has one hash, as {@code String} has it, and so have all that are made of
   * them: what looks for doubles and what keeps them must not go through all for each.
   */
  @Test
  void tellsNamesApartThatAreMadeToCollide() throws Exception {
    List<String> names = colliding(11);
    String entries =
        names.stream().map(name -> "\"" + name + "\":1").collect(Collectors.joining(","));

    assertThat(names.stream().mapToInt(String::hashCode).distinct().count()).isEqualTo(1);
    assertThat(echo("{\"totals\":{" + entries + "}}").getTotalsMap()).hasSize(2_048);
    assertThat(echo("{\"struct\":{" + entries + "}}").getStruct().getFieldsMap()).hasSize(2_048);
    String twice = names.getLast();
    for (String field : List.of("totals", "struct")) {
      Problem.Violation violation =
          refused(ECHO, "{\"" + field + "\":{" + entries + ",\"" + twice + "\":1}}");
      assertThat(violation.pointer()).isEqualTo("/" + field + "/" + twice);
      assertThat(violation.detail()).contains("twice");
    }
    assertThat(refused(ECHO, "{" + entries + "}").detail()).contains("unknown field");
  }

  private static List<String> colliding(int parts) {
    List<String> names = List.of("");
    for (int i = 0; i < parts; i++) {
      names = names.stream().flatMap(name -> Stream.of(name + "Aa", name + "BB")).toList();
    }
    return names;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\u00c0\u00af",
        "\u00ed\u00a0\u0080",
        "\u00ff\u00fe{\u0000}\u0000",
        "\u00e2\u0082"
      })
  void refusesInvalidUtf8(String latin1) {
    byte[] json = ("{\"string\":\"" + latin1 + "\"}").getBytes(ISO_8859_1);

    Refused refused =
        catchThrowableOfType(
            Refused.class, () -> ECHO.request(List.of(), List.of(), json, Transcoder.Headers.NONE));

    assertThat(refused.problem().message()).contains("UTF-8");
  }

  @ParameterizedTest
  @ValueSource(ints = {101, 1_001, 4_000, 30_000})
  void refusesDepthWithoutExhaustingTheStack(int depth) {
    assertThat(refused(ECHO, "{\"nested\":".repeat(depth) + "{}" + "}".repeat(depth)).detail())
        .contains("nested deeper");
    assertThat(refused(ECHO, "{\"value\":" + "[".repeat(depth) + "]".repeat(depth) + "}").detail())
        .contains("nested deeper");
  }

  @Test
  void refusesAByteOrderMark() {
    assertThat(refused(ECHO, "\ufeff{}").detail()).contains("not valid JSON");
  }

  @Test
  void ignoresWhatItDoesNotKnowOnlyWhereTheMethodIsLenient() {
    Transcoder lenient = of("POST", "/library/fail");

    byte[] request =
        lenient.request(
            List.of(),
            List.of(new RequestTarget.Parameter("nope", "1")),
            "{\"code\":5,\"nope\":{\"code\":[1]}}".getBytes(UTF_8),
            Transcoder.Headers.NONE);

    assertThat(request).containsExactly(8, 5);
  }

  @Test
  void bindsQueryParametersOfEveryKind() throws Exception {
    ListBooksRequest request =
        ListBooksRequest.parseFrom(
            query(
                "page_size=5&pageToken=a%20b&genres=GENRE_NOVEL&genres=2&labels[x.y]=1&labels[z]=2"
                    + "&author.given_name=A&author.familyName=B&since=2026-11-21T12:00:00Z"
                    + "&readMask=a,b.c&query=%7B%22k%22%3A%5B1%5D%7D&lent=true&cookie=_-8"
                    + "&$fields=x&key=k&access_token=t"));

    assertThat(request.getPageSize()).isEqualTo(5);
    assertThat(request.getPageToken()).isEqualTo("a b");
    assertThat(request.getGenresList())
        .containsExactly(Book.Genre.GENRE_NOVEL, Book.Genre.GENRE_POETRY);
    assertThat(request.getLabelsMap()).containsEntry("x.y", 1).containsEntry("z", 2);
    assertThat(request.getAuthor())
        .isEqualTo(Author.newBuilder().setGivenName("A").setFamilyName("B").build());
    assertThat(request.getSince().getSeconds()).isEqualTo(1795262400L);
    assertThat(request.getReadMask().getPathsList()).containsExactly("a", "b.c");
    assertThat(request.getQuery().getFieldsOrThrow("k").getListValue().getValuesCount()).isOne();
    assertThat(request.getLent().getValue()).isTrue();
    assertThat(request.getCookie().size()).isEqualTo(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "pageSiz=1                   | /pageSiz          | did you mean pageSize?",
        "nonsense=1                  | /nonsense         | unknown parameter",
        "author.x=1                  | /author.x         | unknown parameter",
        "page_token.x=1              | /page_token.x     | unknown parameter",
        "pageSize[a]=1               | /pageSize[a]      | unknown parameter",
        "page_size=1&pageSize=1      | /pageSize         | more than once",
        "labels[a]=1&labels[a]=2     | /labels/a         | more than once",
        "page_size=1&page_size=1     | /pageSize         | more than once",
        "page_size=x                 | /pageSize         | 32-bit",
        "author.given_name=a&author.givenName=b | /author/givenName | more than once",
        "labels[a/b]=x               | /labels/a~1b      | 32-bit",
        "pageSize=                   | /pageSize         | 32-bit",
        "pageSize=abc                | /pageSize         | 32-bit",
        "pageSize=99999999999        | /pageSize         | 32-bit",
        "lent=yes                    | /lent             | BoolValue",
        "since=2026-11-21T12:00:00Z&within=1s | /within  | since is",
        "genres=GENRE_NOVELS         | /genres           | did you mean GENRE_NOVEL?",
        "labels=1                    | /labels           | a map",
        "author=1                    | /author           | a message",
        "since=x                     | /since            | Timestamp",
        "query=%7B%22a%22            | /query            | Struct",
      })
  void refusesParametersThatAreNotExactlyRight(String query, String pointer, String detail) {
    Problem.Violation violation =
        catchThrowableOfType(Refused.class, () -> query(query.strip()))
            .problem()
            .violations()
            .getFirst();

    assertThat(violation.detail()).contains(detail);
    assertThat(violation.pointer()).isEqualTo(pointer.strip());
  }

  @Test
  void leavesNoQueryToAMethodWhoseBodyIsEverything() {
    Problem problem =
        catchThrowableOfType(
                Refused.class,
                () ->
                    LEND.request(
                        List.of("b"),
                        List.of(new RequestTarget.Parameter("to", "x")),
                        new byte[0],
                        Transcoder.Headers.NONE))
            .problem();

    assertThat(problem.message()).contains("takes no query parameters");
  }

  @Test
  void bindsThePathAndLetsNothingOverrideIt() throws Exception {
    assertThat(LendBookRequest.parseFrom(lend("b1", "{\"to\":\"A\"}", Optional.empty())))
        .isEqualTo(LendBookRequest.newBuilder().setBookId("b1").setTo("A").build());
    assertThat(LendBookRequest.parseFrom(lend("b1", "{\"bookId\":\"b1\"}", Optional.empty())))
        .isEqualTo(LendBookRequest.newBuilder().setBookId("b1").build());
    assertThat(
            catchThrowableOfType(
                    Refused.class, () -> lend("b1", "{\"bookId\":\"b2\"}", Optional.empty()))
                .problem()
                .violations())
        .containsExactly(new Problem.Violation("/bookId", "differs from the value in the path"));
  }

  @Test
  void bindsABodyThatIsAList() throws Exception {
    Transcoder tags = of("POST", "/library/tags");

    assertThat(
            EchoRequest.parseFrom(
                    tags.request(
                        List.of(),
                        List.of(),
                        "[\"a\",\"b\"]".getBytes(UTF_8),
                        Transcoder.Headers.NONE))
                .getTagsList())
        .containsExactly("a", "b");
    assertThat(json(tags, EchoResponse.newBuilder().addTags("a").build().toByteArray()))
        .isEqualTo("[\"a\"]");
  }

  @Test
  void fillsTheMaskOfAPatchFromTheBody() throws Exception {
    UpdateBookRequest request =
        patch(
            """
            {"bookId": "b", "title": "T", "genre": null, "price": {"units": "5"},
             "author": {"givenName": "A"}, "labels": {"x": "y"}}
            """,
            "");

    assertThat(request.getUpdateMask().getPathsList())
        .containsExactly("title", "genre", "price", "author.given_name", "labels");
    assertThat(request.getBook().getPrice()).isEqualTo(Money.newBuilder().setUnits(5).build());
    assertThat(request.getBook().getBookId()).isEqualTo("b");
  }

  @Test
  void keepsAMaskThatIsGiven() throws Exception {
    assertThat(patch("{\"title\":\"T\"}", "genre,pageCount").getUpdateMask().getPathsList())
        .containsExactly("genre", "page_count");
    assertThat(patch("{}", "").hasUpdateMask()).isFalse();
  }

  @Test
  void namesTheRequestByTheIdempotencyKey() throws Exception {
    assertThat(
            CreateBookRequest.parseFrom(
                    CREATE.request(List.of(), List.of(), "{}".getBytes(UTF_8), named("key-1")))
                .getRequestId())
        .isEqualTo("key-1");
    assertThat(
            catchThrowableOfType(
                    Refused.class,
                    () ->
                        CREATE.request(
                            List.of(), List.of(), "{}".getBytes(UTF_8), Transcoder.Headers.NONE))
                .problem()
                .reason())
        .isEqualTo("IDEMPOTENCY_KEY_MISSING");
    assertThat(lend("b", "{\"requestId\":\"x\"}", Optional.of("x"))).isNotEmpty();
    assertThat(lend("b", "", Optional.empty())).isNotEmpty();
    assertThat(
            catchThrowableOfType(
                    Refused.class, () -> lend("b", "{\"requestId\":\"x\"}", Optional.of("y")))
                .problem()
                .reason())
        .isEqualTo("IDEMPOTENCY_KEY_INVALID");
  }

  @Test
  void printsStableShapesAndWellKnownForms() throws Exception {
    Everything everything =
        Everything.newBuilder()
            .setInt64(Long.MAX_VALUE)
            .setUint32(-1)
            .setUint64(-1)
            .setFloat(0.1f)
            .setDouble(Double.NEGATIVE_INFINITY)
            .setBytes(ByteString.copyFrom(new byte[] {(byte) 0xff}))
            .setGenreValue(77)
            .putFlags(true, "x")
            .setTimestamp(Timestamp.newBuilder().setSeconds(1).setNanos(500_000_000))
            .setAny(Any.pack(Author.newBuilder().setGivenName("A").build()))
            .build();

    assertThat(
            json(ECHO, EchoResponse.newBuilder().setEverything(everything).build().toByteArray()))
        .isEqualTo(
            "{\"int32\":0,\"int64\":\"9223372036854775807\",\"uint32\":4294967295,"
                + "\"uint64\":\"18446744073709551615\",\"float\":0.1,\"double\":\"-Infinity\","
                + "\"bool\":false,\"string\":\"\",\"bytes\":\"/w==\",\"genre\":77,\"numbers\":[],"
                + "\"totals\":{},\"flags\":{\"true\":\"x\"},"
                + "\"timestamp\":\"1970-01-01T00:00:01.500Z\","
                + "\"any\":{\"@type\":\"type.googleapis.com/library.v1.Author\","
                + "\"givenName\":\"A\",\"familyName\":\"\"},"
                + "\"snakeCaseName\":\"\",\"children\":[],\"nothing\":null,\"values\":[]}");
  }

  @Test
  void keepsAnAnyOfUnknownTypeAndNeverPrintsAKeyTwice() throws Exception {
    Everything everything =
        Everything.newBuilder()
            .setAny(Any.newBuilder().setTypeUrl("x/no.Such").setValue(ByteString.copyFromUtf8("v")))
            .build();
    assertThat(
            json(ECHO, EchoResponse.newBuilder().setEverything(everything).build().toByteArray()))
        .contains("\"any\":{\"@type\":\"x/no.Such\",\"value\":\"dg==\"}");

    // totals {"a": 1}, twice on the wire, as a writer may do.
    byte[] twice = {10, 14, 98, 5, 10, 1, 'a', 16, 1, 98, 5, 10, 1, 'a', 16, 2};
    assertThat(json(ECHO, twice)).contains("\"totals\":{\"a\":\"2\"}");
  }

  @Test
  void readsTheIdOfTheResourceItAnswers() throws Exception {
    Transcoder get = of("GET", "/library/books/{book_id}");
    byte[] reply =
        GetBookResponse.newBuilder()
            .setBook(Book.newBuilder().setBookId("b"))
            .build()
            .toByteArray();

    assertThat(get.resourceText("book_id").orElseThrow().in(reply)).contains("b");
    assertThat(get.resourceText("title").orElseThrow().in(reply)).isEmpty();
    assertThat(get.resourceText("page_count")).isEmpty();
    assertThat(get.resourceText("nope")).isEmpty();
  }

  @Test
  void pointsIntoTheBodyInItsOwnNames() {
    assertThat(PATCH.pointer("book.page_count")).isEqualTo("/pageCount");
    assertThat(PATCH.pointer("update_mask")).isEqualTo("/updateMask");
    assertThat(ECHO.pointer("everything.children[2].totals[\"a/b\"]"))
        .isEqualTo("/children/2/totals/a~1b");
    assertThat(of("POST", "/library/tags").pointer("tags[1]")).isEqualTo("/1");
    assertThat(LEND.pointer("no_such.thing")).isEqualTo("/no_such/thing");
  }

  private static Transcoder of(String method, String template) {
    return Contracts.transcoder(LIBRARY, method, template);
  }

  private static Everything echo(String json) throws InvalidProtocolBufferException {
    return EchoRequest.parseFrom(
            ECHO.request(List.of(), List.of(), json.getBytes(UTF_8), Transcoder.Headers.NONE))
        .getEverything();
  }

  private static Problem.Violation refused(Transcoder transcoder, String json) {
    Problem problem =
        catchThrowableOfType(
                Refused.class,
                () ->
                    transcoder.request(
                        List.of(), List.of(), json.getBytes(UTF_8), Transcoder.Headers.NONE))
            .problem();
    assertThat(problem.status()).isEqualTo(400);
    return problem.violations().getFirst();
  }

  private static byte[] query(String query) {
    return LIST.request(
        List.of(), RequestTarget.parse("/?" + query).query(), new byte[0], Transcoder.Headers.NONE);
  }

  private static Transcoder.Headers named(String requestId) {
    return new Transcoder.Headers(Optional.of(requestId), Optional.empty(), "");
  }

  private static byte[] lend(String bookId, String json, Optional<String> key) {
    return LEND.request(
        List.of(bookId),
        List.of(),
        json.getBytes(UTF_8),
        new Transcoder.Headers(key, Optional.empty(), ""));
  }

  private static UpdateBookRequest patch(String json, String mask)
      throws InvalidProtocolBufferException {
    return UpdateBookRequest.parseFrom(
        PATCH.request(
            List.of("b"),
            mask.isEmpty() ? List.of() : List.of(new RequestTarget.Parameter("updateMask", mask)),
            json.getBytes(UTF_8),
            Transcoder.Headers.NONE));
  }

  private static String json(Transcoder transcoder, byte[] reply) throws IOException {
    return new String(transcoder.response(reply, Optional.empty()), UTF_8);
  }
}
