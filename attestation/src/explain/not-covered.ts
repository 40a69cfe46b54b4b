// What no appraisal by this verifier covers, said with every result: an acceptance must not be read as more than it is.
// Sources: the vendors' own threat models and the papers named; docs/threat-model.md has them at length.

/** Where a limit applies: always, or with evidence of one sort. */
export type LimitScope = 'always' | 'sevSnp' | 'tdx' | 'gpu' | 'vtpm' | 'simulated';

export interface Limit {
  /** Stable, kebab-case. */
  readonly name: string;
  readonly scope: LimitScope;
  readonly sentence: string;
}

export const limits: readonly Limit[] = [
  {
    name: 'physical-access',
    scope: 'always',
    sentence:
      'Whoever can open the machine can read its memory bus and forge evidence (TEE.fail, WireTap, Battering RAM). Pin the machines, and trust whoever guards them.',
  },
  {
    name: 'the-code-itself',
    scope: 'always',
    sentence: 'A measurement says which code runs, not that it is free of faults. docs/audit.md lists what to read.',
  },
  {
    name: 'after-the-appraisal',
    scope: 'always',
    sentence:
      'Evidence shows the machine at one moment. It is asked for again before the policy’s maximum age is over; what happens between is covered by the hardware alone.',
  },
  {
    name: 'the-vendors',
    scope: 'always',
    sentence: 'The vendor of the processor can sign anything: its signing keys and its firmware are trusted.',
  },
  {
    name: 'side-channels',
    scope: 'always',
    sentence:
      'Timing, page faults, ciphertext patterns and power are visible to the host. TCB floors close the published attacks, not the unpublished.',
  },
  {
    name: 'vcek-revocation',
    scope: 'sevSnp',
    sentence: 'AMD’s lists revoke intermediates only: a single chip is refused by not being on the list of machines.',
  },
  {
    name: 'tdx-tcb-svn-2',
    scope: 'tdx',
    sentence:
      'Intel publishes no rule for TEE_TCB_SVN_2; it must be at least TEE_TCB_SVN, which is our reading and nobody’s specification.',
  },
  {
    name: 'gpu-in-that-host',
    scope: 'gpu',
    sentence:
      'The machine chose this GPU’s evidence after your nonce. That the GPU sits in that machine is not proved (it needs TDISP): a list of machines names pairs.',
  },
  {
    name: 'gpu-name',
    scope: 'gpu',
    sentence:
      'A device’s UEID is the hash of its own key, which it makes anew with other firmware: lists of devices change with GPU firmware.',
  },
  {
    name: 'gpu-mode',
    scope: 'gpu',
    sentence:
      'Confidential mode, developer mode and readiness are what the measured code read from the driver: they are as trustworthy as its measurement.',
  },
  {
    name: 'gpu-index-35',
    scope: 'gpu',
    sentence: 'RIM measurement 35 (video decoder) is not compared while the decoder is off, as NVIDIA prescribes.',
  },
  {
    name: 'paravisor',
    scope: 'vtpm',
    sentence:
      'Behind a paravisor the processor measures the cloud’s paravisor and not your image: its vTPM, and so the cloud, is trusted for the rest.',
  },
  {
    name: 'second-path-machine',
    scope: 'vtpm',
    sentence:
      'A second path’s TPM answered your nonce, and its key has a certificate: that it sits in this very machine is not proved.',
  },
  {
    name: 'event-data',
    scope: 'vtpm',
    sentence: 'An event log’s digests are proved by the registers; its texts only where their digest was recomputed.',
  },
  {
    name: 'simulated',
    scope: 'simulated',
    sentence: 'The simulated platform proves nothing about hardware, on purpose.',
  },
];

/** The limits of an appraisal with evidence of these sorts, in a stable order. */
export function limitsOf(scopes: ReadonlySet<LimitScope>): readonly Limit[] {
  return limits.filter(({ scope }) => scope === 'always' || scopes.has(scope));
}
