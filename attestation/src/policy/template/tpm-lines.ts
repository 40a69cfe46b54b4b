// The rules for a paravisor's vTPM as commented YAML, for `wardround policy init`.
import type { Filler } from './fill.ts';
import { placeholder } from './fill.ts';
import type { ShownMachine } from './shown.ts';

/** Firmware, boot loader, Secure Boot, kernel command line and initial file system. */
const usual = [0, 4, 7, 8, 9] as const;

/** At no indentation. */
export function tpmTemplate(shown: ShownMachine['registers'], { mark }: Filler): readonly string[] {
  const bank = shown?.bank ?? 'sha256';
  const digits = bank === 'sha256' ? 64 : 96;
  const pcrs = shown?.pcrs ?? usual.map((index) => ({ index, value: placeholder.register(digits) }));
  const behind = mark(shown !== null, 'from the release that your people reviewed');
  return [
    `bank: ${bank}`,
    'attestationKey:',
    '  # attested: the processor’s own report names the key.',
    '  origin: attested',
    '  rsa: { minimumBits: 2048 }',
    '  ec: refused',
    '# One entry for each accepted image; a quote selects exactly these registers and matches all of them.',
    'images:',
    '  - pcrs:',
    ...pcrs.map(({ index, value }) => `      "${index}": "${value}"${behind}`),
    '# As the paravisor’s claims say, which the processor’s report vouches for.',
    'secureBoot: required',
    '# No console by which the host could type into the guest.',
    'consoleDisabled: required',
  ];
}
