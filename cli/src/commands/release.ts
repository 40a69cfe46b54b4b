// `wardround release init|join|sign`: whoever builds the enclave says, signed, which measurements that build has.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import * as z from 'zod';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { sign } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { generateSigningKey } from '@wardround/protocol/keys';
import { proveWith } from '@wardround/relay/prove';
import { createOutput } from '../output.ts';
import { readSigningKey, writeKeyFile } from '../party/key-files.ts';
import { withLink } from '../party/link.ts';
import { createParty, openParty, rememberCoordinator, signingKeyPath } from '../party/party-directory.ts';
import { coordinatorOption, invitationOption, type Json, jsonOption } from './options.ts';

/** What `wardround aggregator measure --json` prints, as far as a release needs it; the same can be typed as options. */
const measureSchema = z.looseObject({
  measurement: z.string().regex(/^[0-9a-f]{96}$/, 'expected 96 lower-case hex digits'),
  bundle: sha256Schema,
  sourceCommit: z.string().regex(/^[0-9a-f]{40,64}$/, 'expected a commit of 40 to 64 hex digits'),
});

interface InitOptions extends Json {
  readonly dir: string;
  readonly name: string;
  readonly displayName?: string;
}

interface JoinOptions extends Json {
  readonly dir: string;
  readonly coordinator: string;
  readonly invitation: string;
}

interface SignOptions extends Json {
  readonly dir: string;
  readonly release: string;
  readonly measured?: string;
  readonly measurement?: string;
  readonly bundle?: string;
  readonly commit?: string;
  readonly days: string;
  readonly invitation: string;
}

export function addReleaseCommands(program: Command): void {
  const release = program.command('release').description('sign which builds of the enclave are released');
  release
    .command('init')
    .description("make a releaser's key")
    .requiredOption('--dir <dir>', 'where to keep it')
    .requiredOption('--name <name>', "the releaser's short name")
    .option('--display-name <text>', 'its name for people (default: the short one)')
    .addOption(jsonOption())
    .action(init);
  release
    .command('join')
    .description('introduce the releaser to a federation that is being founded')
    .requiredOption('--dir <dir>', "the releaser's directory")
    .addOption(coordinatorOption().makeOptionMandatory())
    .addOption(invitationOption().makeOptionMandatory())
    .addOption(jsonOption())
    .action(join);
  release
    .command('sign')
    .description(
      'sign and publish an EnclaveRelease. Necessary, never sufficient: each hospital lists the measurement itself',
    )
    .requiredOption('--dir <dir>', "the releaser's directory")
    .requiredOption('--release <name>', 'the name that plans ask for, such as heart-enclave-1.2')
    .option('--measured <file>', 'what `wardround aggregator measure --json` printed')
    .option('--measurement <hex>', 'the SEV-SNP launch measurement')
    .option('--bundle <hex>', 'SHA-256 of the program as measured')
    .option('--commit <hex>', 'the source commit it was built from')
    .option('--days <days>', 'how long it is released for', '180')
    .addOption(invitationOption().makeOptionMandatory())
    .addOption(jsonOption())
    .action(signRelease);
}

async function init({ dir, name, displayName, json }: InitOptions): Promise<void> {
  await createParty({ path: dir, role: 'releaser', name, displayName: displayName ?? name });
  const key = generateSigningKey();
  await writeKeyFile(signingKeyPath(dir), key.exportSecret());
  createOutput(json === true).result(
    { directory: dir, name, key: key.thumbprint },
    () => `Made the key of ${name} in ${dir}.`,
  );
}

async function join({ dir, coordinator, invitation, json }: JoinOptions): Promise<void> {
  const party = await openParty(dir, 'releaser');
  const { name, displayName } = party;
  const key = await readSigningKey(signingKeyPath(dir));
  const bundle = await sign(
    'KeyBundle',
    {
      kind: 'KeyBundle',
      version: 1,
      createdAt: new Date().toISOString(),
      party: { role: 'releaser', name, displayName, key: key.publicKey },
    },
    key,
  );
  await withLink(
    { coordinator, prove: proveWith({ role: 'joining', name, key, token: invitation }) },
    async ({ board }) => {
      await board.publish('federation', bundle.jws);
    },
  );
  await rememberCoordinator(party, coordinator);
  createOutput(json === true).result(
    { name, bundle: bundle.digest, key: key.thumbprint },
    () => `${name} is introduced as a releaser.`,
  );
}

async function signRelease(options: SignOptions): Promise<void> {
  const party = await openParty(options.dir, 'releaser');
  if (party.coordinator === null) {
    throw new WardroundError('releaser-not-joined', 'this releaser has no coordinator yet', {
      expected: '`wardround release join` first',
    });
  }
  const key = await readSigningKey(signingKeyPath(options.dir));
  const { measurement, bundle, sourceCommit } = await measured(options);
  const issuedAt = new Date();
  const document = await sign(
    'EnclaveRelease',
    {
      kind: 'EnclaveRelease',
      version: 1,
      name: options.release,
      releaser: party.name,
      issuedAt: issuedAt.toISOString(),
      expires: new Date(issuedAt.getTime() + daysOf(options.days) * 86_400_000).toISOString(),
      sourceCommit,
      bundle,
      measurements: [{ platform: 'sevSnp', measurement }],
    },
    key,
  );
  const prove = proveWith({ role: 'joining', name: party.name, key, token: options.invitation });
  await withLink(
    { coordinator: party.coordinator, prove },
    async ({ board }) => await board.publish('federation', document.jws),
  );
  const said = { release: document.digest, name: options.release, measurement, expires: document.value.expires };
  createOutput(options.json === true).result(said, () =>
    [
      `Released ${options.release}: measurement ${measurement}`,
      `until ${document.value.expires}. Each hospital adds the measurement to its policy, if it agrees.`,
    ].join('\n'),
  );
}

async function measured({
  measured: file,
  measurement,
  bundle,
  commit,
}: SignOptions): Promise<z.infer<typeof measureSchema>> {
  const given = file === undefined ? {} : await readMeasured(file);
  const typed = Object.entries({ measurement, bundle, sourceCommit: commit }).filter(
    ([, value]) => value !== undefined,
  );
  const parsed = measureSchema.safeParse({ ...given, ...Object.fromEntries(typed) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new WardroundError('release-invalid', issue?.message ?? 'not a measurement', {
    where: issue?.path.join('.') ?? '',
    expected: '--measured FILE, or --measurement, --bundle and --commit',
  });
}

async function readMeasured(file: string): Promise<object> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof value === 'object' && value !== null) return value;
    throw new Error('not an object');
  } catch (cause) {
    throw new WardroundError('file-unreadable', 'this is not what `wardround aggregator measure --json` prints', {
      where: file,
      cause,
    });
  }
}

function daysOf(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= 3650) return days;
  throw new WardroundError('release-invalid', 'not a number of days', {
    where: '--days',
    expected: '1 to 3650',
    got: text,
  });
}
