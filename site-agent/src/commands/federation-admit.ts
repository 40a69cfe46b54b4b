// `federation admit`: members and keys change by documents with q members' signatures, never by the coordinator.
import type { Membership } from '@wardround/protocol/documents/federation';
import { sign } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { applyMemberships, type FederationView, requireSite } from '@wardround/protocol/federation-view';
import { digestOf } from '@wardround/protocol/canonical-json';
import { adoptFederation } from '../founding/adopt.ts';
import { type Connection, federationRecords } from '../founding/connection.ts';
import { completeFounding } from '../founding/genesis-file.ts';
import {
  describeChange,
  findProposal,
  openProposals,
  parseChangeFile,
  proposeMembership,
  type Proposal,
  requireFits,
} from '../founding/membership.ts';
import { readApprovalKey, readPublicKeys } from '../keys/site-keys.ts';
import type { Answer, Command, Surroundings, Typed } from './command.ts';
import {
  dirOption,
  invitationOption,
  type OpenSite,
  openSite,
  readJson,
  requireConfirmed,
  withConnection,
  yesOption,
} from './options.ts';

interface Act {
  readonly site: OpenSite;
  readonly typed: Typed;
  readonly around: Surroundings;
  readonly connection: Connection;
}

export const federationAdmit: Command = {
  words: ['federation', 'admit'],
  summary: "propose or sign a change of the federation's members, keys or f",
  about: [
    'With --propose, a file {"reason": "…", "changes": [{"action": "addSite", "site": …}, …]} becomes a signed proposal. With --sign, this site adds its signature to a proposal of another. A change is in force when a quorum of the present members has signed it.',
    'A site that was admitted so types --fingerprint, with the digits of the federation as a member read them over the telephone: it then keeps the federation as its own, and can start.',
    'With none of them, the open proposals are listed.',
  ],
  options: {
    dir: dirOption,
    propose: { type: 'string', value: 'CHANGE.json', help: 'the changes to propose' },
    sign: { type: 'string', value: 'DIGEST', help: 'the proposal to sign; the first 6 digits or more will do' },
    fingerprint: { type: 'string', value: 'DIGITS', help: 'for a site admitted by others: the digits as heard' },
    invitation: invitationOption,
    yes: yesOption,
  },
  positionals: [],
  example: 'wardround federation admit --dir ./north --sign 3f9a2c',
  async run(typed, around) {
    const site = await openSite(typed);
    if (['propose', 'sign', 'fingerprint'].filter((name) => typed.optional(name) !== undefined).length > 1) {
      throw new WardroundError('usage-option', '--propose, --sign and --fingerprint are three different acts', {
        expected: 'one of them',
      });
    }
    return await withConnection(
      site,
      { typed, around },
      async (connection) => await act({ site, typed, around, connection }),
    );
  },
};

async function act(context: Act): Promise<Answer> {
  const { typed } = context;
  const heard = typed.optional('fingerprint');
  if (heard !== undefined) return await adopt(context, heard);
  const view = await currentView(context);
  const proposed = typed.optional('propose');
  if (proposed !== undefined) {
    const change = parseChangeFile(await readJson(proposed, 'change-file'), proposed);
    return await signChange(context, view, proposeMembership(view, change, context.around.now()));
  }
  const proposals = await openProposals(view, await federationRecords(context.connection));
  const prefix = typed.optional('sign');
  if (prefix === undefined) return listed(view, proposals);
  const { membership } = findProposal(proposals, prefix);
  requireFits(view, membership);
  return await signChange(context, view, membership);
}

async function adopt({ site, connection }: Act, heard: string): Promise<Answer> {
  const { paths, config } = site;
  const own = { name: config.name, keys: await readPublicKeys(paths) };
  const view = await adoptFederation({ paths, own, heard, records: await federationRecords(connection) });
  const members = view.sites.map(({ name }) => name);
  return {
    json: { federation: view.federation, sequence: view.sequence, sites: members, adopted: true },
    lines: [`${config.name} is a member of ${view.name}, with ${members.join(', ')}.`, 'Next: wardround site start'],
  };
}

async function currentView({ site, connection }: Act): Promise<FederationView> {
  const records = await federationRecords(connection);
  const founded = await completeFounding({ paths: site.paths, records });
  if (founded === null) {
    throw new WardroundError('genesis-incomplete', 'this federation is not founded yet', {
      expected: 'that every founding site has signed (wardround federation sign)',
      action: 'retry',
    });
  }
  return await applyMemberships(founded, records);
}

async function signChange(context: Act, view: FederationView, membership: Membership): Promise<Answer> {
  const { site, typed, around, connection } = context;
  requireSite(view, site.config.name);
  for (const line of describeMembership(membership)) around.progress(line);
  await requireConfirmed('Sign this change with the approval key?', { typed, around });
  const { jws, digest } = await sign('Membership', membership, await readApprovalKey(site.paths));
  await connection.board.publish('federation', jws);
  const records = [...(await federationRecords(connection)), jws];
  const proposal = (await openProposals(view, records)).find((open) => open.digest === digest);
  const { signers, needed } = proposal ?? { signers: [site.config.name], needed: view.sites.length };
  const inForce = (await applyMemberships(view, records)).sequence > view.sequence;
  return {
    json: { proposal: digest, signers, needed, inForce },
    lines: [
      inForce ? 'Signed, and in force.' : `Signed by ${signers.length} of the ${needed} sites that are needed.`,
      ...(inForce ? [] : [`The others run: wardround federation admit --dir DIR --sign ${digest.slice(0, 12)}`]),
    ],
  };
}

function listed(view: FederationView, proposals: readonly Proposal[]): Answer {
  return {
    json: {
      federation: view.federation,
      sequence: view.sequence,
      sites: view.sites.map(({ name }) => name),
      proposals: proposals.map(({ digest, membership, signers, needed }) => ({
        digest,
        reason: membership.reason,
        changes: membership.changes.map(describeChange),
        signers,
        needed,
      })),
    },
    lines:
      proposals.length === 0
        ? [`No open proposals. Members: ${view.sites.map(({ name }) => name).join(', ')}.`]
        : proposals.flatMap(({ digest, membership, signers, needed }) => [
            ...describeMembership(membership),
            `  proposal ${digest.slice(0, 12)}: signed by ${signers.join(', ')} (${signers.length} of ${needed})`,
          ]),
  };
}

function describeMembership(membership: Membership): readonly string[] {
  return [
    `Change ${membership.sequence}: ${membership.reason} (${digestOf('Membership', membership).slice(0, 12)})`,
    ...membership.changes.map((change) => `  ${describeChange(change)}`),
  ];
}
