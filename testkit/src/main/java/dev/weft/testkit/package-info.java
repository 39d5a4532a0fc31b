/**
 * Fixtures for the tests of services: a real PostgreSQL per test run. Test scope only.
 *
 * <p>Open {@link dev.weft.testkit.PostgresExtension} first.
 */
@NullMarked
package dev.weft.testkit;

import org.jspecify.annotations.NullMarked;
