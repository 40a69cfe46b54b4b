// A site's policy for TDX, one thing at a time that it does not want: each an authentic quote of the fake Intel, each an exact refusal.
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '@wardround/protocol/bytes';
import type { TdAttributeRules } from '@wardround/attestation/policy/tdx-rules';
import { tdxImageSchema, tdxRulesSchema } from '@wardround/attestation/policy/tdx-rules';
import { simpleLevelText } from '@wardround/attestation/simulated/intel/collateral';
import type { TdFields } from '@wardround/attestation/simulated/intel/quote';
import type { CollateralOptions } from '@wardround/attestation/simulated/intel/vendor';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { tdxValidationSteps } from '@wardround/attestation/tdx/validate';
import { tdxAuthenticitySteps, tdxCollateralSteps, tdxEventLogStep } from '@wardround/attestation/tdx/verify';
import { writeCcLog } from './tdx-log.ts';
import type { Accepting, TdxWorld } from './tdx-world.ts';
import {
  at,
  daySeconds,
  dayMs,
  failuresOf,
  judge,
  makeTdxWorld,
  rulesFor,
  usualImage,
  waivedUntil,
} from './tdx-world.ts';

let world: TdxWorld;

beforeAll(async () => {
  world = await makeTdxWorld();
});

const filled = (value: number): Uint8Array => new Uint8Array(48).fill(value);
const tomorrow = waivedUntil(new Date(at.getTime() + dayMs));
const yesterday = waivedUntil(new Date(at.getTime() - dayMs));

function svn(...head: readonly number[]): Uint8Array {
  return Uint8Array.of(...head, ...new Uint8Array(16 - head.length));
}

describe('a quote that is what the policy asks for', () => {
  it('passes every step', () => {
    const steps = judge(world);
    expect(steps.map(({ name }) => name)).toEqual([
      ...tdxAuthenticitySteps,
      ...tdxCollateralSteps,
      tdxEventLogStep,
      ...tdxValidationSteps,
    ]);
    expect(steps.filter(({ status }) => status !== 'ok').map(({ name }) => name)).toEqual([tdxEventLogStep]);
  });

  it('passes by its platform instance as well', () => {
    const id = toHex(world.platform.values.platformInstanceId ?? new Uint8Array(0));
    expect(failuresOf(judge(world, { rules: { platforms: [{ platformInstanceId: id }] } }))).toEqual([]);
  });

  it('passes with TD 1.0, which cannot say its service TDs, and the step says so', () => {
    const steps = judge(world, { request: { version: 4 } });
    expect(failuresOf(steps)).toEqual([]);
    expect(steps.at(-1)).toMatchObject({ name: 'mr-service-td', reason: expect.stringContaining('TD 1.0') });
  });
});

type Td = Partial<TdFields>;

describe('a TD with one thing that the policy does not want', () => {
  const bit = (position: bigint): Td => ({ tdAttributes: (1n << 28n) | (1n << position) });
  const cases: readonly (readonly [string, Td, string])[] = [
    ['debugging', bit(0n), 'td-debug: tdx-debug'],
    ['another way to look into it', bit(7n), 'td-debug: tdx-debug'],
    ['no SEPT_VE_DISABLE', { tdAttributes: 0n }, 'td-attributes: tdx-sept-ve'],
    ['migration', bit(29n), 'td-attributes: tdx-td-attributes'],
    ['PKS', bit(30n), 'td-attributes: tdx-td-attributes'],
    ['Key Locker', bit(31n), 'td-attributes: tdx-td-attributes'],
    ['performance monitoring', bit(63n), 'td-attributes: tdx-td-attributes'],
    ['a bit that is not known', bit(27n), 'td-attributes: tdx-td-attributes-unknown'],
    ['a bit that is not known, high', bit(62n), 'td-attributes: tdx-td-attributes-unknown'],
    ['more processor state', { xfam: 0x602ffn }, 'xfam: tdx-xfam'],
    ['less processor state', { xfam: 0x3n }, 'xfam: tdx-xfam'],
    ['another module', { mrSeam: filled(1) }, 'module-accepted: tdx-module-refused'],
    ['a module behind its start', { teeTcbSvn2: svn(6, 1, 2) }, 'td-tcb-order: tdx-td-tcb-order'],
    ['a module behind in one, ahead in another', { teeTcbSvn2: svn(9, 0, 9) }, 'td-tcb-order: tdx-td-tcb-order'],
    ['other code', { mrTd: filled(1) }, 'mrtd: tdx-mrtd-unknown'],
    ['another RTMR0', { rtmrs: [1, 0xa1, 0xa2, 0].map(filled) }, 'rtmr0: tdx-rtmr0'],
    ['another RTMR1', { rtmrs: [0xa0, 1, 0xa2, 0].map(filled) }, 'rtmr1: tdx-rtmr1'],
    ['another RTMR2', { rtmrs: [0xa0, 0xa1, 1, 0].map(filled) }, 'rtmr2: tdx-rtmr2'],
    ['an RTMR3', { rtmrs: [0xa0, 0xa1, 0xa2, 1].map(filled) }, 'rtmr3: tdx-rtmr3'],
    ['a configuration', { mrConfigId: filled(1) }, 'mr-config-id: tdx-config-id'],
    ['an owner', { mrOwner: filled(1) }, 'mr-owner: tdx-owner'],
    ['an owner’s configuration', { mrOwnerConfig: filled(1) }, 'mr-owner-config: tdx-owner-config'],
    ['a service TD', { mrServiceTd: filled(1) }, 'mr-service-td: tdx-service-td'],
  ];
  it.each(cases)('%s', (_, td, expected) => {
    expect(failuresOf(judge(world, { request: { td } }))).toEqual([expected]);
  });
});

