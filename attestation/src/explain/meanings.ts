// What each step checks, in a sentence for people: `evidence verify` prints it beside the step, docs/attestation.md has the sources.

/** Composite evidence: who it was made for, and that its parts belong together. */
const binding = {
  contents:
    'the bundle has exactly one machine, nothing that cannot be appraised, and a platform that the policy accepts',
  nonce: 'it answers the nonce that this site chose for this appraisal',
  session: 'it is bound to the session whose keys this site was sent',
  gpu: 'the GPUs are there that the policy requires, or their absence is said and bound',
  binding: 'the hardware signed this nonce, this session and this GPU evidence together',
  devices: 'no device is shown twice',
  machine: 'processor and GPUs stand on the list together, as one machine',
} as const;

const snp = {
  'report-format': 'the report has its size, a known version and zero where it must be zero',
  'guest-request': 'the guest asked for the report, not its host',
  'chip-key': 'the host has not masked the chip’s key',
  certificates: 'each certificate can be read',
  leaf: 'there is exactly one key that signs reports',
  chain: 'its chain ends in a root that is pinned in this program',
  validity: 'every certificate is within its dates',
  'signing-key': 'the report names the kind of key that signed it',
  product: 'report and certificate are of one product',
  'reported-tcb': 'the key was derived for the firmware that the report names',
  'chip-id': 'report and certificate are of one chip',
  signature: 'the signature over the report verifies',
  revocation: 'no certificate of the chain is on its issuer’s list',
  'revocation-known': 'that list is no older than the policy allows',
  'product-accepted': 'the policy accepts this product',
  'signer-accepted': 'the policy accepts this kind of key',
  'chip-accepted': 'the chip is on the policy’s list of machines',
  'tcb-order': 'the running firmware is not behind the committed',
  'tcb-reported': 'no component of the reported firmware is below its floor',
  'tcb-committed': 'no component can be rolled back below its floor',
  'tcb-launch': 'the guest was launched under firmware at or above the floor',
  firmware: 'the firmware’s version is at or above the floor',
  mitigations: 'the required mitigations are in force',
  debug: 'debugging is off',
  migration: 'no migration agent can move the guest',
  'guest-policy': 'the guest was launched under a policy no laxer than the site’s',
  'platform-info': 'the platform’s settings are as wanted, none unknown',
  measurement: 'the code is on the site’s list, from the vendor that the entry names',
  'host-data': 'the host data are that entry’s',
  'family-id': 'the family id is that entry’s',
  'image-id': 'the image id is that entry’s',
  'id-key': 'the id key is that entry’s',
  'author-key': 'the author key is that entry’s',
  vmpl: 'the privilege level is that entry’s',
  'guest-svn': 'the guest’s security version is at or above that entry’s',
} as const;

const meanings: ReadonlyMap<string, string> = new Map(Object.entries({ ...snp, ...binding }));

/** For a step's name, with or without a device's prefix (`gpu-0/signature`); undefined for a name that nobody described. */
export function meaningOf(step: string): string | undefined {
  const { length } = step.split('/', 1)[0] ?? '';
  return meanings.get(step) ?? meanings.get(step.slice(length + 1));
}
