// The closed lists of what an enclave says about a contribution that it refused, and about a site that is not in a sum. None tells of data.

/** `ContributionRefusal.code`. */
export const contributionRefusalCodes = [
  'contribution-session',
  'contribution-order',
  'contribution-late',
  'contribution-repeated',
  'contribution-roster',
  'contribution-task',
  'contribution-round',
  'contribution-attempt',
  'contribution-base',
  'contribution-weight',
  'contribution-approval',
  'contribution-tensors',
  'contribution-payload',
  'contribution-size',
  'contribution-manifest',
  'contribution-chunks',
  'contribution-sealing',
  'contribution-norm',
  'contribution-range',
  'contribution-checkpoint',
] as const;
export type ContributionRefusalCode = (typeof contributionRefusalCodes)[number];

/** `RoundReceipt.absentees[].code`: why a site of the plan's roster is not among the contributors. */
export const absenteeCodes = [
  /** No approval that held when the order was given. */
  'not-approved',
  /** Its weight would have taken the sum of all weights to 2³² or beyond. */
  'weight-left-out',
  /** Nothing came before the deadline. */
  'no-contribution',
  'contribution-refused',
  /** Its own conditions, or the plan's largest share, did not hold at the close. */
  'conditions-not-met',
  /** What the site itself said. */
  'not-taking-part',
  'evidence-refused',
  'session-refused',
  'order-refused',
] as const;
export type AbsenteeCode = (typeof absenteeCodes)[number];
