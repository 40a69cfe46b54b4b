// What a person decides: nothing is approved that was not read, typed and confirmed; and what takes effect in the vault.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readLedger } from '@wardround/privacy/ledger';
import { fromBase64Url } from '@wardround/protocol/bytes';
import { sign } from '@wardround/protocol/documents/signed';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { generateSigningKey } from '@wardround/protocol/keys';
import { parseManifest } from '@wardround/protocol/manifest';
import { releaseInfo } from '@wardround/protocol/seal-context';
import { openFromMany } from '@wardround/protocol/sealed-stream';
import { decodeSafetensors } from '@wardround/protocol/safetensors';
import { decodeCheckpoint, modelDigest } from '@wardround/learning/checkpoint';
import { wantingGpu } from '../fakes/gpu-policy.ts';
import { approveStudy, type ApproveRequest } from '../../site-agent/src/person/approve-study.ts';
import { consentToRelease, type Decision, refuseStudy, withdrawStudy } from '../../site-agent/src/person/decide.ts';
import { describeStudy } from '../../site-agent/src/person/describe-study.ts';
import { VaultFiles } from '../../site-agent/src/vault/files.ts';
import { signFakePlan } from '../fakes/fake-federation.ts';
import { VaultWorld, weaknesses } from './vault-world.ts';

let world: VaultWorld;
afterEach(async () => await world.dispose());

async function known(plan?: (plan: StudyPlan) => StudyPlan): Promise<VaultWorld> {
  world = await VaultWorld.create(plan === undefined ? {} : { plan });
  await world.startVault();
  await world.pump();
  return world;
}

const decision = (): Decision => ({
  paths: world.paths,
  site: 'a',
  study: world.study,
  approvalKey: world.own.approval,
  now: () => world.now,
});

describe('approving', () => {
  const refusals: readonly {
    name: string;
    code: string;
    change: () => Partial<ApproveRequest>;
    plan?: (plan: StudyPlan) => StudyPlan;
  }[] = [
    { name: 'without typing a weakness', code: 'approve-weakness', change: () => ({ accept: weaknesses.slice(1) }) },
    {
      name: 'accepting a weakness that is not there',
      code: 'approve-weakness-absent',
      change: () => ({ accept: [...weaknesses, 'importedWeights'] }),
    },
    {
      name: 'with a vault that is not isolated, without saying so',
      code: 'approve-weakness',
      change: () => ({ isolation: 'vaultNotIsolated' }),
    },
    {
      name: 'with another key than the federation knows',
      code: 'approve-key',
      change: () => ({ approvalKey: generateSigningKey() }),
    },
    { name: 'a study that this site does not know', code: 'study-unknown', change: () => ({ study: '0'.repeat(64) }) },
    { name: 'a path for a study', code: 'study-unknown', change: () => ({ study: '../../keys' }) },
    {
      name: 'without agreeing',
      code: 'approve-declined',
      change: () => ({ confirm: async () => await Promise.resolve(false) }),
    },
    { name: 'with fewer rows than this site wants', code: 'approve-rows', change: () => ({ minimumRows: 13 }) },
    { name: 'with a minimum below the plan’s', code: 'approve-minimum', change: () => ({ minimumContributors: 2 }) },
    {
      name: 'with a minimum that the roster cannot reach',
      code: 'approve-minimum',
      change: () => ({ minimumContributors: 5 }),
    },
    {
      name: 'beyond the plan’s end',
      code: 'approve-validity',
      change: () => ({ validUntil: '2028-01-01T00:00:00.000Z' }),
    },
    { name: 'into the past', code: 'approve-validity', change: () => ({ validUntil: '2026-11-01T00:00:00.000Z' }) },
    {
      name: 'after the plan’s end',
      code: 'plan-expired',
      change: () => ({ now: () => new Date('2027-06-01T00:00:00.000Z') }),
    },
    {
      name: 'with a policy that wants a GPU',
      code: 'approve-policy',
      change: () => ({ policy: wantingGpu(world.policy) }),
    },
    {
      name: 'with rows that do not fulfil the contract',
      code: 'cohort-too-few-rows',
      plan: (plan) => ({ ...plan, cohort: { ...plan.cohort, minimumRows: 100 } }),
      change: () => ({}),
    },
  ];

  it.each(refusals)('$name is refused, and nothing is signed', async ({ code, change, plan }) => {
    await known(plan);
    await expect(approveStudy(world.approveRequest(change()))).rejects.toMatchObject({ code });
    expect(await readdir(world.paths.inbox)).toEqual(['done']);
  });

  it('reserves without bound in the ledger, then publishes, and says nothing of the snapshot but a salted commitment', async () => {
    await known();
    const approval = await approveStudy(world.approveRequest());
    const snapshot = await world.snapshot();
    await world.pump();
    expect(world.said('Approval')).toHaveLength(1);
    expect(approval.value).toMatchObject({ weight: 12, budget: { kind: 'unbounded' }, minimumContributors: 3 });
    expect(JSON.stringify(world.relay.records)).not.toContain(snapshot.digest);
    const ledger = readLedger(await readFile(join(world.paths.vault, 'ledger.jsonl')));
    expect(ledger.entries[0]?.entry).toMatchObject({
      approval: approval.digest,
      budget: { kind: 'unbounded' },
      rounds: 2,
      maxAttempts: 3,
    });
    expect(await readdir(world.paths.inboxDone)).toEqual([`${approval.digest}.jws`]);
  });

  it('again, after a restart that found the file still there, reserves nothing more', async () => {
    await known();
    const approval = await approveStudy(world.approveRequest());
    await world.pump();
    await writeFile(join(world.paths.inbox, `${approval.digest}.jws`), approval.jws);
    await world.startVault();
    await world.pump();
    expect(world.said('Approval')).toHaveLength(1);
    expect(readLedger(await readFile(join(world.paths.vault, 'ledger.jsonl'))).entries).toHaveLength(1);
  });

  it('is refused where an earlier study differs by a few patients, or by one site', async () => {
    await known();
    await approveStudy(world.approveRequest());
    await world.pump();
    const again = async (change: (plan: StudyPlan) => StudyPlan): Promise<string> => {
      const plan = await signFakePlan(world.federation, change);
      world.relay.forge('federation', plan.jws);
      await world.pump();
      return plan.digest;
    };
    const sameRoster = await again((plan) => ({ ...plan, title: 'Again' }));
    const request = world.approveRequest({ study: sameRoster, runImporter: async () => await world.snapshot(13) });
    await expect(approveStudy(request)).rejects.toMatchObject({ code: 'approve-differencing' });
    const lessOne = await again((plan) => ({
      ...plan,
      sites: { ...plan.sites, roster: plan.sites.roster.slice(0, 3) },
    }));
    await expect(approveStudy(world.approveRequest({ study: lessOne }))).rejects.toMatchObject({
      code: 'approve-differencing',
    });
    await expect(approveStudy(world.approveRequest({ study: sameRoster }))).resolves.toMatchObject({
      kind: 'Approval',
    });
  });
});

