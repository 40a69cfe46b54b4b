// The demo's founding, by the commands that people would type: coordinator, enclave, releaser, researcher, hospitals, one genesis.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyBytes, fromBase64Url, toHex } from '@wardround/protocol/bytes';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import { examplePolicy } from '@wardround/attestation/policy/example';
import { parseSimulatedEndorsements } from '@wardround/attestation/simulated/files';
import { findSnpLeaf } from '@wardround/attestation/snp/leaf';
import { WardroundError } from '@wardround/protocol/errors';
import { readText } from '../yaml-file.ts';
import {
  aggregatorMade,
  aggregatorReady,
  answer,
  coordinatorMade,
  coordinatorReady,
  drafted,
  measured,
  siteMade,
} from './answers.ts';
import { type Crew, errorCode } from './crew.ts';
import { releaseName, researcherName } from './demo-plan.ts';
import { colludingFor, type DemoHospital } from './hospitals.ts';
import type { Story } from './story.ts';

export interface Stage {
  readonly directory: string;
  readonly crew: Crew;
  readonly story: Story;
  readonly hospitals: readonly DemoHospital[];
}

export interface Founded {
  readonly coordinator: string;
  readonly invitation: string;
  readonly measurement: string;
  readonly fingerprint: string;
}

export const siteDir = (directory: string, { name }: DemoHospital): string => join(directory, 'sites', name);

export async function found(stage: Stage): Promise<Founded> {
  const { story, hospitals } = stage;
  story.heading('founding');
  const { coordinator, invitation, aggregatorToken } = await openCoordinator(stage);
  const enclave = await makeAggregator(stage, { coordinator, aggregatorToken });
  await Promise.all([
    introduceResearcher(stage, { coordinator, invitation }),
    introduceReleaser(stage, { coordinator, invitation }),
    ...hospitals.map(async (hospital) => await introduceSite(stage, hospital, { coordinator, invitation })),
  ]);
  const fingerprint = await signGenesis(stage, invitation);
  await Promise.all([
    publishRelease(stage, { ...enclave, invitation }),
    ...hospitals.map(async (hospital) => await startSite(stage, hospital)),
  ]);
  return { coordinator, invitation, measurement: enclave.measurement, fingerprint };
}

async function openCoordinator({
  crew,
  story,
}: Stage): Promise<{ coordinator: string; invitation: string; aggregatorToken: string }> {
  const made = answer(coordinatorMade, await crew.run(['coordinator', 'init', '--dir', 'coordinator', '--port', '0']));
  const { listening } = answer(
    coordinatorReady,
    await crew.start('coordinator', ['coordinator', 'start', '--dir', 'coordinator']),
  );
  story.tell('coordinator', `listens on ${listening}; it relays everything and can read nothing`);
  return { coordinator: listening, invitation: made.invitation, aggregatorToken: made.aggregatorToken };
}

async function makeAggregator(
  { crew, story, directory }: Stage,
  { coordinator, aggregatorToken }: { coordinator: string; aggregatorToken: string },
): Promise<{ measurement: string; bundle: string; commit: string }> {
  const tokenFile = join(directory, 'aggregator-token');
  await writeFile(tokenFile, aggregatorToken, { mode: 0o600 });
  const init = [
    'aggregator',
    'init',
    '--dir',
    'aggregator',
    '--coordinator',
    coordinator,
    '--token-file',
    tokenFile,
    '--simulated',
    '--simulated-gpu',
  ];
  const { vendorRoot } = answer(aggregatorMade, await crew.run(init));
  const { measurement, bundle, sourceCommit, gpu } = answer(
    measured,
    await crew.run(['aggregator', 'measure', '--dir', 'aggregator']),
  );
  story.tell('operator', 'made the enclave with a GPU, and simulated silicon vendors for both, whose roots are new');
  const endorsements = parseSimulatedEndorsements(
    JSON.parse(await readText(join(directory, 'aggregator/simulated-vendor.json'))),
  );
  const leaf = findSnpLeaf(parseCertificates(endorsements.certificates.map((der) => fromBase64Url(der))));
  const policy = examplePolicy({
    measurement,
    chipIds: leaf.hardwareId === undefined ? [] : [toHex(copyBytes(leaf.hardwareId))],
    product: 'Turin',
    minimumTcb: leaf.tcb,
    minimumGuestSvn: 0,
    gpu: { ueids: [gpu.ueid], architecture: 'hopper', model: gpu.model, driver: gpu.driver, vbios: gpu.vbios },
    simulatedRoots: [vendorRoot, gpu.vendorRoot],
  });
  await writeFile(join(directory, 'policy.yaml'), policy);
  // Outside a git working tree there is no commit to name: the digest of the program itself stands in.
  return { measurement, bundle, commit: sourceCommit ?? bundle };
}

interface Invited {
  readonly coordinator: string;
  readonly invitation: string;
}

