// PEM or DER, told apart by content; a PEM text may hold several objects. Sizes are bounded before anything is parsed.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';

export interface ArmouredLimits {
  /** The PEM label, for example `CERTIFICATE`. */
  readonly label: 'CERTIFICATE' | 'X509 CRL';
  readonly maxInputBytes: number;
  readonly maxObjects: number;
}

/**
 * The DER objects in `inputs`, in order.
 * @throws WardroundError `pem-too-large`, `pem-malformed` (also for a PEM block with another label: a private key in a
 *   certificate file is a mistake that must not go unnoticed)
 */
export function readArmoured(inputs: readonly Uint8Array[], limits: ArmouredLimits): readonly Bytes[] {
  const objects = inputs.flatMap((input) => readOne(input, limits));
  if (objects.length > limits.maxObjects) {
    throw new WardroundError('pem-too-large', `too many objects of kind ${limits.label}`, {
      expected: `at most ${limits.maxObjects}`,
      got: String(objects.length),
    });
  }
  return objects;
}

function readOne(input: Uint8Array, limits: ArmouredLimits): readonly Bytes[] {
  if (input.byteLength > limits.maxInputBytes) {
    throw new WardroundError('pem-too-large', `input of kind ${limits.label} is too large`, {
      expected: `at most ${limits.maxInputBytes} bytes`,
      got: `${input.byteLength} bytes`,
    });
  }
  return input[0] === 0x30 ? [copyBytes(input)] : readPem(Buffer.from(input).toString('latin1'), limits.label);
}

function readPem(text: string, label: string): readonly Bytes[] {
  const blocks = text.split(`-----BEGIN ${label}-----`);
  const [preamble, ...rest] = blocks;
  if (rest.length === 0) throw malformed(label, 'no such block');
  if (preamble?.includes('-----BEGIN') === true) throw malformed(label, 'a block of another kind');
  return rest.map((block) => {
    const [body, after, ...more] = block.split(`-----END ${label}-----`);
    if (body === undefined || after === undefined || more.length > 0) throw malformed(label, 'no end line of its own');
    if (after.includes('-----BEGIN')) throw malformed(label, 'a block of another kind');
    return decodeBase64(body, label);
  });
}

function decodeBase64(body: string, label: string): Bytes {
  const compact = body.replaceAll(/[\r\n\t ]/g, '');
  const bytes = Buffer.from(compact, 'base64');
  if (bytes.byteLength === 0 || bytes.toString('base64') !== compact) throw malformed(label, 'not canonical base64');
  return copyBytes(bytes);
}

function malformed(label: string, got: string): WardroundError {
  return new WardroundError('pem-malformed', 'neither DER nor PEM that can be read', {
    expected: `PEM of ${label} or DER`,
    got,
  });
}
