package dev.weft.consul.agent;

import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * What a Consul agent does, as far as the mesh relies on it. Everything here was first seen on a
 * real Consul 1.8.7, and holds for the development agent, too.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Execution(ExecutionMode.CONCURRENT)
abstract class ConsulContract
    implements RegistrationContract,
        CheckContract,
        AgentHealthContract,
        HealthContract,
        CatalogContract,
        KvContract,
        ConfigContract,
        DiscoveryChainContract,
        IntentionsContract,
        ServiceIntentionsContract,
        ClientContract {}
