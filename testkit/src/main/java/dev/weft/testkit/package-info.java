/**
 * Fixtures for the tests of services: a real PostgreSQL per test run, and the mesh inside the
 * test's own process. Test scope only.
 *
 * <p>Open {@link dev.weft.testkit.PostgresExtension} and {@link dev.weft.testkit.InProcessMesh}
 * first.
 */
@NullMarked
package dev.weft.testkit;

import org.jspecify.annotations.NullMarked;
