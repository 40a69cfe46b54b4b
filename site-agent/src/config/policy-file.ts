// policy.yaml: the site's attestation policy. A new site's accepts no machine and no code until somebody fills in which.
import { examplePolicy } from '@wardround/attestation/policy/example';
import { parsePolicy, type Policy } from '@wardround/attestation/policy/policy';
import { isUnfilled } from '@wardround/attestation/policy/template/template';
import { parseYaml, readConfigText } from './site-config.ts';

/** No hash comes out as all zeros, and no report that our verifier accepts has this chip: what names these, accepts nothing. */
const nothing = { measurement: '0'.repeat(96), chip: '0'.repeat(127).concat('1') };

/** A policy that is valid, and refuses everything. */
export function refusingPolicy(): string {
  const [first = '', ...rest] = examplePolicy({
    measurement: nothing.measurement,
    chipIds: [nothing.chip],
    product: 'Genoa',
    minimumTcb: { bootLoader: 255, tee: 255, snp: 255, microcode: 255 },
    minimumGuestSvn: 0,
  }).split('\n');
  return [
    first,
    '# AS IT STANDS IT REFUSES EVERY MACHINE: fill in measurements (from the enclave release that your people reviewed),',
    '# chipIds (from the machine’s owner) and minimumTcb (from the vendor’s bulletins).',
    ...rest,
  ].join('\n');
}

/** Whether nobody filled in a measurement yet. */
export function refusesEverything(policy: Policy): boolean {
  return isUnfilled(policy);
}

/** @throws WardroundError `config-unreadable`, `config-syntax`, `policy-invalid` with the path of each mistake */
export async function readPolicyFile(path: string): Promise<{ readonly policy: Policy; readonly text: string }> {
  const text = await readConfigText(path);
  return { policy: parsePolicy(parseYaml(text, path)), text };
}
