// `evidence inspect --kind tpm`: a TPM's quote, with its signature, its key, and the register values and event log that explain it.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, fromHex } from '@wardround/protocol/bytes';
import type { TpmQuote } from '@wardround/attestation/tpm/attest';
import { parseTpmQuote } from '@wardround/attestation/tpm/attest';
import type { TpmFields } from '@wardround/attestation/tpm/inspect';
import { inspectTpm } from '@wardround/attestation/tpm/inspect';
import { parsePcrFile } from '@wardround/attestation/tpm/pcr-file';
import type { GivenPcrs } from '@wardround/attestation/tpm/pcrs';
import { tpmRoots } from '@wardround/attestation/tpm/roots';
import type { InspectKind } from './kinds.ts';
import type { Inputs } from './options.ts';

/** Codes of bytes that are no quote, key, certificate or list at all. A spoiled signature or event log gets a verdict. */
const unreadable: ReadonlySet<string> = new Set([
  'tpm-quote-malformed',
  'tpm-ak-malformed',
  'pem-malformed',
  'pem-too-large',
  'der-malformed',
  'certificate-malformed',
  'crl-malformed',
]);

export const inspectTpmFiles: InspectKind = {
  accepts: {
    needs: ['quote', 'signature', 'ak'],
    takes: ['pcrs', 'nonce', 'eventLog', 'chain', 'crl'],
    file: 'none',
  },
  inspect: async (inputs, at) => {
    const [quoteFile, signatureFile, key, certificates, crls] = await Promise.all([
      inputs.bytes('quote'),
      inputs.bytes('signature'),
      inputs.bytes('ak'),
      inputs.all('chain'),
      inputs.all('crl'),
    ]);
    const [quote, signature] = [binaryOf(quoteFile), binaryOf(signatureFile)];
    const inspection = inspectTpm({
      quote,
      signature,
      key,
      certificates,
      crls,
      pcrs: await readPcrs(inputs, quote),
      nonce: nonceOf(inputs),
      eventLog: await eventLogOf(inputs),
      at,
      trustedRoots: tpmRoots,
    });
    return { inspection, says: tpmFieldLines(inspection.fields), unreadable };
  },
};

/** Values that follow each other only the quote's own selection can tell apart. */
async function readPcrs(inputs: Inputs, quote: Bytes): Promise<GivenPcrs | undefined> {
  if (!inputs.has('pcrs')) return undefined;
  return parsePcrFile(await inputs.bytes('pcrs'), selectionsOf(quote));
}

/** What is wrong with a quote its own step says. */
function selectionsOf(quote: Bytes): Pick<TpmQuote, 'selections'> {
  try {
    return parseTpmQuote(quote);
  } catch {
    return { selections: [] };
  }
}

/** Hex text is taken as the bytes that it says: no quote and no signature is made of hex digits alone. */
function binaryOf(file: Uint8Array): Bytes {
  const text = Buffer.from(file).toString('latin1').trim().toLowerCase();
  return /^(?:[0-9a-f]{2})+$/.test(text) ? fromHex(text) : copyBytes(file);
}

/** Qualifying data is up to 64 bytes, as the verifier chose. @throws WardroundError `hex-invalid` */
export function nonceOf(inputs: Inputs): Bytes | undefined {
  if (!inputs.has('nonce')) return undefined;
  const text = inputs.text('nonce');
  if (/^(?:[0-9a-f]{2}){1,64}$/.test(text)) return fromHex(text);
  throw new WardroundError('hex-invalid', 'not a nonce in hex', {
    expected: '1 to 64 bytes as lower-case hex digits',
    got: text,
    where: '--nonce',
  });
}

export async function eventLogOf(inputs: Inputs): Promise<Uint8Array | undefined> {
  return inputs.has('eventLog') ? await inputs.bytes('eventLog') : undefined;
}

export function tpmFieldLines(fields: TpmFields | null): readonly string[] {
  if (fields === null) return [];
  const { attestationKey: key, signature, pcrs, eventLog } = fields;
  const algorithm = key?.algorithm.type === 'rsa' ? `RSA-${key.algorithm.bits}` : (key?.algorithm.curve ?? 'unknown');
  return [
    ...(key?.origin === 'bare'
      ? ['NOBODY VOUCHES FOR THIS KEY: whoever holds it signed the quote, which need not be a TPM.', '']
      : []),
    'the quote says',
    `  extra data   ${fields.extraData}`,
    `  boots        reset ${fields.resetCount}, restart ${fields.restartCount}`,
    `  clock        ${fields.clock}${fields.safe ? '' : ' (not safe)'}`,
    `  firmware     ${fields.firmwareVersion}`,
    `  key          ${algorithm}, ${key?.origin ?? 'unknown'}${key === null ? '' : `, ${key.fingerprint}`}`,
    `  signature    ${signature === null ? 'unknown' : `${signature.scheme} with ${signature.hash}`}`,
    ...(pcrs === null ? [] : Object.entries(pcrs).map(([index, value]) => `  PCR ${index.padEnd(8)} ${value}`)),
    ...(eventLog === null
      ? []
      : [`  event log    ${eventLog.events} events, explains PCR ${eventLog.registers.join(', ')}`]),
  ];
}
