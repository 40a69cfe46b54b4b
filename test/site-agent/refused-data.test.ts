// What a hospital's own data and the board's junk get: nothing is signed for bad rows, nothing is sealed for NaN, and the round goes on.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { FrozenSnapshot } from '@wardround/datasets/snapshot';
import { importSource } from '@wardround/datasets/source';
import { quantiseUpdate } from '@wardround/learning/update';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import type { PayloadTensor } from '@wardround/protocol/payload';
import { typOf } from '@wardround/protocol/jws';
import { approveStudy } from '../../site-agent/src/person/approve-study.ts';
import type { WorkRequest } from '../../site-agent/src/vault/learner.ts';
import { f32 } from '../learning/tensors.ts';
import { signFakePlan } from '../fakes/fake-federation.ts';
import { VaultWorld } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

const rows = (change: (line: string, row: number) => string): string =>
  [0, 1, 2, 3, 4, 5].map((row) => change(`${row},${row + 1},1.5,${row % 2}`, row)).join('\n');
const header = 'x,y,z,label\n';

const files: readonly { what: string; code: string; csv: string }[] = [
  {
    what: 'without a column',
    code: 'cohort-missing-column',
    csv: `x,y,label\n${rows((l) => l.replace(',1.5', ''))}\n`,
  },
  {
    what: 'with a word for a number',
    code: 'cohort-wrong-type',
    csv: header + rows((l, i) => (i === 4 ? l.replace('1.5', 'high') : l)),
  },
  {
    what: 'with a code that the plan does not know',
    code: 'cohort-unknown-code',
    csv: header + rows((l, i) => (i === 2 ? l.replace('1.5', '2.5') : l)),
  },
  {
    what: 'with a value out of range',
    code: 'cohort-out-of-range',
    csv: header + rows((l, i) => (i === 3 ? l.replace(/^3/, '-3') : l)),
  },
  { what: 'with a ragged row', code: 'csv-ragged', csv: header + rows((l, i) => (i === 5 ? `${l},9` : l)) },
  { what: 'with a name twice', code: 'csv-duplicate-column', csv: `x,y,y,label\n${rows((l) => l)}` },
];

describe('a CSV file', () => {
  it.each(files)('$what is refused as $code: nothing is signed, and a good file is approved after it', async (file) => {
    world = await VaultWorld.create();
    const plan = await signFakePlan(world.federation, (fake) => ({
      ...fake,
      cohort: {
        ...fake.cohort,
        features: fake.cohort.features.map((feature) =>
          feature.name === 'z'
            ? { type: 'code', name: 'z', codes: ['1.5', '3'], encode: 'oneHot', missing: 'dropRow' }
            : feature,
        ),
      },
    }));
    // Out of codes is only the category's fault; every other fault is tried on the plan of numbers.
    const study = file.code === 'cohort-unknown-code' ? plan.digest : world.study;
    world.relay.forge('federation', plan.jws);
    await world.startVault();
    await world.pump();
    const path = join(world.paths.directory, 'export.csv');
    const approve = async (csv: string): Promise<unknown> => {
      await writeFile(path, csv);
      const runImporter = async (): Promise<FrozenSnapshot> =>
        await importSource({ kind: 'csv', path }, world.paths.snapshots);
      return await approveStudy(world.approveRequest({ study, runImporter }));
    };
    await expect(approve(file.csv)).rejects.toMatchObject({ code: file.code });
    await world.pump();
    expect(await readdir(world.paths.inbox)).toEqual(['done']);
    expect(world.said('Approval')).toEqual([]);
    await approve(header + rows((l) => l));
    await world.pump();
    expect(world.said('Approval')).toHaveLength(1);
  });
});