describe('the inbox', () => {
  it('refuses what another key signed, what is altered, and what is no decision; the ledger stays as it was', async () => {
    await known();
    const honest = await approveStudy(world.approveRequest());
    const forged = await sign('Approval', honest.value, generateSigningKey());
    const heavier = await sign('Approval', { ...honest.value, weight: 9999 }, world.own.approval);
    const otherData = await sign(
      'Approval',
      { ...honest.value, snapshotCommitment: '0'.repeat(64) },
      world.own.approval,
    );
    const otherKey = await sign(
      'Approval',
      { ...honest.value, receivingKey: world.federation.sites[1]?.receiving.publicKey ?? honest.value.receivingKey },
      world.own.approval,
    );
    const agents = await sign('Approval', honest.value, world.own.agent);
    const files = [forged.jws, heavier.jws, otherData.jws, otherKey.jws, agents.jws, world.plan.jws, 'nonsense'];
    for (const [i, jws] of files.entries())
      await writeFile(join(world.paths.inbox, `${String(i).repeat(64)}.jws`), jws);
    await writeFile(join(world.paths.inbox, 'README.txt'), 'not a decision');
    await world.pump();
    expect(world.logs.filter(({ event }) => event === 'inbox-refused').map(({ code }) => code)).toEqual([
      'jws-signer',
      'approval-weight',
      'approval-snapshot',
      'approval-receiving-key',
      'jws-signer',
      'inbox-kind',
      'jws-format',
    ]);
    expect(world.said('Approval')).toHaveLength(1);
    expect(readLedger(await readFile(join(world.paths.vault, 'ledger.jsonl'))).entries).toHaveLength(1);
  });
});

