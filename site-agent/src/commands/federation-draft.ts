// `federation draft`: a genesis from the key bundles on the board, saved for the sites to compare and sign.
import { digestOf } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { createDurably } from '../config/durable-file.ts';
import { collectBundles } from '../founding/bundles.ts';
import { federationRecords } from '../founding/connection.ts';
import { draftGenesis, toleratesAbsence } from '../founding/draft.ts';
import { fingerprintOf } from '@wardround/protocol/fingerprint';
import { describeGenesis, genesisWeaknesses } from '../founding/review.ts';
import type { Command } from './command.ts';
import { dirOption, invitationOption, openSite, parseCount, parseNames, withConnection } from './options.ts';

export const federationDraft: Command = {
  words: ['federation', 'draft'],
  summary: 'draft a federation from the keys that its parties published',
  about: [
    'Collects the key bundles from the coordinator into a draft. Nothing is decided yet: every founding site gets the file, compares its fingerprint with the others by telephone, and signs it.',
    'f (--colluding) is the number of sites that may collude without a promise being broken. Every sum then has at least f + 2 contributors, and with 3f + 1 sites the federation can go on while f are away.',
    'There is no witnessed log in this version, so --unwitnessed must be typed: receipts are cosigned by the sites, but no append-only log binds their order.',
  ],
  options: {
    dir: dirOption,
    name: { type: 'string', value: 'NAME', help: "the federation's short name", required: true },
    colluding: { type: 'string', value: 'F', help: 'f, the colluding sites to be tolerated', required: true },
    unwitnessed: { type: 'boolean', help: 'accept this weakness by its name' },
    sites: { type: 'string', value: 'A,B,C', help: 'only these sites (default: all that joined)' },
    researchers: { type: 'string', value: 'A,B', help: 'only these researchers (default: all that joined)' },
    releasers: {
      type: 'string',
      value: 'A,B',
      help: 'only these releasers of enclave images (default: all that joined)',
    },
    invitation: invitationOption,
    out: { type: 'string', value: 'DRAFT.json', help: 'the new file to write', required: true },
  },
  positionals: [],
  example:
    'wardround federation draft --dir ./north --name heart --colluding 1 --unwitnessed --invitation inv_Qm… --out draft.json',
  async run(typed, around) {
    requireNamedWeakness(typed.flag('unwitnessed'));
    const wishes = {
      federation: typed.text('name'),
      colludingSites: parseCount(typed.text('colluding'), 'colluding'),
      createdAt: around.now(),
      sites: parseNames(typed.optional('sites'), 'sites'),
      researchers: parseNames(typed.optional('researchers'), 'researchers'),
      releasers: parseNames(typed.optional('releasers'), 'releasers'),
    };
    const site = await openSite(typed);
    const records = await withConnection(site, { typed, around }, federationRecords);
    const { parties, repeated } = await collectBundles(records);
    const genesis = draftGenesis(parties, wishes);
    const digest = digestOf('Genesis', genesis);
    await saveNew(typed.text('out'), `${JSON.stringify(genesis, null, 2)}\n`);
    return {
      json: {
        draft: typed.text('out'),
        federation: digest,
        fingerprint: fingerprintOf(digest),
        sites: genesis.sites.map(({ name }) => name),
        researchers: genesis.researchers.map(({ name }) => name),
        releasers: genesis.releasers.map(({ name }) => name),
        colludingSites: genesis.colludingSites,
        toleratesAbsence: toleratesAbsence(genesis.sites.length, genesis.colludingSites),
        repeated,
        weaknesses: genesisWeaknesses(genesis),
      },
      lines: [
        ...describeGenesis(genesis, digest),
        ...repeated.map(
          (name) => `  NOTE         ${name} published more than one set of keys; the newest is in the draft. Ask why.`,
        ),
        '',
        `Saved as ${typed.text('out')}. Give it to every founding site; compare the fingerprint by telephone; then each runs`,
        `  wardround federation sign --dir DIR --draft ${typed.text('out')} --fingerprint "${fingerprintOf(digest)}" --invitation CODE`,
      ],
    };
  },
};

function requireNamedWeakness(typed: boolean): void {
  if (typed) return;
  throw new WardroundError(
    'usage-unwitnessed',
    'there is no witnessed log in this version, and a federation without one must say so',
    {
      expected: '--unwitnessed',
    },
  );
}

async function saveNew(path: string, text: string): Promise<void> {
  try {
    await createDurably(path, text, { mode: 0o644 });
  } catch (cause) {
    throw new WardroundError('draft-file-unwritable', 'the draft cannot be written; an existing file is not replaced', {
      where: path,
      cause,
    });
  }
}
