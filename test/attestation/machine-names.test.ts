// Which machine it is: any of its own names may stand on a list, and no other's.
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { tdxMachine } from '@wardround/attestation/composite/direct-tdx';
import { requireMachine } from '@wardround/attestation/composite/machine';
import type { Policy } from '@wardround/attestation/policy/policy';
import { StepLog, need } from '@wardround/attestation/steps';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { tdxRoots } from '@wardround/attestation/tdx/roots';
import { verifyTdx } from '@wardround/attestation/tdx/verify';
import type { TdxWorld } from './tdx-world.ts';
import { at, makeTdxWorld } from './tdx-world.ts';
import { makeWorld, policyFor } from './world.ts';

let world: TdxWorld;
let base: Policy;

beforeAll(async () => {
  world = await makeTdxWorld();
  base = policyFor(await makeWorld('Turin'));
}, 120_000);

function judged(processor: readonly string[], listed: string): string {
  const policy: Policy = { ...base, machines: [{ processor: listed, devices: ['7'] }] };
  try {
    requireMachine({ processor, devices: ['7'] }, { policy, at, note: () => undefined });
    return 'accepted';
  } catch (error) {
    return error instanceof WardroundError ? error.code : String(error);
  }
}

describe('a platform of Intel’s', () => {
  it('is named by its PPID or by its platform instance, and by nothing else', () => {
    const { vendor, platform } = world;
    const roots = tdxRoots([vendor.rootSha256]);
    const evidence = { quote: platform.makeQuote(), collateral: noCollateral, extraCrls: [], eventLog: undefined };
    const names = need(tdxMachine(verifyTdx({ ...evidence, at, roots }, new StepLog())));
    const { ppid, platformInstanceId } = platform.values;
    expect(names).toEqual([ppid, platformInstanceId].map((id) => toHex(id ?? new Uint8Array())));
    for (const name of names) expect(judged(names, name)).toBe('accepted');
    expect(judged(names, 'ab'.repeat(16))).toBe('evidence-machine');
    expect(judged(names, names.join(''))).toBe('evidence-machine');
    // Half an id, with zeros behind it, is another platform's.
    expect(judged([`${'ab'.repeat(8)}${'00'.repeat(8)}`], 'ab'.repeat(8))).toBe('evidence-machine');
  });
});

describe('a chip of AMD’s', () => {
  it('is named by the bytes that Turin’s chips have, or by all of a report’s', () => {
    const shown = 'cd'.repeat(8).padEnd(128, '0');
    expect(judged([shown], 'cd'.repeat(8))).toBe('accepted');
    expect(judged([shown], shown)).toBe('accepted');
    for (const listed of ['cd'.repeat(9), 'cd'.repeat(8).padEnd(32, '0'), 'ce'.repeat(8)])
      expect(judged([shown], listed)).toBe('evidence-machine');
  });
});
