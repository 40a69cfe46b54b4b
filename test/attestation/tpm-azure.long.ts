// Every byte of genuine TPM and Azure evidence matters, and noise provokes nothing but coded refusals. Longer than the unit suite has patience for.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes } from '@wardround/protocol/bytes';
import type { AzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { parseAzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { inspectAzureSnp } from '@wardround/attestation/azure/inspect';
import { inspectAzureTdx } from '@wardround/attestation/azure/inspect-tdx';
import type { EventLogKind } from '@wardround/attestation/event-log/event-log';
import { parseEventLog } from '@wardround/attestation/event-log/event-log';
import { replayEventLog } from '@wardround/attestation/event-log/replay';
import { amdRoots } from '@wardround/attestation/roots';
import type { Step } from '@wardround/attestation/steps';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import { haveVectors, vector } from './vectors.ts';

const at = new Date('2025-06-01T00:00:00Z');

interface Judged {
  readonly authentic: boolean;
  readonly steps: readonly Step[];
}

function judge(platform: 'snp' | 'tdx', evidence: AzureEvidence): Judged {
  const given = { evidence, nonce: undefined, eventLog: undefined, at };
  return platform === 'snp'
    ? inspectAzureSnp({
        ...given,
        certificates: [vector('snp/chains/ask_ark_milan.pem')],
        crls: [],
        trustedRoots: amdRoots,
      })
    : inspectAzureTdx({ ...given, collateral: noCollateral, extraCrls: [], trustedRoots: intelRoots });
}

/** One bit of each byte, another one from byte to byte. */
function* flips(bytes: Bytes): Generator<readonly [number, Bytes]> {
  for (let offset = 0; offset < bytes.byteLength; offset += 1)
    yield [offset, bytes.with(offset, (bytes[offset] ?? 0) ^ (1 << ((offset * 5) % 8)))];
}

function refused(judged: Judged): boolean {
  expect(judged.steps.filter(({ code }) => code === 'attestation-internal')).toEqual([]);
  return !judged.authentic;
}

describe.skipIf(!haveVectors)('a bit of every byte', () => {
  /** What only the machine's own TDX module could check: CPUSVN and the MAC of the TDREPORT. */
  const unchecked = (offset: number): boolean =>
    (offset >= 0x20 + 16 && offset < 0x20 + 32) || (offset >= 0x20 + 224 && offset < 0x20 + 256);

  it.each([
    ['snp', 'azure/az-snp-vtpm/evidence-v2.json'],
    ['tdx', 'azure/az-tdx-vtpm/evidence-v1.json'],
  ] as const)(
    'of the HCL report, the quote and its signature is refused: %s',
    (platform, path) => {
      const evidence = parseAzureEvidence(vector(path));
      const { quote } = evidence;
      if (quote === undefined) throw new Error('no quote');
      expect(judge(platform, evidence).authentic).toBe(true);
      const accepted: string[] = [];
      let tried = 0;
      const attempt = (what: string, changed: Partial<AzureEvidence>): void => {
        tried += 1;
        if (!refused(judge(platform, { ...evidence, ...changed }))) accepted.push(what);
      };
      for (const [offset, hclReport] of flips(evidence.hclReport))
        if (platform === 'snp' || !unchecked(offset)) attempt(`HCL report ${offset}`, { hclReport });
      for (const [offset, message] of flips(quote.message))
        attempt(`quote ${offset}`, { quote: { ...quote, message } });
      for (const [offset, signature] of flips(quote.signature))
        attempt(`signature ${offset}`, { quote: { ...quote, signature } });
      for (const [index, value] of quote.pcrs.entries())
        attempt(`PCR ${index}`, {
          quote: { ...quote, pcrs: quote.pcrs.with(index, value.with(0, (value[0] ?? 0) ^ 1)) },
        });
      console.info(`${platform}: ${tried} changes refused`);
      expect(accepted).toEqual([]);
    },
    600_000,
  );
});

describe('noise', () => {
  const runs = 20_000;

  function replayed(bytes: Uint8Array, kind: EventLogKind): string {
    try {
      replayEventLog(parseEventLog(bytes, kind), kind === 'cc' ? 'sha384' : 'sha256');
      return 'a log';
    } catch (error) {
      if (error instanceof WardroundError) return error.code;
      throw error;
    }
  }

  it.skipIf(!haveVectors)(
    `in event logs: ${runs} runs`,
    () => {
      const log = vector('tpm/go-tpm-tools/cos-101-amd-sev.bin');
      const place = fc.record({
        offset: fc.nat(log.byteLength - 1),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
      });
      fc.assert(
        fc.property(
          fc.array(place, { minLength: 1, maxLength: 4 }),
          fc.nat(log.byteLength),
          fc.boolean(),
          (places, end, cut) => {
            const changed = copyBytes(log);
            for (const { offset, bytes } of places) changed.set(bytes.subarray(0, log.byteLength - offset), offset);
            const outcome = replayed(cut ? changed.subarray(0, end) : changed, 'pcr');
            expect(outcome).toMatch(/^(?:a log|event-log-[a-z-]+)$/);
          },
        ),
        { numRuns: runs },
      );
    },
    600_000,
  );

  it.skipIf(!haveVectors)(
    'in files of Azure evidence',
    () => {
      const file = vector('azure/az-snp-vtpm/evidence-v1.json');
      fc.assert(
        fc.property(fc.nat(file.byteLength - 1), fc.uint8Array({ maxLength: 4 }), (offset, bytes) => {
          const changed = concatBytes(file.subarray(0, offset), bytes, file.subarray(offset + bytes.byteLength));
          try {
            refused(judge('snp', parseAzureEvidence(changed)));
          } catch (error) {
            if (!(error instanceof WardroundError)) throw error;
            expect(error.code).toBe('azure-evidence-malformed');
          }
        }),
        { numRuns: 1_000 },
      );
    },
    600_000,
  );
});
