// What a patient's presence could still change under a plan, in plain sentences: for whoever approves it, and for the patient.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { checkDelta, checkEpsilon } from './mechanism.ts';

export type PrivacyClaim = StudyPlan['privacy'];
type BoundedClaim = Exclude<PrivacyClaim, { mode: 'noDifferentialPrivacy' }>;

/** What else of a plan the sentences speak of. */
export interface ClaimContext {
  /** K. */
  readonly minimumSites: number;
  /** Least rows a hospital takes part with. */
  readonly minimumRows: number;
}

/** `guarantee`: in one word or two, as the ledger would record it. */
export interface ClaimWords {
  readonly guarantee: string;
  readonly sentences: readonly string[];
}

/** @throws WardroundError `privacy-epsilon`, `privacy-delta` where the plan's numbers say nothing */
export function claimWords(claim: PrivacyClaim, context: ClaimContext): ClaimWords {
  if (claim.mode === 'noDifferentialPrivacy') return { guarantee: 'unbounded', sentences: withoutClaim(context) };
  const [epsilon, delta] = [Number(claim.epsilon), Number(claim.delta)];
  checkEpsilon(epsilon);
  checkDelta(delta);
  return {
    guarantee: `ε = ${claim.epsilon}, δ = ${claim.delta}`,
    sentences: [
      unitSentence(claim),
      adjacencySentence(claim),
      ...meaning(epsilon, delta),
      deltaSentence(claim, context),
      trustSentence(claim, context),
      modeSentence(claim),
      ...noiseSentences(claim),
      `The budget covers the whole study with all its attempts, everything released on the way (models, statistics, metrics) and ${candidates(claim)}; it is charged by the accountant ${claim.accountant} and never refunded.`,
      ...limitsOfClaim,
    ],
  };
}

function withoutClaim({ minimumSites }: ClaimContext): readonly string[] {
  return [
    'This plan has no differential privacy (noDifferentialPrivacy): how much the presence of one patient can change what is released is unbounded.',
    'Hospitals’ ledgers record the study as unbounded, never as 0.',
    `Only sums over at least ${minimumSites} hospitals are released, but from the models, one round’s difference from the next, statistics or metrics somebody may still find out that a patient was in the data, or what his values were: with small hospitals, rare values or many rounds more easily.`,
    'That a patient’s rows stay in the hospital, and that nobody reads one hospital’s update while the enclave holds, is unaffected.',
  ];
}

function unitSentence({ unit }: BoundedClaim): string {
  return unit === 'patient'
    ? 'Protected is one patient: everything that his rows in one hospital contribute to the whole study. A patient of two hospitals is counted by each alone.'
    : 'Protected is one hospital: everything that it contributes to the whole study, and with it each of its patients.';
}

function adjacencySentence({ adjacency, unit }: BoundedClaim): string {
  const [who, his] = unit === 'patient' ? ['the patient', 'his'] : ['the hospital', 'its'];
  return adjacency === 'addOrRemoveOne'
    ? `Compared are the study with ${who} and the study without (addOrRemoveOne).`
    : `Compared are the study with ${who}’s true data and with any other data in ${his} place (replaceOne); that anybody took part at all is taken as known.`;
}

/** The guarantee as odds, as certainty, and as a test's power (Wasserman and Zhou 2010; Kairouz, Oh, Viswanath 2015). */
function meaning(epsilon: number, delta: number): readonly string[] {
  const factor = Math.exp(epsilon);
  const odds = factor < 1e6 ? upward(factor, 2) : factor.toExponential(1);
  const wins = (factor + delta) / (1 + factor);
  const alarm = 0.05;
  const found = Math.min(1, factor * alarm + delta, 1 - (1 - delta - alarm) / factor);
  return [
    `Whatever anybody sees of the study, and whatever he knew before: presence makes no outcome more than ${odds} times as likely (e^ε), nor less than 1/${odds}, but for a chance of δ = ${delta}.`,
    `Somebody who bets at even odds on presence or absence is right in at most ${percent(wins)} % of cases afterwards.`,
    `A test that wrongly points at 5 % of those who were not there finds at most ${percent(found)} % of those who were.`,
    ...(epsilon > 10
      ? ['An ε this large promises next to nothing by itself; read it as a bound on the worst case, not as protection.']
      : []),
  ];
}

function percent(fraction: number): string {
  return upward(Math.min(1, fraction) * 100, 1);
}

function upward(value: number, digits: number): string {
  const scale = 10 ** digits;
  return String(Math.ceil(value * scale - 1e-9) / scale);
}

function deltaSentence({ delta }: BoundedClaim, { minimumRows }: ClaimContext): string {
  const expected = Number(delta) * minimumRows;
  if (expected < 0.1) {
    return `δ is the chance that the bound says nothing; over the ${minimumRows} rows that the smallest hospital must have it adds up to ${expected.toPrecision(2)}.`;
  }
  return `δ is the chance that the bound says nothing, and here it is LARGE: over the ${minimumRows} rows that the smallest hospital must have it adds up to ${expected.toPrecision(2)}. It should be far below one over the number of patients.`;
}

function trustSentence({ trusts }: BoundedClaim, { minimumSites }: ClaimContext): string {
  switch (trusts) {
    case 'enclave':
      return 'The claim trusts the enclave: it adds the noise, from secret bytes of all contributing hospitals. If its hardware is broken, whoever broke it sees what was there before the noise.';
    case 'honestSites':
      return `The claim trusts the other hospitals to add their share of the noise: it holds against the enclave too, as long as no more of the at least ${minimumSites} contributors collude than the federation tolerates.`;
    case 'ownSite':
      return 'The claim trusts the patient’s own hospital only: it adds all of the noise itself before anything leaves.';
  }
}

function modeSentence({ mode, clipNorm }: BoundedClaim): string {
  switch (mode) {
    case 'central':
      return `How (central): every hospital’s update is clipped to the norm ${clipNorm}, and noise is added once, to the sum.`;
    case 'site':
      return `How (site): every hospital’s update is clipped to the norm ${clipNorm}, and every hospital adds noise before it seals.`;
    case 'dpSgd':
      return `How (dpSgd): in every step each patient takes part by his own coin, his gradient is clipped to the norm ${clipNorm}, and noise is added to the sum.`;
  }
}

function noiseSentences({ noise }: BoundedClaim): readonly string[] {
  return noise.map(({ mechanism, noiseMultiplier, samplingRate }) => {
    const who =
      Number(samplingRate) === 1 ? 'everybody takes part' : `each takes part with probability ${samplingRate}`;
    return `Noise of the ${mechanism}: ${noiseMultiplier} times the clip norm; ${who}.`;
  });
}

function candidates({ candidates: count }: BoundedClaim): string {
  return count === 1 ? 'one choice of hyper-parameters' : `${count} candidates of hyper-parameters`;
}

const limitsOfClaim = [
  'Not promised: that nothing is learned that is true of patients like him. What the study finds about everybody holds for somebody who did not take part as well.',
  'Studies add up: what other studies on the same patients spend stands in each hospital’s ledger.',
];
