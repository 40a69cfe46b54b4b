// `evidence verify --nras-token --nras-jwks --mirror --save` and `replay`: what is typed is judged together with the bundle, and the record needs nothing else.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { isSameOutcome, recordOf, replayRecord } from '@wardround/attestation/appraisal-record';
import { genuineRoots } from '@wardround/attestation/collateral/verified-item';
import { gpuNonceFor } from '@wardround/attestation/nvidia/binding';
import { verifyEnclave } from '@wardround/attestation/verifier';
import { MirrorWriter } from '../../cli/src/collateral/mirror-writer.ts';
import { importFrom } from '../../cli/src/collateral/transfer.ts';
import { type AppraisalOptions, appraisalInput } from '../../cli/src/evidence/appraisal-input.ts';
import { readRecord, saveRecord } from '../../cli/src/evidence/record-file.ts';
import { bundleOf, deviceItem, makeComposite, policyOf } from '../attestation/composite-world.ts';
import { answerOf, goodGpu, jwk } from '../attestation/nras-service.ts';
import { ueidOf } from '../attestation/nvidia-world.ts';
import { at, failuresOf, nonce } from '../attestation/world.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-opinion-'));
const path = (name: string): string => join(folder, name);
const mirror = path('mirror');

beforeAll(async () => {
  const world = await makeComposite();
  const [device] = world.gpus;
  const policy = policyOf(world, 'sevSnp', [device]);
  if (policy.gpu === 'unused') throw new Error('no GPU');
  const nras = { required: { keys: 'mirrored', maxKeysAgeSeconds: 172_800 } };
  const devices = { 'GPU-0': { ...goodGpu, ueid: ueidOf(device) } };
  const files: Readonly<Record<string, string>> = {
    'bundle.json': JSON.stringify(bundleOf(world, { sort: 'sevSnp', devices: [deviceItem({ device })] })),
    'policy.yaml': JSON.stringify({ ...policy, gpu: { nvidia: { ...policy.gpu.nvidia, nras } } }),
    'token.json': `${await answerOf({ nonce: gpuNonceFor(nonce), at }, { devices })}\n`,
    'jwks.json': JSON.stringify({ keys: [jwk] }),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text);
  const writer = await MirrorWriter.open(mirror, { roots: genuineRoots, now: () => at });
  await importFrom([path('jwks.json')], { writer, now: at, believeDates: false, believeNrasKeys: true });
  writer.close();
}, 120_000);

const usual: AppraisalOptions = {
  policy: path('policy.yaml'),
  nonce,
  at: at.toISOString(),
  crl: [],
  nrasToken: [path('token.json')],
};

describe('a second opinion that is typed', () => {
  it.each<readonly [string, Partial<AppraisalOptions>, readonly string[]]>([
    ['with the keys in a file', { nrasJwks: path('jwks.json') }, []],
    ['with the keys of a mirror', { mirror }, []],
    ['without keys', {}, ['second-opinion: nras-keys-missing']],
    ['without an answer', { nrasToken: [], mirror }, ['second-opinion: nras-missing']],
    [
      'three days after the mirror fetched the keys',
      { mirror, at: new Date(at.getTime() + 3 * 86_400_000).toISOString() },
      ['second-opinion: nras-keys-too-old'],
    ],
  ])('%s', async (_, options, refusals) => {
    const input = await appraisalInput(path('bundle.json'), { ...usual, ...options });
    const report = verifyEnclave(input);
    expect(failuresOf(report).filter((failure) => failure.startsWith('second-opinion'))).toEqual(refusals);
    const file = path(`${_.replaceAll(' ', '-')}.record.json`);
    await saveRecord(file, recordOf(input, report, 'wardround 0.0.0'));
    const replayed = await replayRecord(await readRecord(file));
    expect(isSameOutcome(replayed)).toBe(true);
    expect(replayed.report.accepted).toBe(refusals.length === 0);
  });

  it.each<readonly [string, Partial<AppraisalOptions>, string]>([
    ['keys that are none', { nrasJwks: path('token.json') }, 'nras-keys-malformed'],
    ['a file that is not there', { nrasToken: [path('nothing')] }, 'file-unreadable'],
    ['an empty answer', { nrasToken: [path('empty')] }, 'nras-malformed'],
  ])('cannot be read: %s', async (_, options, code) => {
    writeFileSync(path('empty'), '\n');
    await expect(appraisalInput(path('bundle.json'), { ...usual, ...options })).rejects.toMatchObject({ code });
  });
});
