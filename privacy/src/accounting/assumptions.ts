// What an ε rests on, in words: printed beside every ε that the product prints.
import type { AccountantName, Adjacency, Mechanism, MechanismCount, Spending } from './mechanism.ts';

const neighbours: Readonly<Record<Adjacency, string>> = {
  addOrRemoveOne: 'Neighbouring data sets differ by the presence of one patient (addOrRemoveOne).',
  replaceOne:
    'Neighbouring data sets have the same number of patients and differ in one of them, whose values may be any others (replaceOne): the sum then changes by up to two clip norms.',
};

const accountants: Readonly<Record<AccountantName, string>> = {
  pld: 'Accountant pld: privacy loss distributions, put on a grid and cut off so that ε can only come out too high.',
  rdp: 'Accountant rdp: Rényi divergences at orders 1.1 to 1024, an upper bound that is looser than pld.',
};

/** Sentences that are true of an ε computed for this spending, and that must be true of what was done for it to hold. */
export function assumptions({ adjacency, uses }: Spending, accountant: AccountantName): readonly string[] {
  return [
    neighbours[adjacency],
    'One patient’s contribution is clipped to the clip norm before it is added up; the noise multiplier is the noise’s standard deviation divided by the clip norm.',
    ...new Set(uses.map((use) => mechanismSentence(use))),
    'Every draw, of patients and of noise, is fresh, secret and independent; whoever attacks sees everything that is released, and knows all other patients.',
    accountants[accountant],
  ];
}

function mechanismSentence({ mechanism, count }: MechanismCount): string {
  const times = count === 1 ? 'Once' : `${count} times`;
  return `${times}: ${noiseWords(mechanism)}, noise multiplier ${mechanism.noiseMultiplier}; ${samplingWords(mechanism)}.`;
}

function noiseWords({ noise }: Mechanism): string {
  switch (noise.kind) {
    case 'gaussian':
      return 'Gaussian noise on the clipped sum';
    case 'discreteGaussian':
      return `discrete Gaussian noise on the grid, a clip norm of ${noise.clipNormSteps} steps`;
    case 'discreteGaussianCount':
      return `discrete Gaussian noise on one integer, which a patient changes by at most ${noise.sensitivity}`;
  }
}

function samplingWords({ sampling }: Mechanism): string {
  switch (sampling.kind) {
    case 'none':
      return 'every patient takes part in each';
    case 'poisson':
      return `each patient takes part by his own coin with probability ${sampling.rate} (Poisson; not a shuffled or fixed-size batch)`;
    case 'fixedSize':
      return `a uniformly random ${sampling.rate} of the patients takes part, always the same number, drawn anew each time without replacement`;
  }
}