describe('a policy that wants something else', () => {
  const genuine = { vendor: 'intel' } as const;
  const cases: readonly (readonly [string, Accepting, string])[] = [
    [
      'a higher evaluation',
      { rules: { tcb: { minimumEvaluationDataNumber: 21, advisories: {} } } },
      'tcb-evaluation: tdx-evaluation-number',
    ],
    [
      'other platforms',
      { rules: { platforms: [{ ppid: '01'.repeat(16) }] } },
      'platform-accepted: tdx-platform-unknown',
    ],
    [
      'a platform instance',
      { rules: { platforms: [{ platformInstanceId: '01'.repeat(16) }] } },
      'platform-accepted: tdx-platform-unknown',
    ],
    [
      'platforms waived until yesterday',
      { rules: { platforms: yesterday } },
      'platform-accepted: policy-waiver-expired',
    ],
    ['modules waived until yesterday', { rules: { modules: yesterday } }, 'module-accepted: policy-waiver-expired'],
    ['another signer of modules', { rules: { moduleSigner: '01'.repeat(48) } }, 'module-accepted: tdx-module-signer'],
    ['code of the genuine Intel', { images: [genuine] }, 'mrtd: tdx-mrtd-unknown'],
    ['no code at all', { images: [] }, 'mrtd: tdx-mrtd-unknown'],
    ['a service TD', { images: [{ mrServiceTd: '01'.repeat(48) }] }, 'mr-service-td: tdx-service-td'],
    ['an owner waived until yesterday', { images: [{ mrOwner: yesterday }] }, 'mr-owner: policy-waiver-expired'],
    ['a register that a log explains', { images: [{ rtmr1: 'replayed' }] }, 'rtmr1: tdx-rtmr-unexplained'],
    ['a younger list', { maxCrlAgeSeconds: 60 }, 'revocation-known: tdx-crl-too-old'],
    ['no list', { collateral: { pckCrl: undefined } }, 'revocation-known: tdx-crl-missing'],
  ];
  it.each(cases)('%s', (_, accepting, expected) => {
    expect(failuresOf(judge(world, accepting))).toEqual([expected]);
  });

  it.each([
    ['maxRootCrlAgeSeconds', 'revocation-known: tdx-crl-too-old'],
    ['maxTcbInfoAgeSeconds', 'collateral-known: tdx-collateral-too-old'],
    ['maxQeIdentityAgeSeconds', 'collateral-known: tdx-collateral-too-old'],
  ] as const)('%s of a minute', (name, expected) => {
    const collateral = { ...rulesFor(world).collateral, [name]: 60 };
    expect(failuresOf(judge(world, { rules: { collateral } }))).toEqual([expected]);
  });

  it('refuses a quote without its collateral, which inspect leaves open', () => {
    expect(failuresOf(judge(world, { collateral: noCollateral }))).toEqual([
      'revocation-known: tdx-crl-missing',
      'collateral-known: tdx-collateral-missing',
    ]);
    const open = judge(world, { collateral: noCollateral }).filter(({ status }) => status === 'not-evaluated');
    expect(open.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['tcb-status', 'tcb-accepted', 'tcb-evaluation']),
    );
  });

  const attributes: readonly (readonly [string, Partial<TdAttributeRules>, bigint, readonly string[]])[] = [
    ['PKS allowed', { pks: 'allowed' }, 30n, []],
    ['migration allowed', { migratable: 'allowed' }, 29n, []],
    ['Key Locker allowed', { keyLocker: 'allowed' }, 31n, []],
    ['performance monitoring allowed', { perfmon: 'allowed' }, 63n, []],
    ['bit 27 accepted', { acceptedUnknownBits: [27] }, 27n, []],
    ['bit 27 accepted, 26 set', { acceptedUnknownBits: [27] }, 26n, ['td-attributes: tdx-td-attributes-unknown']],
    ['everything allowed, debug set', { pks: 'allowed', perfmon: 'allowed' }, 0n, ['td-debug: tdx-debug']],
  ];
  it.each(attributes)('%s', (_, change, bit, expected) => {
    const rules = { tdAttributes: { ...rulesFor(world).tdAttributes, ...change } };
    const request = { td: { tdAttributes: (1n << 28n) | (1n << bit) } };
    expect(failuresOf(judge(world, { rules, request }))).toEqual(expected);
  });

  it('may waive SEPT_VE_DISABLE, for a while', () => {
    const usual = rulesFor(world).tdAttributes;
    const request = { td: { tdAttributes: 0n } };
    const rules = (septVeDisable: TdAttributeRules['septVeDisable']): Accepting => ({
      rules: { tdAttributes: { ...usual, septVeDisable } },
      request,
    });
    expect(failuresOf(judge(world, rules(tomorrow)))).toEqual([]);
    expect(failuresOf(judge(world, rules(yesterday)))).toEqual(['td-attributes: policy-waiver-expired']);
  });
});