describe('refusing and withdrawing', () => {
  it('says that this site does not take part, and no reason', async () => {
    await known();
    await refuseStudy(decision());
    await world.pump();
    expect(world.said('Refusal').map((refusal) => Object.keys(refusal).toSorted())).toEqual([
      ['federation', 'kind', 'refusedAt', 'site', 'study', 'version'],
    ]);
    expect(world.status?.studies[0]?.state).toBe('refused');
  });

  it('needs something to withdraw, and gives nothing back in the ledger', async () => {
    await known();
    await expect(withdrawStudy(decision())).rejects.toMatchObject({ code: 'withdraw-nothing' });
    await approveStudy(world.approveRequest());
    await world.pump();
    await withdrawStudy(decision());
    await world.pump();
    expect(world.status?.studies[0]?.state).toBe('withdrawn');
    expect(readLedger(await readFile(join(world.paths.vault, 'ledger.jsonl'))).entries).toHaveLength(1);
  });
});

describe('describing', () => {
  it('says who asks what, what is weak, and what was reserved before', async () => {
    await known();
    const before = await describeStudy({
      paths: world.paths,
      study: world.study,
      policy: world.policy,
      isolation: 'networkNamespace',
    });
    expect(before.weaknesses).toEqual([...weaknesses]);
    expect(before.lines.join('\n')).toContain('NONE: what the models reveal');
    expect(before.lines.filter((line) => line.startsWith('WEAKNESS'))).toHaveLength(4);
    await approveStudy(world.approveRequest());
    await world.pump();
    const after = await describeStudy({
      paths: world.paths,
      study: world.study,
      policy: world.policy,
      isolation: 'networkNamespace',
    });
    expect(after.snapshot).toMatchObject({ rows: 12, trainingRows: 12, provenance: 'synthetic' });
    expect(after.reserved.unboundedStudies).toBe(1);
    expect(JSON.stringify(after)).not.toContain((await world.snapshot()).digest);
  });
});

describe('releasing the model', () => {
  it('needs the consent of as many people as the plan says, and reaches the recipient alone', async () => {
    world = await (await VaultWorld.create({ plan: (plan) => ({ ...plan, rounds: 1 }) })).approved();
    await expect(consentToRelease({ ...decision(), recipient: 'dr.lind' })).rejects.toMatchObject({
      code: 'consent-not-finished',
    });
    const enclave = world.enclave();
    await world.session(enclave);
    const receipt = await world.round(enclave);
    await expect(consentToRelease({ ...decision(), recipient: 'dr.who' })).rejects.toMatchObject({
      code: 'consent-recipient',
    });
    await consentToRelease({ ...decision(), recipient: 'dr.lind' });
    await world.pump();
    const [own] = world.said('ReleaseConsent');
    const consent = {
      ...world.peers[0]?.names,
      recipient: world.plan.value.release.to[0]?.signing ?? '',
      model: receipt.value.model ?? '',
    };
    for (const peer of world.peers) {
      expect(world.said('ModelRelease')).toHaveLength(peer === world.peers[2] ? 1 : 0);
      await peer.publish(
        'ReleaseConsent',
        {
          kind: 'ReleaseConsent',
          version: 1,
          ...consent,
          ...peer.names,
          receipt: receipt.digest,
          consentedAt: world.now.toISOString(),
        },
        peer.keys.approval,
      );
      await world.pump();
    }
    expect(own).toMatchObject({ receipt: receipt.digest, model: receipt.value.model });
    const record = (await released())[0];
    expect(record).toBeDefined();
    const checkpoint = decodeCheckpoint(
      (await new VaultFiles(world.paths).readCheckpoint(world.study, 1)) ?? new Uint8Array(),
    );
    const { tensors, metadata } = decodeSafetensors(await openRelease());
    expect(modelDigest(tensors)).toBe(modelDigest(checkpoint.model));
    expect(metadata).toEqual({ model: receipt.value.model, receipt: receipt.digest, study: world.study });
  });

  async function released(): Promise<readonly Record<string, unknown>[]> {
    return await Promise.resolve(world.said('ModelRelease'));
  }

  async function openRelease(): Promise<Uint8Array> {
    const study = world.vault?.studies.get(world.study);
    const [release] = study?.records.of('ModelRelease') ?? [];
    if (release === undefined) throw new Error('nothing was released');
    const { ciphertext, encapsulation, wrappedKey, model, recipient } = release.value;
    const connection = world.relay.connect('researcher');
    const manifest = parseManifest(await connection.chunks.get(ciphertext.manifest), ciphertext);
    const pieces: Uint8Array[] = [];
    const source = await Promise.all(manifest.chunks.map(async (name) => await connection.chunks.get(name)));
    for await (const piece of openFromMany({
      source,
      privateKey: world.federation.researcher.receiving,
      wrapped: { enc: fromBase64Url(encapsulation), wrappedKey: fromBase64Url(wrappedKey) },
      info: releaseInfo({ model, recipient, study: world.study }),
    })) {
      pieces.push(piece);
    }
    return new Uint8Array(Buffer.concat(pieces));
  }
});
