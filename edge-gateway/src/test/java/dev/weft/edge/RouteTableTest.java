package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.edge.RouteTable.Found;
import dev.weft.edge.RouteTable.Unknown;
import dev.weft.edge.RouteTable.WrongMethod;
import dev.weft.edge.library.LibraryProto;
import dev.weft.mesh.CallPolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RouteTableTest {
  private static final MethodDescriptor METHOD =
      LibraryProto.getDescriptor().findServiceByName("Library").findMethodByName("GetBook");

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/v1/books/me          | /v1/books/me",
        "/v1/books/you         | /v1/books/*",
        "/v1/books/you/more    | /v1/books/**",
        "/v1/books/you/more/x  | /v1/books/**/x",
        "/v1/books/a/b/y/x     | /v1/books/**/y/x",
        "/v1/books             | /v1/books/**",
        "/v1/books/you:ban     | /v1/books/*:ban",
        "/v1/books/a:b:ban     | /v1/books/*:ban",
        "/v1/books/you:other   | /v1/books/*",
        "/v1/books/you%3Aban   | /v1/books/*",
        "/v1/b%6foks/me        | /v1/books/me",
        "/v1/books/m%65        | /v1/books/me",
      })
  void prefersTheMostParticularTemplate(String path, String expected) {
    RouteTable table =
        table(
            get("/v1/books/**"),
            get("/v1/books/*"),
            get("/v1/books/*:ban"),
            get("/v1/books/me"),
            get("/v1/books/**/x"),
            get("/v1/books/**/y/x"));

    assertThat(match(table, "GET", path))
        .asInstanceOf(InstanceOfAssertFactories.type(Found.class))
        .extracting(found -> found.route().template().text())
        .isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "/v1/books/",
    "/v1//books",
    "/v1/book",
    "/V1/books",
    "/v1/books/me/",
    "//v1/books",
    "/",
    "/v2"
  })
  void knowsNoOtherPaths(String path) {
    assertThat(match(table(get("/v1/books"), get("/v1/books/*")), "GET", path))
        .isInstanceOf(Unknown.class);
  }

  @Test
  void decodesOneSegmentFullyAndKeepsEncodedSlashesInSeveral() {
    RouteTable table = table(get("/one/{book_id}"), get("/many/{book_id=**}/raw:open"));

    assertThat(variables(table, "/one/a%2Fb%20c")).containsExactly("a/b c");
    assertThat(variables(table, "/many/a%2Fb/c%20d/raw:open")).containsExactly("a%2Fb/c d");
    assertThat(variables(table, "/many/raw:open")).containsExactly("");
  }

  @Test
  void readsVariablesBehindTheRest() {
    RouteTable table = table(get("/x/{shelf}/{book_id=files/**}/end"));

    assertThat(variables(table, "/x/s/files/a/b/end")).containsExactly("s", "files/a/b");
  }

  @Test
  void answersAWrongMethodWithTheRightOnes() {
    RouteTable table = table(get("/v1/books/*"), route("DELETE", "/v1/books/*", "library"));

    assertThat(match(table, "POST", "/v1/books/1"))
        .asInstanceOf(InstanceOfAssertFactories.type(WrongMethod.class))
        .extracting(WrongMethod::allowed, InstanceOfAssertFactories.collection(String.class))
        .containsExactly("DELETE", "GET", "HEAD", "OPTIONS");
  }

  @Test
  void looksForTheMethodInLessParticularTemplatesToo() {
    RouteTable table = table(get("/v1/books/*"), route("POST", "/v1/books/search", "library"));

    assertThat(match(table, "GET", "/v1/books/search")).isInstanceOf(Found.class);
  }

  @Test
  void takesNoVerbForAName() {
    RouteTable table = table(get("/v1/books/*"), route("POST", "/v1/books/*:ban", "library"));

    assertThat(match(table, "GET", "/v1/books/1:ban")).isInstanceOf(WrongMethod.class);
  }

  @Test
  void servesHeadByGetAndAnyMethodByAStar() {
    RouteTable table = table(get("/v1/books"), route("*", "/v1/any", "library"));

    assertThat(match(table, "HEAD", "/v1/books")).isInstanceOf(Found.class);
    assertThat(match(table, "PURGE", "/v1/any")).isInstanceOf(Found.class);
  }

  @Test
  void leavesARouteToWhoHadItFirst() {
    RouteTable table =
        table(route("GET", "/v1/{book_id}", "first"), route("GET", "/v1/{shelf}", "second"));

    assertThat(table.routes()).extracting(r -> r.rpc().service()).containsExactly("first");
    assertThat(table.conflicts())
        .singleElement()
        .satisfies(
            conflict -> {
              assertThat(conflict.refused().rpc().service()).isEqualTo("second");
              assertThat(conflict.owner()).isEqualTo("first");
            });
  }

  @Test
  void givesAnOwnedPathToItsOwnerOnly() {
    RouteTable table =
        table(
            route("POST", "/v1/auth:login", "thief"),
            route("POST", "/v1/users", "thief"),
            route("POST", "/v1/me:changePassword", "thief"),
            route("POST", "/{shelf}/{book_id}:login", "thief"),
            route("POST", "/{shelf}/{book_id}", "thief"),
            route("POST", "/{book_id=**}", "thief"));

    assertThat(table.conflicts()).hasSize(3);
    assertThat(match(table, "POST", "/v1/users")).isInstanceOf(Unknown.class);
    assertThat(match(table, "POST", "/v1/me:changePassword")).isInstanceOf(Unknown.class);
    assertThat(match(table, "POST", "/v1/auth:login")).isInstanceOf(Unknown.class);
    assertThat(match(table, "POST", "/v1/auth/x:login")).isInstanceOf(Unknown.class);
    assertThat(match(table, "POST", "/v1/aut%68:login")).isInstanceOf(Unknown.class);
    assertThat(match(table, "POST", "/v1/authors:login")).isInstanceOf(Found.class);

    RouteTable owned = table(route("POST", "/v1/auth:login", "user-svc"));
    assertThat(match(owned, "POST", "/v1/auth:login")).isInstanceOf(Found.class);
  }

  @Test
  void findsTheRoutesOfOneServiceOnlyIfThatIsAskedFor() {
    RouteTable table =
        table(route("GET", "/v1/books", "library"), route("GET", "/v1/weather", "weather"));

    RouteTable library = table.onlyOf("library").orElseThrow();

    assertThat(match(library, "GET", "/v1/books")).isInstanceOf(Found.class);
    assertThat(match(library, "GET", "/v1/weather")).isInstanceOf(Unknown.class);
    assertThat(match(library, "POST", "/v1/weather")).isInstanceOf(Unknown.class);
    assertThat(table.onlyOf("nobody")).isEmpty();
  }

  private static RouteTable.Match match(RouteTable table, String method, String path) {
    return table.match(method, RequestTarget.parse(path));
  }

  private static List<String> variables(RouteTable table, String path) {
    return ((Found) match(table, "GET", path)).variables();
  }

  private static RouteTable table(Route... routes) {
    return RouteTable.of(List.of(routes), List.of(), Contracts.OWNERS);
  }

  private static Route get(String template) {
    return route("GET", template, "library");
  }

  private static Route route(String method, String template, String service) {
    PathTemplate path = PathTemplate.parse(template);
    Rpc rpc =
        new Rpc(
            service,
            Rpc.bytes(METHOD),
            new Access.Public(),
            CallPolicy.DEFAULT,
            200,
            65_536,
            0,
            Duration.ZERO,
            Duration.ZERO,
            Optional.empty(),
            Map.of(),
            Optional.empty());
    Transcoder transcoder =
        new Transcoder(
            METHOD,
            Problem.STANDARD_DETAILS,
            false,
            new Transcoder.Binding(false, path.variables(), "", "", true));
    return new Route(method, path, rpc, transcoder, Optional.empty());
  }
}