/** Integers of a local model with one value that is no number, or far too large: by the real quantiser. */
function trainedTo(value: number): (request: WorkRequest) => readonly PayloadTensor[] {
  return ({ plan }) => {
    const base = [f32('weight', [0, 0, 0], [3, 1]), f32('bias', [0])];
    const local = [f32('weight', [0, value, 0], [3, 1]), f32('bias', [0])];
    quantiseUpdate({ base, local }, { ...plan.encoding.update, normBound: '100000' });
    throw new Error('the quantiser let it pass');
  };
}

describe('a training that ends in', () => {
  it.each([
    ['NaN', Number.NaN, 'update-not-finite'],
    ['infinity', Number.POSITIVE_INFINITY, 'update-not-finite'],
    ['a value that no int32 holds', 500, 'update-out-of-range'],
  ])(
    '%s: shown to the people here as its code, nothing sealed or said, and the others go on',
    async (_, value, code) => {
      world = await (await VaultWorld.create()).approved();
      world.train = trainedTo(value);
      const enclave = world.enclave();
      await world.session(enclave);
      const order = await enclave.order();
      await world.pumpAll();
      expect(world.status?.studies[0]?.check?.code).toBe(code);
      expect(world.said('Contribution')).toEqual([]);
      expect(world.checks()).toEqual([]);
      const receipt = await enclave.receipt(order);
      expect(receipt.value.contributors.map(({ site }) => site)).toEqual(['b', 'c', 'd']);
      await world.pumpAll();
      await enclave.sealModel(receipt);
      world.now = new Date(world.now.getTime() + 120_000);
      await world.pumpAll();
      expect(world.state?.checkpoints(world.study).map(({ round }) => round)).toEqual([1]);
      world.train = null;
      await world.round(enclave);
      expect(world.said('Contribution').map(({ round }) => round)).toEqual([2]);
    },
  );
});

describe('JSON that a member signed all the same', () => {
  it.each([
    ['a duplicate key', (text: string) => text.replace('"version":1', '"version":1,"version":1'), 'json-duplicate-key'],
    ['a depth of ten thousand', () => '['.repeat(10_000), 'json-depth'],
    [
      'a number that does not round-trip',
      (text: string) => text.replace(/"instance":\d+/, '"instance":9007199254740993'),
      'json-number',
    ],
    ['a fraction', (text: string) => text.replace(/"instance":\d+/, '"instance":1.5'), 'json-number'],
    ['minus zero', (text: string) => text.replace(/"instance":\d+/, '"instance":-0'), 'json-number'],
    ['keys in another order', (text: string) => `{"zz":1,${text.slice(1)}`, 'json-not-canonical'],
    [
      'half a surrogate pair',
      (text: string) => text.replace('"site":"b"', String.raw`"site":"\ud800"`),
      'json-surrogate',
    ],
    ['a key that nobody knows', (text: string) => text.replace(/}$/, ',"zz":1}'), 'document-invalid'],
  ])('with %s is nothing, and the round goes on', async (_, spoil, code) => {
    world = await (await VaultWorld.create()).approved();
    const enclave = world.enclave();
    const challenge = await enclave.challenge();
    const [peer] = world.peers;
    if (peer === undefined) throw new Error('no peer');
    const honest = await peer.state(challenge.digest);
    const spoilt = spoil(new TextDecoder().decode(canonicalJson(honest.value)));
    const { agent } = peer.keys;
    const header = { alg: 'EdDSA', kid: agent.thumbprint, typ: typOf('ResumeStatement') } as const;
    world.relay.forge(world.study, await agent.sign(new TextEncoder().encode(spoilt), header));
    await world.session(enclave);
    const refused = world.logs.filter(({ event }) => event === 'record-refused').map(({ code: got }) => got);
    expect([...new Set(refused)]).toEqual([code]);
    await world.round(enclave);
    const { records } = world.vault?.studies.get(world.study) ?? {};
    expect(
      records
        ?.of('Contribution')
        .map(({ value }) => value.site)
        .toSorted(),
    ).toEqual(['a', 'b', 'c', 'd']);
  });
});
