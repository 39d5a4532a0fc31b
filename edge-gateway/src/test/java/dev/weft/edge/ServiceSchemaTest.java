package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import com.google.api.HttpProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MethodOptions;
import dev.weft.edge.library.LibraryProto;
import dev.weft.edge.weather.WeatherProto;
import dev.weft.options.v1.MethodPolicy;
import dev.weft.options.v1.OptionsProto;
import dev.weft.options.v1.Retirement;
import dev.weft.options.v1.ServicePolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ServiceSchemaTest {
  private final ServiceSchema library = Contracts.library();

  @Test
  void makesARouteOfEachRuleAndItsAdditionalBindings() {
    assertThat(library.routes())
        .extracting(Route::key)
        .contains(
            "GET /library/books/*",
            "GET /library/shelves/*/books/*",
            "POST /library/books/*:lend",
            "* /library/files/**/raw");
  }

  @Test
  void leavesOutOneBadRpcAndServesTheRest() {
    assertThat(library.skipped())
        .extracting(ServiceSchema.Skipped::rpc)
        .containsExactly("library.v1.Library.Broken", "library.v1.Library.Hidden");
    assertThat(library.routes()).hasSizeGreaterThan(10);
  }

  @Test
  void neverServesWhatHasNoRuleOrIsForServices() {
    assertThat(library.routes())
        .extracting(route -> route.rpc().name())
        .doesNotContain("library.v1.Library/Internal", "library.v1.Library/Hidden");
  }

  @Test
  void takesWhatOurOptionsLeaveOutForAuthenticated() {
    assertThat(rpc("LendBook").access()).isEqualTo(new Access.Authenticated(Set.of()));
    assertThat(rpc("BurnBook").access()).isEqualTo(new Access.Authenticated(Set.of("admin")));
    assertThat(rpc("GetBook").access()).isEqualTo(new Access.Public());
  }

  @Test
  void appliesTheDefaultAccessToContractsThatDoNotKnowOurOptions() {
    assertThat(Contracts.weather(new Access.Public()).routes())
        .extracting(route -> route.rpc().access())
        .containsOnly(new Access.Public());
    assertThat(Contracts.weather().routes())
        .extracting(route -> route.rpc().access())
        .containsOnly(new Access.Authenticated(Set.of()));
  }

  @Test
  void readsDeadlinesSizesAndStatusesFromTheContract() {
    assertThat(rpc("Fail").policy().timeout()).isEqualTo(Duration.ofMillis(500));
    assertThat(rpc("Fail").requestBytesMax()).isEqualTo(100_000);
    assertThat(rpc("GetBook").policy().timeout()).isEqualTo(Duration.ofSeconds(2));
    assertThat(rpc("GetBook").policy().repeatable()).isTrue();
    assertThat(rpc("CreateBook").policy().timeout()).isEqualTo(Duration.ofSeconds(5));
    assertThat(rpc("CreateBook").policy().repeatable()).isFalse();
    assertThat(rpc("CreateBook").successStatus()).isEqualTo(201);
    assertThat(rpc("ListBooks").fresh()).isEqualTo(Duration.ofSeconds(5));
    assertThat(rpc("GetBook").fresh()).isZero();
    assertThat(rpc("Fail").fresh()).as("it has effects").isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"CreateBook", "DonateBook"})
  void knowsWhereACreatedResourceIs(String rpc) {
    assertThat(library.routes())
        .filteredOn(route -> route.rpc().name().endsWith(rpc))
        .singleElement()
        .extracting(route -> route.identifies().orElseThrow().collection())
        .isEqualTo("/library/books");
  }

  @Test
  void tellsOfAMethodOrServiceThatIsDeprecatedWithoutADate() {
    FileDescriptorProto.Builder file = LibraryProto.getDescriptor().toProto().toBuilder();
    file.getServiceBuilder(0).getOptionsBuilder().setDeprecated(true);

    assertThat(schema(file).routes())
        .filteredOn(route -> route.rpc().name().endsWith("GetBook"))
        .isNotEmpty()
        .allSatisfy(
            route ->
                assertThat(route.rpc().endOfLife()).containsExactly(entry("Deprecation", "@0")));
  }

  @ParameterizedTest
  @CsvSource({
    "2026-13-01,,, deprecated_on",
    "2026-01-02,2026-01-01,, before deprecated_on",
    ",soon,, sunset_on",
    ",,'https://a/>; rel=\"x\"', retirement.link",
    ",,javascript:alert(1), retirement.link"
  })
  void servesNoMethodWhoseEndIsNotSaidInTheRightForm(
      String since, String until, String link, String why) {
    FileDescriptorProto.Builder file = LibraryProto.getDescriptor().toProto().toBuilder();
    MethodOptions.Builder options =
        file.getServiceBuilder(0).getMethodBuilder(0).getOptionsBuilder();
    MethodPolicy policy =
        options.getExtension(OptionsProto.method).toBuilder()
            .setRetirement(
                Retirement.newBuilder()
                    .setDeprecatedOn(since == null ? "" : since)
                    .setSunsetOn(until == null ? "" : until)
                    .setLink(link == null ? "" : link))
            .build();
    options.setExtension(OptionsProto.method, policy);

    assertThat(schema(file).skipped().getFirst().why()).contains(why);
  }

  @ParameterizedTest
  @CsvSource({
    "0,60,0,rate_limit.requests",
    "-1,60,0,rate_limit.requests",
    "1000001,60,0,rate_limit.requests",
    "1,0,0,rate_limit.window",
    "1,-60,0,rate_limit.window",
    "1,86401,0,rate_limit.window",
    "1,9223372036854775807,0,rate_limit.window",
    "1,1,500000000,rate_limit.window"
  })
  void servesNoMethodWhoseLimitIsNone(int requests, long seconds, int nanos, String why) {
    FileDescriptorProto.Builder file = LibraryProto.getDescriptor().toProto().toBuilder();
    MethodOptions.Builder options =
        file.getServiceBuilder(0).getMethodBuilder(0).getOptionsBuilder();
    MethodPolicy.Builder policy = options.getExtension(OptionsProto.method).toBuilder();
    policy.getRateLimitBuilder().setRequests(requests);
    policy.getRateLimitBuilder().getWindowBuilder().setSeconds(seconds).setNanos(nanos);
    options.setExtension(OptionsProto.method, policy.build());

    assertThat(schema(file).skipped().getFirst().why()).contains(why);
  }

  @Test
  void tellsOfTheEndOfAWholeServiceAndOfAMethodsOwnInItsPlace() {
    FileDescriptorProto.Builder file = LibraryProto.getDescriptor().toProto().toBuilder();
    file.getServiceBuilder(0)
        .getOptionsBuilder()
        .setExtension(
            OptionsProto.service,
            ServicePolicy.newBuilder()
                .setRetirement(
                    Retirement.newBuilder()
                        .setSunsetOn("2027-01-01")
                        .setLink("https://library.example/v2")
                        .setSuccessor("/v2/library"))
                .build());

    List<Route> routes = schema(file).routes();

    assertThat(routes)
        .filteredOn(route -> route.rpc().name().endsWith("/GetBook"))
        .isNotEmpty()
        .allSatisfy(
            route ->
                assertThat(route.rpc().endOfLife())
                    .containsOnly(
                        entry("Sunset", "Fri, 01 Jan 2027 00:00:00 GMT"),
                        entry(
                            "Link",
                            "<https://library.example/v2>; rel=\"sunset deprecation\","
                                + " </v2/library>; rel=\"successor-version\"")));
    assertThat(routes)
        .filteredOn(route -> route.rpc().name().endsWith("/GetShelf"))
        .isNotEmpty()
        .allSatisfy(
            route -> assertThat(route.rpc().endOfLife()).containsKeys("Deprecation", "Sunset"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"v2/books", "//elsewhere/v2", "/v2/{id}", "javascript:alert(1)"})
  void servesNoMethodWhoseSuccessorIsNoPlace(String successor) {
    FileDescriptorProto.Builder file = LibraryProto.getDescriptor().toProto().toBuilder();
    file.getServiceBuilder(0)
        .getOptionsBuilder()
        .setExtension(
            OptionsProto.service,
            ServicePolicy.newBuilder()
                .setRetirement(Retirement.newBuilder().setSuccessor(successor))
                .build());

    assertThat(schema(file).skipped().getFirst().why()).contains("retirement.successor");
  }

  private static ServiceSchema schema(FileDescriptorProto.Builder file) {
    Reflected library = Contracts.reflected(LibraryProto.getDescriptor());
    Map<String, ByteString> files = new TreeMap<>(library.files());
    files.put(file.getName(), file.build().toByteString());
    return ServiceSchema.of(
        "library", Reflected.of(library.services(), files), new Access.Public());
  }

  @Test
  void fingerprintsByContentAndNotByOrder() {
    Reflected some = Contracts.reflected(WeatherProto.getDescriptor());
    Map<String, ByteString> more = new TreeMap<>(some.files());
    more.put("x.proto", ByteString.copyFromUtf8("x"));

    assertThat(Reflected.of(some.services(), some.files())).isEqualTo(some);
    assertThat(Reflected.of(some.services(), more).fingerprint()).isNotEqualTo(some.fingerprint());
  }

  /** Nearly every contract imports descriptor.proto, which takes more than all else in it. */
  @Test
  void hasWhatAllContractsImportOnceAsLongAsItIsTheSame() {
    String common = "google/api/http.proto";
    Reflected weather = Contracts.reflected(WeatherProto.getDescriptor());
    Map<String, ByteString> other = new TreeMap<>(weather.files());
    FileDescriptorProto.Builder changed = HttpProto.getDescriptor().toProto().toBuilder();
    changed.addMessageTypeBuilder().setName("More");
    other.put(common, changed.build().toByteString());

    assertThat(Contracts.reflected(LibraryProto.getDescriptor()).link().get(common))
        .isSameAs(weather.link().get(common));
    assertThat(Reflected.of(weather.services(), other).link().get(common))
        .extracting(file -> file.findMessageTypeByName("More"))
        .isNotNull();
  }

  @Test
  void refusesDescriptorsThatCannotBeRead() {
    Reflected damaged =
        Reflected.of(List.of("a.B"), Map.of("a.proto", ByteString.copyFromUtf8("\u0007")));

    assertThatThrownBy(() -> ServiceSchema.of("a", damaged, new Access.Public()))
        .isInstanceOf(InvalidRule.class)
        .hasMessageContaining("a.proto");
  }

  private Rpc rpc(String method) {
    return library.routes().stream()
        .map(Route::rpc)
        .filter(rpc -> rpc.name().endsWith("/" + method))
        .findFirst()
        .orElseThrow();
  }
}