describe('a TCB that is not up to date', () => {
  const [first, second] = ['INTEL-SA-01036', 'INTEL-SA-00837'] as const;
  const qe = (...ids: readonly string[]): CollateralOptions => ({
    qeIdentity: { tcbLevels: [simpleLevelText(6, 'SWHardeningNeeded', ids)] },
  });

  async function judged(
    options: CollateralOptions,
    advisories: Record<string, typeof tomorrow>,
  ): Promise<readonly string[]> {
    const collateral = await world.vendor.collateralFor(world.platform, options);
    const rules = { tcb: { minimumEvaluationDataNumber: 20, advisories } };
    return failuresOf(judge(world, { collateral, rules }));
  }

  const refused = ['tcb-accepted: tdx-tcb-refused'];

  it('is refused until each of its advisories is waived by name', async () => {
    expect(await judged(qe(first, second), {})).toEqual(refused);
    expect(await judged(qe(first, second), { [first]: tomorrow })).toEqual(refused);
    expect(await judged(qe(first, second), { [first]: tomorrow, 'INTEL-SA-00001': tomorrow })).toEqual(refused);
    expect(await judged(qe(first, second), { [first]: tomorrow, [second]: tomorrow })).toEqual([]);
  });

  it('is refused again on the day that one waiver ends', async () => {
    expect(await judged(qe(first, second), { [first]: tomorrow, [second]: yesterday })).toEqual([
      'tcb-accepted: policy-waiver-expired',
    ]);
  });

  it('cannot be waived where nothing says what stands against it', async () => {
    expect(await judged(qe(), { [first]: tomorrow })).toEqual(refused);
    const both: CollateralOptions = {
      qeIdentity: { tcbLevels: [simpleLevelText(6, 'OutOfDate')] },
      tcbInfo: {
        tdxModuleIdentities: [
          {
            id: 'TDX_01',
            mrsigner: '00'.repeat(48),
            attributes: '00'.repeat(8),
            attributesMask: 'FF'.repeat(8),
            tcbLevels: [simpleLevelText(6, 'OutOfDate', [first])],
          },
        ],
      },
    };
    expect(await judged(both, { [first]: tomorrow })).toEqual(refused);
  });

  it('cannot be waived by a name that every object has', async () => {
    expect(await judged(qe('constructor'), {})).toEqual(refused);
    expect(await judged(qe('toString'), {})).toEqual(refused);
  });

  it('can never be waived once it is revoked', async () => {
    const revoked = { qeIdentity: { tcbLevels: [simpleLevelText(6, 'Revoked', [first])] } };
    expect(await judged(revoked, { [first]: tomorrow })).toEqual(['tcb-status: tdx-tcb-revoked']);
  });

  it('says in its step what was waived', async () => {
    const collateral = await world.vendor.collateralFor(world.platform, qe(first));
    const rules = { tcb: { minimumEvaluationDataNumber: 20, advisories: { [first]: tomorrow } } };
    const step = judge(world, { collateral, rules }).find(({ name }) => name === 'tcb-accepted');
    expect(step?.reason).toMatch(/^SWHardeningNeeded; INTEL-SA-01036 waived until .*: a test$/);
  });
});

