// `federation sign`: the founding act of a site. Its person heard the fingerprint by telephone; the approval key signs.
import { digestOf } from '@wardround/protocol/canonical-json';
import type { Genesis } from '@wardround/protocol/documents/federation';
import { genesisSchema } from '@wardround/protocol/documents/federation';
import { sign, UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { federationRecords } from '../founding/connection.ts';
import { fingerprintOf, readDigits, requireFingerprint } from '@wardround/protocol/fingerprint';
import { completeFounding, readFounding, readSignedGenesis, writeSignedGenesis } from '../founding/genesis-file.ts';
import { signersOfGenesis } from '../founding/signers.ts';
import { describeGenesis, genesisWeaknesses, requireOurselves } from '../founding/review.ts';
import { readApprovalKey, readPublicKeys } from '../keys/site-keys.ts';
import type { Command, Surroundings, Typed } from './command.ts';
import {
  dirOption,
  invitationOption,
  type OpenSite,
  openSite,
  readDraft,
  requireConfirmed,
  withConnection,
  yesOption,
} from './options.ts';

interface Draft {
  readonly genesis: Genesis;
  readonly digest: string;
}

export const federationSign: Command = {
  words: ['federation', 'sign'],
  summary: 'sign a federation into being, after its fingerprint was compared by telephone',
  about: [
    "Checks that the digits you heard are this draft's, that this site is in it with its keys exactly as it made them, shows the whole, and signs with the approval key. The federation exists when every founding site has signed the same draft.",
    'Without --draft, the draft that another site already signed is taken from the coordinator, if its fingerprint is the one you heard.',
    'Run it again to see who is still missing; the agent also notices by itself (wardround site start).',
  ],
  options: {
    dir: dirOption,
    draft: { type: 'string', value: 'FILE', help: 'the draft, as federation draft saved it' },
    fingerprint: { type: 'string', value: 'DIGITS', help: 'the 20 digits as you heard them', required: true },
    invitation: invitationOption,
    replace: { type: 'boolean', help: 'sign although this site signed another draft that did not become a federation' },
    yes: yesOption,
  },
  positionals: [],
  example:
    'wardround federation sign --dir ./south --draft draft.json --fingerprint "4821 0937 5516 2049 7730" --invitation inv_Qm…',
  async run(typed, around) {
    const site = await openSite(typed);
    readDigits(typed.text('fingerprint'));
    const draft = await findDraft(site, typed, around);
    requireFingerprint(typed.text('fingerprint'), draft.digest);
    requireOurselves(draft.genesis, { name: site.config.name, keys: await readPublicKeys(site.paths) });
    await requireFree(site, draft, typed.flag('replace'));
    for (const line of describeGenesis(draft.genesis, draft.digest)) around.progress(line);
    await requireConfirmed('Sign this federation with the approval key?', { typed, around });
    return await signAndPublish({ site, draft, typed, around });
  },
};

async function findDraft(site: OpenSite, typed: Typed, around: Surroundings): Promise<Draft> {
  const file = typed.optional('draft');
  if (file !== undefined) return await readDraft(file);
  const records = await withConnection(site, { typed, around }, federationRecords);
  const heard = readDigits(typed.text('fingerprint'));
  const found = records.flatMap(peekGenesis).find(({ digest }) => readDigits(fingerprintOf(digest)) === heard);
  if (found !== undefined) return found;
  throw new WardroundError('draft-not-on-board', 'no draft with this fingerprint has been signed by anyone yet', {
    expected: '--draft FILE, or that another site signs first',
    action: 'retry',
  });
}

// Unverified: its fingerprint, which a person heard, is what makes it ours.
function peekGenesis(jws: string): readonly Draft[] {
  try {
    const { kind, value } = UNVERIFIED_kindOf(jws);
    if (kind !== 'Genesis') return [];
    const genesis = genesisSchema.parse(value);
    return [{ genesis, digest: digestOf('Genesis', genesis) }];
  } catch {
    return [];
  }
}

/** A site belongs to one federation: its keys, its budget and its patients are counted once. */
async function requireFree(site: OpenSite, { digest }: Draft, replace: boolean): Promise<void> {
  const founded = await readFounding(site.paths);
  if (founded !== null && founded.federation !== digest) {
    throw new WardroundError('genesis-founded', 'this site is already a member of another federation', {
      got: `${founded.name} ${founded.federation}`,
      action: 'stop',
    });
  }
  const signed = await readSignedGenesis(site.paths);
  if (signed !== null && signed.federation !== digest && !replace) {
    throw new WardroundError(
      'genesis-signed',
      'this site signed another draft before; if that one was given up, type --replace',
      {
        expected: fingerprintOf(signed.federation),
        got: fingerprintOf(digest),
      },
    );
  }
}

async function signAndPublish({
  site,
  draft,
  typed,
  around,
}: {
  site: OpenSite;
  draft: Draft;
  typed: Typed;
  around: Surroundings;
}): ReturnType<Command['run']> {
  const { genesis, digest } = draft;
  const { jws } = await sign('Genesis', genesis, await readApprovalKey(site.paths));
  await writeSignedGenesis(site.paths, { federation: digest, jws });
  const records = await withConnection(site, { typed, around }, async (connection) => {
    await connection.board.publish('federation', jws);
    return await federationRecords(connection);
  });
  const view = await completeFounding({ paths: site.paths, records });
  const missing = view === null ? await missingSigners(genesis, digest, [...records, jws]) : [];
  return {
    json: {
      federation: digest,
      fingerprint: fingerprintOf(digest),
      complete: view !== null,
      missing,
      weaknesses: genesisWeaknesses(genesis),
    },
    lines:
      view === null
        ? [`Signed. Still missing: ${missing.join(', ')}.`, 'The agent (wardround site start) waits for them.']
        : [`Signed by all ${genesis.sites.length} sites: the federation ${genesis.federation} exists.`, `  ${digest}`],
  };
}

async function missingSigners(
  genesis: Genesis,
  digest: string,
  records: readonly string[],
): Promise<readonly string[]> {
  const signers = await signersOfGenesis(genesis, digest, records);
  return genesis.sites.map(({ name }) => name).filter((name) => !signers.includes(name));
}