async function introduceResearcher({ crew, story }: Stage, { coordinator, invitation }: Invited): Promise<void> {
  await crew.run(['researcher', 'init', '--dir', 'researcher', '--name', researcherName, '--display-name', 'Dr Lind']);
  await crew.run([
    'researcher',
    'join',
    '--dir',
    'researcher',
    '--coordinator',
    coordinator,
    '--invitation',
    invitation,
  ]);
  story.tell('researcher', `${researcherName} made keys and is introduced`);
}

async function introduceReleaser({ crew, story }: Stage, { coordinator, invitation }: Invited): Promise<void> {
  await crew.run(['release', 'init', '--dir', 'releaser', '--name', 'builder']);
  await crew.run(['release', 'join', '--dir', 'releaser', '--coordinator', coordinator, '--invitation', invitation]);
  story.tell('releaser', 'made a key and is introduced');
}

async function introduceSite(
  { crew, story, directory }: Stage,
  hospital: DemoHospital,
  { coordinator, invitation }: Invited,
): Promise<void> {
  const dir = siteDir(directory, hospital);
  const init = ['site', 'init', '--dir', dir, '--name', hospital.name, '--display-name', hospital.displayName];
  const settings = [
    '--coordinator',
    coordinator,
    '--source',
    hospital.source,
    '--policy',
    join(directory, 'policy.yaml'),
  ];
  const { vaultIsolation } = answer(siteMade, await initSite(crew, [...init, ...settings]));
  await crew.run(['site', 'join', '--dir', dir, '--invitation', invitation]);
  story.tell(
    hospital.name,
    vaultIsolation === notIsolated
      ? `made its keys; WEAKNESS ${notIsolated}: this machine offers no way to keep a vault off the network`
      : `made its keys; its vault is kept off the network by ${vaultIsolation}`,
  );
}

export const notIsolated = 'vaultNotIsolated';

/** Where the machine offers no isolation (a plain container), the demo goes on under that weakness, by its name. */
async function initSite(crew: Crew, words: readonly string[]): Promise<unknown> {
  const { status, document } = await crew.attempt(words);
  if (status === 0) return document;
  const accepted = errorCode(document) === 'isolation-unavailable' ? ['--vault-isolation', notIsolated] : [];
  return await crew.run([...words, ...accepted]);
}

async function signGenesis({ crew, story, directory, hospitals }: Stage, invitation: string): Promise<string> {
  const [first, ...others] = hospitals;
  if (first === undefined) return '';
  const draft = join(directory, 'genesis-draft.json');
  const colluding = String(colludingFor(hospitals.length));
  const words = [
    'federation',
    'draft',
    '--dir',
    siteDir(directory, first),
    '--name',
    'heart',
    '--colluding',
    colluding,
  ];
  const { fingerprint } = answer(
    drafted,
    await crew.run([...words, '--unwitnessed', '--invitation', invitation, '--out', draft]),
  );
  story.tell(first.name, `drafted the federation; everybody compares its fingerprint by telephone: ${fingerprint}`);
  await Promise.all(
    [first, ...others].map(async (hospital) => {
      const sign = ['federation', 'sign', '--dir', siteDir(directory, hospital), '--draft', draft];
      await crew.run([...sign, '--fingerprint', fingerprint, '--invitation', invitation, '--yes']);
      story.tell(hospital.name, 'heard the same digits, found its own keys in the draft, and signed');
    }),
  );
  return fingerprint;
}

async function publishRelease(
  { crew, story }: Stage,
  {
    measurement,
    bundle,
    commit,
    invitation,
  }: { measurement: string; bundle: string; commit: string; invitation: string },
): Promise<void> {
  const sign = ['release', 'sign', '--dir', 'releaser', '--release', releaseName, '--measurement', measurement];
  await crew.run([...sign, '--bundle', bundle, '--commit', commit, '--invitation', invitation]);
  story.tell(
    'releaser',
    `signed ${releaseName}: necessary, never sufficient; each hospital lists the measurement itself`,
  );
}

async function startSite({ crew, story, directory }: Stage, hospital: DemoHospital): Promise<void> {
  await crew.start(hospital.name, ['site', 'start', '--dir', siteDir(directory, hospital)]);
  story.tell(hospital.name, 'its agent runs: vault (data, no network) and courier (network, no data)');
}

export async function startEnclave({ crew, story }: Stage, measurement: string): Promise<void> {
  const ready = answer(aggregatorReady, await crew.start('aggregator', ['aggregator', 'start', '--dir', 'aggregator']));
  if (ready.measurement !== measurement) {
    throw new WardroundError(
      'demo-changed',
      'the program of the enclave was changed while the demo ran; no hospital would accept it now',
      {
        expected: measurement,
        got: ready.measurement,
        action: 'retry',
      },
    );
  }
  const short = `${measurement.slice(0, 16)}…`;
  story.tell('enclave', `connected out to the coordinator; measurement ${short} (SIMULATED PLATFORM)`);
}
