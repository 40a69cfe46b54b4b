// `federation fingerprint`: the number to compare by telephone, with everything that it stands for.
import { type Genesis, genesisSchema } from '@wardround/protocol/documents/federation';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { sitePaths } from '../config/site-paths.ts';
import { fingerprintOf } from '@wardround/protocol/fingerprint';
import { readSignedGenesis } from '../founding/genesis-file.ts';
import { describeGenesis, genesisWeaknesses } from '../founding/review.ts';
import type { Command, Typed } from './command.ts';
import { readDraft } from './options.ts';

export const federationFingerprint: Command = {
  words: ['federation', 'fingerprint'],
  summary: "show a draft's fingerprint and who is in it",
  about: [
    'Call the other founding sites at numbers that you already know, and read the digits to each other. If they differ, somebody holds another draft: do not sign. Look at the names as well.',
  ],
  options: {
    draft: { type: 'string', value: 'FILE', help: 'the draft, as federation draft saved it' },
    dir: { type: 'string', value: 'DIR', help: "or: a site's directory, to show what that site signed" },
  },
  positionals: [],
  example: 'wardround federation fingerprint --draft draft.json',
  async run(typed) {
    const { genesis, digest } = await readEither(typed);
    return {
      json: {
        federation: digest,
        fingerprint: fingerprintOf(digest),
        name: genesis.federation,
        colludingSites: genesis.colludingSites,
        sites: genesis.sites.map(({ name, displayName }) => ({ name, displayName })),
        researchers: genesis.researchers.map(({ name, displayName }) => ({ name, displayName })),
        releasers: genesis.releasers.map(({ name, displayName }) => ({ name, displayName })),
        weaknesses: genesisWeaknesses(genesis),
      },
      lines: describeGenesis(genesis, digest),
    };
  },
};

async function readEither(typed: Typed): Promise<{ genesis: Genesis; digest: string }> {
  const draft = typed.optional('draft');
  const directory = typed.optional('dir');
  if ((draft === undefined) === (directory === undefined)) {
    throw new WardroundError('usage-option', 'one of --draft and --dir is needed', {
      expected: '--draft FILE or --dir DIR',
    });
  }
  if (draft !== undefined) return await readDraft(draft);
  const signed = await readSignedGenesis(sitePaths(directory ?? ''));
  if (signed === null) {
    throw new WardroundError('genesis-unsigned', 'this site has not signed any federation', { where: directory ?? '' });
  }
  return { genesis: genesisSchema.parse(UNVERIFIED_kindOf(signed.jws).value), digest: signed.federation };
}
