// Attacks by whoever hosts the enclave: replayed evidence, other code, a simulated machine where a genuine one is wanted.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { importChipSecret, parseSimulatedEndorsements } from '@wardround/attestation/simulated/files';
import {
  endorseNvidia,
  importNvidiaDevice,
  parseNvidiaEndorsements,
} from '@wardround/attestation/simulated/nvidia/files';
import { createSimulatedNvidia } from '@wardround/attestation/simulated/nvidia/vendor';
import { simulatedEvidence } from '@wardround/attestation/simulated/evidence';
import { toBase64Url } from '@wardround/protocol/bytes';
import { answer, verified } from '../answers.ts';
import type { Attack, AttackResult, Scene } from './attack.ts';

/** Genuine evidence of this very session, shown to a site that asked with another nonce. */
export const evidenceReplayed: Attack = async (scene) => {
  const attack = 'evidence is replayed to another nonce';
  const [offer] = scene.records.of('EvidenceOffer');
  const evidence = offer?.value.evidence ?? '{}';
  return await judge(scene, { attack, evidence, nonce: 'ab'.repeat(32), policy: 'policy.yaml' });
};

/** The operator runs another program on the same chip: signed, bound to the nonce, and not what the hospitals agreed to. */
export const evidenceOfOtherCode: Attack = async (scene) => {
  const folder = join(scene.directory, 'aggregator');
  const chip = importChipSecret(await readJson(join(folder, 'simulated-chip.json')));
  const endorsements = parseSimulatedEndorsements(await readJson(join(folder, 'simulated-vendor.json')));
  const nonce = 'cd'.repeat(32);
  const forged = simulatedEvidence({
    chip,
    endorsements,
    gpu: await ownGpu(folder),
    nonce,
    sessionOpen: 'ef'.repeat(32),
    measurement: '5a'.repeat(48),
  });
  const attack = 'an enclave that runs other code shows its evidence';
  return await judge(scene, { attack, evidence: JSON.stringify(forged), nonce, policy: 'policy.yaml' });
};

/** A GPU of the same vendor, elsewhere, answers for this machine: it is asked with the right nonce, and the processor vouches for what it said. */
export const gpuOfAnotherMachine: Attack = async (scene) => {
  const folder = join(scene.directory, 'aggregator');
  const vendor = await createSimulatedNvidia(new Date());
  const device = await vendor.issueDevice();
  const until = new Date(Date.now() + 86_400_000);
  const endorsements = await endorseNvidia(vendor, device, until);
  const leaf = toBase64Url(vendor.answer(device.certificates, 0, { nextUpdate: until }));
  const gpu = { device, endorsements: { ...endorsements, ocsp: [leaf, ...endorsements.ocsp] } };
  const nonce = 'cf'.repeat(32);
  const borrowed = simulatedEvidence({
    chip: importChipSecret(await readJson(join(folder, 'simulated-chip.json'))),
    endorsements: parseSimulatedEndorsements(await readJson(join(folder, 'simulated-vendor.json'))),
    gpu,
    nonce,
    sessionOpen: 'ef'.repeat(32),
    measurement: scene.founded.measurement,
  });
  const policy = await readFile(join(scene.directory, 'policy.yaml'), 'utf8');
  await writeFile(
    join(scene.directory, 'attacks/two-vendors-policy.yaml'),
    policy.replace(/^( {2}roots: \[.*)\]$/m, `$1, "${vendor.rootSha256}"]`),
  );
  const attack = 'a GPU of another machine answers for this one';
  return await judge(scene, {
    attack,
    evidence: JSON.stringify(borrowed),
    nonce,
    policy: 'attacks/two-vendors-policy.yaml',
  });
};

async function ownGpu(folder: string): Promise<NonNullable<Parameters<typeof simulatedEvidence>[0]['gpu']>> {
  return {
    device: importNvidiaDevice(await readJson(join(folder, 'simulated-gpu.json'))),
    endorsements: parseNvidiaEndorsements(await readJson(join(folder, 'simulated-gpu-vendor.json'))),
  };
}

/** The demo's own evidence, before a hospital whose policy does not name the simulated vendor. */
export const evidenceNotGenuine: Attack = async (scene) => {
  const policy = await readFile(join(scene.directory, 'policy.yaml'), 'utf8');
  const [genuine = ''] = policy.replace('vendor: simulated', 'vendor: amd').split('# NAMED WEAKNESS');
  await writeFile(join(scene.directory, 'attacks/genuine-policy.yaml'), genuine);
  const [offer] = scene.records.of('EvidenceOffer');
  const attack = 'simulated evidence is shown to a hospital that wants genuine hardware';
  const { evidence = '{}', nonce = '' } = offer?.value ?? {};
  return await judge(scene, { attack, evidence, nonce, policy: 'attacks/genuine-policy.yaml' });
};

/** `evidence verify` must be able to read it: a bundle that is not even read would prove nothing. */
async function judge(
  { crew, directory }: Scene,
  { attack, evidence, nonce, policy }: { attack: string; evidence: string; nonce: string; policy: string },
): Promise<AttackResult> {
  const path = join(directory, 'attacks/evidence.json');
  await writeFile(path, evidence);
  const { status, document } = await crew.attempt(['evidence', 'verify', path, '--policy', policy, '--nonce', nonce]);
  const failed = answer(verified, document).steps.find((step) => step.status === 'failed');
  return { attack, got: failed?.code ?? `status ${status}`, refused: status === 10 || status === 20 };
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}
