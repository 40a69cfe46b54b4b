// Noise in event logs and Azure evidence provokes nothing but coded refusals (flipped bits: flips.long.ts). Longer than the unit suite has patience for.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
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

function refused(judged: Judged): boolean {
  expect(judged.steps.filter(({ code }) => code === 'attestation-internal')).toEqual([]);
  return !judged.authentic;
}

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
