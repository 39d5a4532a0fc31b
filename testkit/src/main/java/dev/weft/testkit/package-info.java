/**
 * Fixtures for the tests of services: a real PostgreSQL per test run, the mesh inside the test's
 * own process, services as processes of their own, and a real RabbitMQ. Test scope only.
 *
 * <p>Open {@link dev.weft.testkit.PostgresExtension}, {@link dev.weft.testkit.InProcessMesh} and
 * {@link dev.weft.testkit.ProcessMesh} first.
 */
@NullMarked
package dev.weft.testkit;

import org.jspecify.annotations.NullMarked;
