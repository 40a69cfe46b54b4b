// `site join`: this site's keys, made known to the other founders under the invitation.
import { signSiteBundle } from '../founding/bundles.ts';
import { readApprovalKey, readPublicKeys } from '../keys/site-keys.ts';
import { thumbprint } from '@wardround/protocol/keys';
import type { Command } from './command.ts';
import { dirOption, invitationOption, openSite, withConnection } from './options.ts';

export const siteJoin: Command = {
  words: ['site', 'join'],
  summary: "publish this site's public keys, so that a federation can be drafted",
  about: [
    'Publishes a bundle of public keys, signed by the approval key. It proves nothing about who holds them: the founding sites compare the draft by telephone before they sign it.',
  ],
  options: { dir: dirOption, invitation: { ...invitationOption, required: true } },
  positionals: [],
  example: 'wardround site join --dir ./north --invitation inv_Qm…',
  async run(typed, around) {
    const site = await openSite(typed);
    const { name, displayName } = site.config;
    const keys = await readPublicKeys(site.paths);
    const bundle = await signSiteBundle({ name, displayName, keys }, await readApprovalKey(site.paths), around.now());
    await withConnection(site, { typed, around }, async ({ board }) => await board.publish('federation', bundle));
    const approval = thumbprint(keys.approval);
    return {
      // `party` is what a change that admits this site to an existing federation takes: {"action": "addSite", "site": party}.
      json: {
        site: name,
        coordinator: site.config.coordinator,
        approvalKey: approval,
        party: { name, displayName, keys },
      },
      lines: [
        `${name} has joined at ${site.config.coordinator}. Its approval key: ${approval}`,
        'Next: one site drafts the federation (wardround federation draft), all compare its fingerprint, each signs.',
      ],
    };
  },
};
