// `site refuse`, `site withdraw`, `site consent`: a person's other decisions, each signed with the approval key and left for the agent.
import type { Option } from '@wardround/command-line/options';
import type { Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { readApprovalKey } from '../keys/site-keys.ts';
import { consentToRelease, type Decision, refuseStudy, withdrawStudy } from '../person/decide.ts';
import { readStudy } from '../person/read-study.ts';
import type { Answer, Command, Surroundings, Typed } from './command.ts';
import { dirOption, openSite, requireConfirmed, yesOption } from './options.ts';
import { findStudy } from './study-argument.ts';

type Signed = Verified<'Refusal' | 'Withdrawal' | 'ReleaseConsent'>;

interface Kind {
  readonly word: 'refuse' | 'withdraw' | 'consent';
  readonly summary: string;
  readonly about: readonly string[];
  readonly options?: Readonly<Record<string, Option>>;
  readonly question: string;
  readonly done: string;
  decide(decision: Decision, typed: Typed): Promise<Signed>;
}

export const siteRefuse: Command = decisionCommand({
  word: 'refuse',
  summary: 'refuse a study: this site will not take part',
  about: ['The others learn that this site does not take part, and nothing of why.'],
  question: 'Refuse this study?',
  done: 'Refused',
  decide: async (decision) => await refuseStudy(decision),
});

export const siteWithdraw: Command = decisionCommand({
  word: 'withdraw',
  summary: 'take an approval back',
  about: [
    'Takes effect before the next sealing. What already left cannot be recalled, and what the ledger reserved is not refunded.',
  ],
  question: 'Withdraw the approval of this study?',
  done: 'Withdrawn',
  decide: async (decision) => await withdrawStudy(decision),
});

export const siteConsent: Command = decisionCommand({
  word: 'consent',
  summary: "consent that a finished study's model goes to its recipient",
  about: [
    'The model is sealed to the recipient when as many sites as the plan says have consented. Every site of the study holds it anyway.',
  ],
  options: { to: { type: 'string', value: 'NAME', help: 'the recipient (default: the only one in the plan)' } },
  question: 'Consent to the release of this model?',
  done: 'Consented to release',
  decide: async (decision, typed) => {
    const recipient = typed.optional('to') ?? (await onlyRecipient(decision));
    return await consentToRelease({ ...decision, recipient });
  },
});

function decisionCommand(kind: Kind): Command {
  return {
    words: ['site', kind.word],
    summary: kind.summary,
    about: [
      ...kind.about,
      'Signed with the approval key and left for the agent. Nothing connects to the network here.',
    ],
    options: { dir: dirOption, ...kind.options, yes: yesOption },
    positionals: ['STUDY'],
    example: `wardround site ${kind.word} --dir ./north 3f9a2c`,
    run: async (typed, around) => await decide(kind, typed, around),
  };
}

async function decide(kind: Kind, typed: Typed, around: Surroundings): Promise<Answer> {
  const { paths, config } = await openSite(typed);
  const study = await findStudy(paths, typed.positionals[0] ?? '');
  const { plan } = await readStudy(paths, study);
  around.progress(`${plan.value.title} (${plan.value.researcher}), study ${study.slice(0, 12)}`);
  await requireConfirmed(kind.question, { typed, around });
  const approvalKey = await readApprovalKey(paths);
  const decision = { paths, site: config.name, study, approvalKey, now: () => around.now() };
  const { digest } = await kind.decide(decision, typed);
  return {
    json: { study, decision: kind.word, document: digest },
    lines: [`${kind.done}: ${plan.value.title} (${study.slice(0, 12)}). The agent publishes it.`],
  };
}

async function onlyRecipient({ paths, study }: Decision): Promise<string> {
  const { plan } = await readStudy(paths, study);
  const [only, ...others] = plan.value.release.to;
  if (only !== undefined && others.length === 0) return only.name;
  throw new WardroundError('usage-missing-option', '--to is missing: the plan names several recipients', {
    expected: plan.value.release.to.map(({ name }) => name).join(', '),
  });
}
