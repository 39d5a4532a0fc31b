package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.api.AnnotationsProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MethodOptions;
import dev.weft.edge.Versions.Served;
import dev.weft.edge.Versions.Told;
import dev.weft.edge.weather.WeatherProto;
import dev.weft.mesh.InstanceSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class VersionsTest {
  private final Versions versions = new Versions();
  private final ServiceSchema first = Contracts.weather();
  private final ServiceSchema second =
      ServiceSchema.of(
          "weather",
          Contracts.reflected(dev.weft.edge.weather2.WeatherProto.getDescriptor()),
          new Access.Public());

  @Test
  void servesNothingElseWhenNobodyTellsAnything() {
    assertThat(versions.of(List.of(), List.of())).isEmpty();
  }

  @Test
  void callsAnyInstanceAsLongAsTheyTellTheSame() {
    Served served = served(new Told(first, "a", 1), new Told(first, "b", 2));

    assertThat(served.schema()).isSameAs(first);
    assertThat(at(served, "weather.v1.Weather/GetForecast")).isEmpty();
  }

  @Test
  void callsEachRpcAtTheInstancesThatHaveIt() {
    Served served =
        served(new Told(first, "a", 1), new Told(second, "b", 2), new Told(second, "c", 3));

    assertThat(keys(served, "weather.v1.Weather/GetForecast")).containsExactly("a");
    assertThat(keys(served, "weather.v2.Weather/GetForecast")).containsExactlyInAnyOrder("b", "c");
    assertThat(served.schema().grpcServices())
        .containsExactly("weather.v1.Weather", "weather.v2.Weather");
  }

  @Test
  void keepsASetOfInstancesWhileItsRpcsStayAndGivesItUpThen() {
    Served before = served(new Told(first, "a", 1), new Told(second, "b", 2));
    InstanceSet v1 = at(before, "weather.v1.Weather/GetForecast").orElseThrow();
    InstanceSet v2 = at(before, "weather.v2.Weather/GetForecast").orElseThrow();

    Served more =
        served(new Told(first, "a", 1), new Told(second, "b", 2), new Told(second, "c", 3));

    assertThat(at(more, "weather.v2.Weather/GetForecast")).containsSame(v2);
    assertThat(v2.keys()).containsExactlyInAnyOrder("b", "c");
    assertThat(more.left()).isEmpty();

    Served after = served(new Told(second, "b", 2));

    assertThat(after.schema()).isSameAs(second);
    assertThat(after.left()).containsExactlyInAnyOrder(v1, v2);
  }

  @Test
  void callsOnlyWhomItMayWhenOthersAreHeld() {
    Served served =
        versions
            .of(
                List.of(new Told(first, "a", 1), new Told(first, "b", 2)),
                List.of(new Told(second, "c", 3)))
            .orElseThrow();

    assertThat(keys(served, "weather.v1.Weather/GetForecast")).containsExactlyInAnyOrder("a", "b");
    assertThat(served.schema().contracts()).isEqualTo(first.contracts());

    assertThat(at(served(new Told(first, "a", 1)), "weather.v1.Weather/GetForecast")).isEmpty();
  }

  @Test
  void servesAnRpcAsMostInstancesTellItAndOfEquallyManyAsTheLastOne() {
    ServiceSchema moved = moved();

    assertThat(path(served(new Told(first, "a", 1), new Told(moved, "b", 2))))
        .isEqualTo("/moved/{city}");
    assertThat(
            path(served(new Told(first, "a", 1), new Told(moved, "b", 2), new Told(first, "c", 3))))
        .isEqualTo("/weather/{city}");
  }

  /** Both versions have an RPC for this path. */
  @Test
  void whatHadAPathFirstKeepsItHoweverManyInstancesComeToTellTheOther() {
    served(new Told(first, "a", 1));
    Served served =
        served(new Told(first, "a", 1), new Told(second, "b", 2), new Told(second, "c", 3));

    RouteTable table = Contracts.table(served.schema());

    assertThat(table.conflicts())
        .filteredOn(one -> one.holder().isPresent())
        .singleElement()
        .satisfies(
            one -> {
              assertThat(one.refused().rpc().name()).isEqualTo("weather.v2.Weather/GetOldForecast");
              assertThat(one.holder()).contains("weather.v1.Weather/GetForecast");
            });
  }

  private Served served(Told... told) {
    return versions.of(List.of(told), List.of()).orElseThrow();
  }

  private static Optional<InstanceSet> at(Served served, String rpc) {
    return route(served, rpc).rpc().at();
  }

  private static Set<String> keys(Served served, String rpc) {
    return at(served, rpc).orElseThrow().keys();
  }

  private static String path(Served served) {
    return route(served, "weather.v1.Weather/GetForecast").template().text();
  }

  private static Route route(Served served, String rpc) {
    List<Route> found =
        served.schema().routes().stream().filter(one -> one.rpc().name().equals(rpc)).toList();
    assertThat(found).hasSize(1);
    return found.getFirst();
  }

  /** The first version with a path changed. */
  private static ServiceSchema moved() {
    Reflected told = Contracts.reflected(WeatherProto.getDescriptor());
    FileDescriptorProto.Builder file = WeatherProto.getDescriptor().toProto().toBuilder();
    MethodOptions.Builder options =
        file.getServiceBuilder(0).getMethodBuilder(0).getOptionsBuilder();
    options.setExtension(
        AnnotationsProto.http,
        options.getExtension(AnnotationsProto.http).toBuilder().setGet("/moved/{city}").build());
    Map<String, ByteString> files = new TreeMap<>(told.files());
    files.put(file.getName(), file.build().toByteString());
    return ServiceSchema.of("weather", Reflected.of(told.services(), files), new Access.Public());
  }
}
