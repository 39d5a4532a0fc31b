package dev.weft.mesh;

import io.opentelemetry.api.baggage.Baggage;
import io.opentelemetry.api.baggage.BaggageBuilder;
import io.opentelemetry.api.baggage.propagation.W3CBaggagePropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.opentelemetry.context.propagation.TextMapSetter;
import java.util.Collection;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * W3C baggage of which only listed keys come in or go out: whatever a caller attaches would
 * otherwise travel through every service and leave for others.
 */
final class AllowedBaggage implements TextMapPropagator {
  private static final int MAX_VALUE_LENGTH = 256;

  private final TextMapPropagator baggage = W3CBaggagePropagator.getInstance();
  private final Set<String> keys;

  AllowedBaggage(Set<String> keys) {
    this.keys = keys;
  }

  @Override
  public Collection<String> fields() {
    return baggage.fields();
  }

  @Override
  public <C> void inject(Context context, @Nullable C carrier, TextMapSetter<C> setter) {
    baggage.inject(allowed(context), carrier, setter);
  }

  @Override
  public <C> Context extract(Context context, @Nullable C carrier, TextMapGetter<C> getter) {
    return allowed(baggage.extract(context, carrier, getter));
  }

  private Context allowed(Context context) {
    Baggage all = Baggage.fromContext(context);
    if (all.isEmpty()) {
      return context;
    }
    BaggageBuilder allowed = Baggage.builder();
    all.forEach(
        (key, entry) -> {
          if (keys.contains(key) && entry.getValue().length() <= MAX_VALUE_LENGTH) {
            allowed.put(key, entry.getValue());
          }
        });
    return context.with(allowed.build());
  }
}
