package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.weft.edge.RouteTable.Found;
import dev.weft.edge.RouteTable.Unknown;
import dev.weft.edge.RouteTable.WrongMethod;
import dev.weft.edge.library.LibraryProto;
import dev.weft.mesh.CallPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RouteTableTest {
  private static final MethodDescriptor METHOD =
      LibraryProto.getDescriptor().findServiceByName("Library").findMethodByName("GetBook");

  private static final List<String> SERVICES = List.of("a", "b", "c", "d", "user-svc");
  private static final List<String> METHODS = List.of("GET", "POST", "DELETE", "*");
  private static final List<String> TEMPLATES =
      List.of(
          "/v1/books",
          "/v1/books/{book_id}",
          "/v1/books/{shelf}",
          "/v1/books/{book_id}:lend",
          "/v1/books/me",
          "/v1/**",
          "/v1/{book_id=**}",
          "/v1/**/x",
          "/v1/**/y/x:lend",
          "/v1/auth:login",
          "/{book_id}");
  private static final List<String> PATHS =
      List.of(
          "/v1/books",
          "/v1/books/1",
          "/v1/books/1:lend",
          "/v1/books/me",
          "/v1/a/b",
          "/v1/a/x",
          "/v1/a/y/x:lend",
          "/v1/auth:login",
          "/v1",
          "/v2");

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

  /** Services come, go and change; who is left has what it would have if it had always been so. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void becomesTheSameStepByStepAsAtOnce(long seed) {
    Random random = new Random(seed);
    Map<String, ServiceSchema> services = new LinkedHashMap<>();
    RouteTable table = RouteTable.empty(Contracts.OWNERS);
    RouteTable halfway = table;
    Map<String, String> thenFound = Map.of();
    for (int step = 0; step < 120; step++) {
      String name = SERVICES.get(random.nextInt(SERVICES.size()));
      if (random.nextInt(4) == 0) {
        services.remove(name);
        table = table.without(name);
      } else {
        ServiceSchema schema = any(name, random);
        services.put(name, schema);
        table = table.with(schema);
      }

      assertThat(state(table))
          .as("seed %d, step %d", seed, step)
          .isEqualTo(state(RouteTable.of(services.values(), Contracts.OWNERS)));
      if (step == 60) {
        halfway = table;
        thenFound = state(table);
      }
    }
    assertThat(state(halfway)).as("a table that others were made of").isEqualTo(thenFound);
  }

  @Test
  void givesANameToTheIssuerWhoeverWasFirst() {
    RouteTable table =
        RouteTable.empty(Contracts.OWNERS)
            .with(named("thief"))
            .with(named("user-svc"))
            .with(named("another"));

    assertThat(nameHolder(table)).isEqualTo("user-svc");
    assertThat(nameHolder(table.without("user-svc"))).isEqualTo("thief");
    assertThat(nameHolder(table.without("user-svc").without("thief"))).isEqualTo("another");
    assertThat(table.named("xlibrary.v1.Library/GetBook")).isNull();
    assertThat(table.named("//library.v1.Library/GetBook")).isNull();
    assertThat(table.named("/library.v1.Library/GetBook/")).isNull();
    assertThat(table.named("GetBook")).isNull();
  }

  private static String nameHolder(RouteTable table) {
    return Objects.requireNonNull(table.named("/library.v1.Library/GetBook")).rpc().service();
  }

  private static ServiceSchema named(String service) {
    Route route = route("GET", "/" + service, service);
    return schema(service, List.of(), List.of(Route.named(route.rpc(), route.transcoder())));
  }

  /** Some routes of a few, so that services want the same ones. */
  private static ServiceSchema any(String service, Random random) {
    List<Route> routes = new ArrayList<>();
    for (int i = random.nextInt(6); i >= 0; i--) {
      routes.add(
          route(
              METHODS.get(random.nextInt(METHODS.size())),
              TEMPLATES.get(random.nextInt(TEMPLATES.size())),
              service));
    }
    Route first = routes.getFirst();
    return schema(service, routes, List.of(Route.named(first.rpc(), first.transcoder())));
  }

  private static Map<String, String> state(RouteTable table) {
    Map<String, String> state = new TreeMap<>();
    state.put("routes", table.routes().stream().map(RouteTableTest::text).toList().toString());
    state.put(
        "conflicts",
        table.conflicts().stream()
            .map(one -> text(one.refused()) + " " + one.owner() + " " + one.holder())
            .sorted()
            .toList()
            .toString());
    Route name = table.named("/library.v1.Library/GetBook");
    state.put("name", name == null ? "" : name.rpc().service());
    for (String method : METHODS) {
      for (String path : PATHS) {
        state.put(
            method + " " + path,
            switch (match(table, method, path)) {
              case Found found -> text(found.route());
              case WrongMethod wrong -> wrong.allowed().toString();
              case Unknown() -> "unknown";
            });
      }
    }
    return state;
  }

  private static String text(Route route) {
    return route.rpc().service() + " " + route.httpMethod() + " " + route.template().text();
  }

  private static RouteTable table(Route... routes) {
    Map<String, List<Route>> byService = new LinkedHashMap<>();
    for (Route route : routes) {
      byService.computeIfAbsent(route.rpc().service(), _ -> new ArrayList<>()).add(route);
    }
    List<ServiceSchema> services = new ArrayList<>();
    byService.forEach((service, its) -> services.add(schema(service, its, List.of())));
    return RouteTable.of(services, Contracts.OWNERS);
  }

  private static ServiceSchema schema(String service, List<Route> routes, List<Route> named) {
    return new ServiceSchema(
        service, List.of(), routes, named, List.of(), HttpRules.NONE, List.of());
  }

  private static Route get(String template) {
    return route("GET", template, "library");
  }

  static Route route(String method, String template, String service) {
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