describe('accepted images', () => {
  it('match as wholes: never the registers of one with the owner of another', () => {
    const images = [
      { rtmr0: '01'.repeat(48), mrOwner: 'unused' as const },
      { rtmr0: usualImage.rtmr0, mrOwner: '02'.repeat(48) },
    ];
    expect(failuresOf(judge(world, { images }))).toEqual(['mr-owner: tdx-owner']);
    expect(failuresOf(judge(world, { images: [...images, {}] }))).toEqual([]);
  });

  it('may leave a register to the event log, except the fourth', () => {
    const { log: eventLog, rtmrs } = writeCcLog([
      [1, 'boot'],
      [2, 'loader'],
      [3, 'kernel'],
    ]);
    const images = [{ rtmr0: 'replayed', rtmr1: 'replayed', rtmr2: 'replayed' }] as const;
    const request = { td: { rtmrs } };
    expect(failuresOf(judge(world, { images, request, eventLog }))).toEqual([]);
    expect(failuresOf(judge(world, { images, request }))).toEqual(['rtmr0: tdx-rtmr-unexplained']);
    expect(tdxImageSchema.safeParse({ ...usualImage, rtmr3: 'replayed' }).success).toBe(false);
  });

  it('take no register that the log does not explain', () => {
    const { log: eventLog, rtmrs } = writeCcLog([[1, 'boot']]);
    const request = { td: { rtmrs: rtmrs.with(2, new Uint8Array(48).fill(3)) } };
    const images = [{ rtmr0: 'replayed', rtmr1: 'unused', rtmr2: 'replayed' }] as const;
    expect(failuresOf(judge(world, { images, request, eventLog }))).toEqual(['rtmr2: tdx-rtmr-unexplained']);
  });

  it('may waive a field', () => {
    const images = [{ mrOwner: tomorrow, rtmr3: tomorrow }];
    const request = { td: { mrOwner: new Uint8Array(48).fill(1) } };
    expect(failuresOf(judge(world, { images, request }))).toEqual([]);
  });
});

describe('the rules as a document', () => {
  it('are what the tests use', () => {
    expect(tdxRulesSchema.safeParse(rulesFor(world)).success).toBe(true);
    expect(tdxImageSchema.safeParse(usualImage).success).toBe(true);
  });

  it.each(['tcb', 'collateral', 'platforms', 'modules', 'moduleSigner', 'tdAttributes', 'xfam'])(
    'have no default for %s',
    (name) => {
      const { [name]: _, ...rest } = rulesFor(world) as Record<string, unknown>;
      expect(tdxRulesSchema.safeParse(rest).success).toBe(false);
    },
  );

  it.each(Object.keys(usualImage))('nor does an image for %s', (name) => {
    const { [name]: _, ...rest } = usualImage as Record<string, unknown>;
    expect(tdxImageSchema.safeParse(rest).success).toBe(false);
  });

  const wrong: readonly (readonly [string, Record<string, unknown>])[] = [
    ['a key that is not known', { mode: 'lax' }],
    ['no platform', { platforms: [] }],
    ['a platform that names nothing', { platforms: [{ ppid: '00'.repeat(16) }] }],
    ['a platform of two names', { platforms: [{ ppid: '01'.repeat(16), platformInstanceId: '01'.repeat(16) }] }],
    ['an advisory by another name', { tcb: { minimumEvaluationDataNumber: 20, advisories: { all: tomorrow } } }],
    [
      'an advisory without a waiver',
      { tcb: { minimumEvaluationDataNumber: 20, advisories: { 'INTEL-SA-01036': true } } },
    ],
    ['no evaluation floor', { tcb: { advisories: {} } }],
    ['a module in capitals', { modules: ['AB'.repeat(48)] }],
    ['no processor state', { xfam: [] }],
    ['processor state that is no integer', { xfam: ['602e7'] }],
    ['an age beyond any list', { collateral: { maxRootCrlAgeSeconds: 500 * daySeconds } }],
  ];
  it.each(wrong)('refuse %s', (_, change) => {
    expect(tdxRulesSchema.safeParse({ ...rulesFor(world), ...change }).success).toBe(false);
  });

  it.each([0, 7, 28, 30, 63, 64])('refuse to accept bit %i as unknown', (bit) => {
    const tdAttributes = { ...rulesFor(world).tdAttributes, acceptedUnknownBits: [bit] };
    expect(tdxRulesSchema.safeParse({ ...rulesFor(world), tdAttributes }).success).toBe(false);
  });
});
