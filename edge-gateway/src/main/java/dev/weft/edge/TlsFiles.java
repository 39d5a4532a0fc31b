package dev.weft.edge;

import java.nio.file.Path;

/**
 * Where the edge's certificate is.
 *
 * @param certificate in PEM, with those between it and the authority behind it
 * @param key its private key, PKCS#8 in PEM
 */
record TlsFiles(Path certificate, Path key) {}
