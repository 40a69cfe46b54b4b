// Every domain label of the protocol, in one file: each hash, signature and seal begins with one of these,
// so that bytes made for one purpose can never be taken for another. Labels never change meaning; a new meaning is a new label.

const version = 'wardround/v1';

export const labels = {
  /** Prefix of a document's digest: `wardround/v1 document <kind>`. */
  document: `${version} document`,
  /** REPORT_DATA of a CPU's evidence, design section 4. */
  reportData: `${version} report-data`,
  /** What a TPM's quote carries in place of REPORT_DATA: a TPM may take no more than 34 bytes. */
  tpmQualifyingData: `${version} tpm-qualifying-data`,
  /** The GPU's nonce, derived from the site's nonce. */
  gpuNonce: `${version} gpu-nonce`,
  /** Digest over the GPU evidence that REPORT_DATA carries. */
  gpuEvidence: `${version} gpu-evidence`,
  /** HPKE info of a sealed contribution. */
  contributionSeal: `${version} contribution`,
  /** HPKE info of what sites hand back to a new session (checkpoint return). */
  returnSeal: `${version} return`,
  /** HPKE info of the global model sealed to a site. */
  modelSeal: `${version} model`,
  /** HPKE info of a final model sealed to a researcher. */
  releaseSeal: `${version} release`,
  /** Key export of the sealed stream, and its chunks' additional data. */
  streamKey: `${version} stream-key`,
  streamChunk: `${version} stream-chunk`,
  /** The seeded generator behind `seeded` initial weights, batches and splits (public randomness only). */
  seededInitialiser: `${version} seeded-initialiser`,
  batchOrder: `${version} batch-order`,
  split: `${version} split`,
  /** Rows drawn again for the intervals of metrics (public randomness too). */
  bootstrap: `${version} bootstrap`,
  /** The invented patients of the synthetic cohorts. */
  syntheticCohort: `${version} synthetic-cohort`,
  /** Simulations: which rows an imagined site has, and which rounds it misses. */
  partition: `${version} partition`,
  dropOut: `${version} drop-out`,
  /** Salted commitment to a snapshot. */
  snapshotCommitment: `${version} snapshot-commitment`,
  /** Digest of a model or of a checkpoint (model and server state). */
  model: `${version} model-digest`,
  checkpoint: `${version} checkpoint-digest`,
  /** Digest of what a round of statistics or evaluation releases, named by its receipt. */
  result: `${version} released-result`,
  /** A contribution's payload digest, kept by the site and by roll-forward. */
  payload: `${version} payload-digest`,
  /** What a site keeps for itself from round to round, on its own disk. */
  keptState: `${version} kept-state`,
  /** Expansion of the enclave's noise from all contributors' secret bytes. */
  noise: `${version} noise`,
  /** Masking: one attempt's name, the seeds and keys that come from a site's two secrets, and what is sealed from site to site. */
  maskAttempt: `${version} mask-attempt`,
  maskPairKey: `${version} mask-pair-key`,
  maskPairSeed: `${version} mask-pair-seed`,
  maskPairSeedSeal: `${version} mask-pair-seed-seal`,
  maskShareSeal: `${version} mask-share-seal`,
  maskShare: `${version} mask-share`,
  maskSelfSeed: `${version} mask-self-seed`,
  /** Masking: the stream of one seed for one tensor, and the integers that a site masked. */
  maskStream: `${version} mask-stream`,
  maskInput: `${version} mask-input`,
  /** By which a site knows a patient again in another cohort of its own; keyed, and never told. */
  rowMark: `${version} row-mark`,
  /** Key thumbprints, RFC 7638 style, and the short fingerprint read over the telephone. */
  thumbprint: `${version} thumbprint`,
  fingerprint: `${version} fingerprint`,
  /** Ledger chain at a site. */
  ledger: `${version} ledger-entry`,
  /** Connection authentication by signed challenge. */
  connection: `${version} connection`,
  /** A record's name in a board's store, and the chain by which a follower resumes. */
  boardRecord: `${version} board-record`,
  boardChain: `${version} board-chain`,
  /** Enclave configuration digest in SessionOpen. */
  configuration: `${version} configuration`,
  /** The simulated platform's measurement of the enclave's program files. */
  programMeasurement: `${version} program-measurement`,
  /** Digest of a site's attestation policy and collateral state, kept beside each appraisal. */
  appraisal: `${version} appraisal`,
} as const;

export type Label = (typeof labels)[keyof typeof labels];
