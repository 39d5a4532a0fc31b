package dev.weft.edge;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Where the resources of a service are, by its routes that read one: a GET of a fixed path, a slash
 * and one variable, which is the name of the id in what is answered.
 */
final class Locations {
  private final List<Place> places = new ArrayList<>();

  /**
   * Where resources of one type are.
   *
   * @param id the field that the last part of the path is
   * @param type the full name of the message that the client sees, if it says its id
   */
  private record Place(String collection, String id, Optional<String> type) {}

  Locations(List<Route> routes) {
    for (Route route : routes) {
      PathTemplate template = route.template();
      int last = template.segments().size() - 1;
      if (route.httpMethod().equals("GET")
          && template.verb().isEmpty()
          && template.variables().size() == 1
          && template.literalPrefix().size() == last
          && template.segments().get(last) instanceof PathTemplate.One) {
        String id = template.variables().getFirst().fieldPath().getLast();
        String collection = "/" + String.join("/", template.literalPrefix());
        Optional<String> type =
            route
                .transcoder()
                .resource()
                .filter(_ -> route.transcoder().resourceText(id).isPresent());
        places.add(new Place(collection, id, type));
      }
    }
  }

  /**
   * Gives a route that creates the way to what it created: in the collection that was posted to,
   * else where the contract has the only place for resources of this type.
   */
  Route located(Route route) {
    if (!route.httpMethod().equals("POST") || route.rpc().successStatus() != 201) {
      return route;
    }
    Optional<Place> here =
        places.stream()
            .filter(place -> place.collection.equals(route.template().text()))
            .findFirst();
    return here.or(() -> onlyPlace(route.transcoder().resource()))
        .flatMap(
            place ->
                route
                    .transcoder()
                    .resourceText(place.id)
                    .map(id -> route.withLocation(new Route.Location(place.collection, id))))
        .orElse(route);
  }

  private Optional<Place> onlyPlace(Optional<String> type) {
    List<Place> fitting =
        places.stream()
            .filter(place -> type.isPresent() && place.type.equals(type))
            .distinct()
            .toList();
    return fitting.size() == 1 ? Optional.of(fitting.getFirst()) : Optional.empty();
  }
}
