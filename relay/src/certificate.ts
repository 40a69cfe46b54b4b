// Why a TLS connection was refused by us: a certificate that is not trusted here is no silence of the network, and a person can mend it.
import { WardroundError } from '@wardround/protocol/errors';

/** OpenSSL's reasons as Node names them, and Node's own for another name in the certificate. */
const reasons =
  /^(?:UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|CERT_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_)/;

/**
 * The refusal of a certificate behind this failure of a connection, or null where it failed otherwise.
 *
 * @param failure what socket.io's `connect_error` gave: engine.io keeps the cause of a WebSocket's in `description.error`, that of a
 * polling request in `context.statusText`
 */
export function certificateRefusal(failure: unknown): WardroundError | null {
  const causes = [failure, within(failure, ['description', 'error']), within(failure, ['context', 'statusText'])];
  const code = causes.map((cause) => within(cause, ['code'])).find((value) => typeof value === 'string');
  if (typeof code !== 'string' || !reasons.test(code)) return null;
  return new WardroundError(
    'relay-certificate',
    'the certificate that came is not trusted here; if a proxy opens TLS, NODE_EXTRA_CA_CERTS must name a PEM file with its authority',
    { expected: 'a valid certificate of an authority that Node or NODE_EXTRA_CA_CERTS knows', got: code },
  );
}

function within(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    value,
  );
}
