// `wardround researcher init|join`: a researcher's keys, and their introduction to a federation that is being founded.
import type { Command } from 'commander';
import { sign } from '@wardround/protocol/documents/signed';
import { generateHpkeKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey } from '@wardround/protocol/keys';
import { proveWith } from '@wardround/relay/prove';
import { createOutput } from '../output.ts';
import { readReceivingKey, readSigningKey, writeKeyFile } from '../party/key-files.ts';
import { withLink } from '../party/link.ts';
import {
  createParty,
  openParty,
  receivingKeyPath,
  rememberCoordinator,
  researcherDirectory,
  signingKeyPath,
} from '../party/party-directory.ts';
import { coordinatorOption, invitationOption, type Json, jsonOption, researcherDirOption } from './options.ts';

interface InitOptions extends Json {
  readonly dir?: string;
  readonly name: string;
  readonly displayName?: string;
}

interface JoinOptions extends Json {
  readonly dir?: string;
  readonly coordinator: string;
  readonly invitation: string;
}

export function addResearcherCommands(program: Command): void {
  const researcher = program.command('researcher').description("a researcher's keys");
  researcher
    .command('init')
    .description(
      'make your keys: one that signs plans, one that opens released models. They never leave this directory',
    )
    .addOption(researcherDirOption())
    .requiredOption('--name <name>', 'your short name, such as dr.lind')
    .option('--display-name <text>', 'your name for people (default: the short one)')
    .addOption(jsonOption())
    .action(init);
  researcher
    .command('join')
    .description('introduce yourself to a federation that is being founded')
    .addOption(researcherDirOption())
    .addOption(coordinatorOption().makeOptionMandatory())
    .addOption(invitationOption().makeOptionMandatory())
    .addOption(jsonOption())
    .action(join);
}

async function init({ dir, name, displayName, json }: InitOptions): Promise<void> {
  const path = researcherDirectory(dir);
  const party = await createParty({ path, role: 'researcher', name, displayName: displayName ?? name });
  const [signing, receiving] = [generateSigningKey(), await generateHpkeKey()];
  await writeKeyFile(signingKeyPath(path), signing.exportSecret());
  await writeKeyFile(receivingKeyPath(path), await receiving.exportSecret());
  const document = { directory: path, name: party.name, signing: signing.thumbprint, receiving: receiving.thumbprint };
  createOutput(json === true).result(document, () =>
    [
      `Made the keys of ${party.name} in ${path} (mode 0600; keep a copy where only you reach it: without them nobody opens your models).`,
      'Next: wardround researcher join --coordinator URL --invitation CODE',
    ].join('\n'),
  );
}

async function join({ dir, coordinator, invitation, json }: JoinOptions): Promise<void> {
  const party = await openParty(researcherDirectory(dir), 'researcher');
  const key = await readSigningKey(signingKeyPath(party.path));
  const receiving = await readReceivingKey(receivingKeyPath(party.path));
  const { name, displayName } = party;
  const bundle = await sign(
    'KeyBundle',
    {
      kind: 'KeyBundle',
      version: 1,
      createdAt: new Date().toISOString(),
      party: { role: 'researcher', name, displayName, signing: key.publicKey, receiving: receiving.publicKey },
    },
    key,
  );
  const prove = proveWith({ role: 'joining', name, key, token: invitation });
  await withLink({ coordinator, prove }, async ({ board }) => await board.publish('federation', bundle.jws));
  await rememberCoordinator(party, coordinator);
  createOutput(json === true).result({ name, bundle: bundle.digest, signing: key.thumbprint }, () =>
    [
      `${name} is introduced. The hospitals now draft and sign; you are a researcher of the federation when all of them have.`,
      `They will ask you for the thumbprint of your signing key: ${key.thumbprint}`,
      'Next: wardround study init plan.yaml',
    ].join('\n'),
  );
}
