// The rules for Intel TDX as commented YAML, for `wardround policy init`.
import type { TdxFields } from '../../tdx/inspect.ts';
import type { Filler } from './fill.ts';
import { placeholder, unusedOr } from './fill.ts';

/** At no indentation. */
export function tdxTemplate(shown: TdxFields | null, { mark }: Filler): readonly string[] {
  const isShown = shown !== null;
  const evaluation = shown?.tcbEvaluationDataNumber ?? null;
  const ppid = shown?.pck?.ppid ?? null;
  const signer = shown === null || /^0*$/.test(shown.mrSignerSeam) ? 'intel' : `"${shown.mrSignerSeam}"`;
  return [
    '# Intel’s verdict must be UpToDate. Only an advisory that is named here, with a reason and a last day, is let pass:',
    '#   advisories: { INTEL-SA-01036: { waived: { reason: "why", until: "2027-01-31T00:00:00.000Z" } } }',
    'tcb:',
    '  # Intel numbers its evaluations; an older one knows fewer vulnerabilities.',
    `  minimumEvaluationDataNumber: ${evaluation ?? placeholder.evaluation}${mark(evaluation !== null, 'the number in Intel’s TCB info of today')}`,
    '  advisories: {}',
    '# How old Intel’s words may be; Intel renews the root’s list once a year, the rest every month.',
    'collateral:',
    '  maxRootCrlAgeSeconds: 34560000',
    '  maxTcbInfoAgeSeconds: 3456000',
    '  maxQeIdentityAgeSeconds: 3456000',
    '# The machines, by PPID. Keys extracted from any other machine are then worthless.',
    'platforms:',
    `  - { ppid: "${ppid ?? placeholder.shortId}" }${mark(ppid !== null, 'the operator’s machine, told over a channel that you trust')}`,
    '# The TDX modules, by MRSEAM.',
    'modules:',
    `  - "${shown?.mrSeam ?? placeholder.measurement}"${mark(isShown, 'from Intel’s releases of the TDX module')}`,
    '# Who signed the module: intel, or the hash of another’s key.',
    `moduleSigner: ${signer}${isShown ? mark(true, '') : ''}`,
    '# Debugging is always refused.',
    'tdAttributes:',
    '  # Without it the host can make memory accesses raise exceptions that the guest did not expect.',
    '  septVeDisable: required',
    '  # Moving the TD, with its memory, to another machine.',
    '  migratable: refused',
    '  pks: refused',
    '  keyLocker: refused',
    '  # Performance monitoring, which the host can read as well.',
    '  perfmon: refused',
    '  acceptedUnknownBits: []',
    '# Extended processor state that the TD may use, exactly one of these.',
    `xfam: ["${shown?.xfam ?? '0x0'}"]${mark(isShown, 'from the operator')}`,
  ];
}

const registers = ['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const;
const identities = ['mrConfigId', 'mrOwner', 'mrOwnerConfig', 'mrServiceTd'] as const;

/** One image, as an entry of a list at no indentation. */
export function tdxImageLines(shown: TdxFields | null, { mark }: Filler): readonly string[] {
  const isShown = shown !== null;
  const behind = mark(isShown, 'from the release that your people reviewed');
  return [
    '- platform: tdx',
    '  # intel: an image that Intel’s hardware measured.',
    '  vendor: intel',
    `  mrtd: "${shown?.mrtd ?? placeholder.measurement}"${behind}`,
    '  # Runtime registers: firmware, boot loader, kernel. unused means zero.',
    ...registers.map((name) => {
      if (shown !== null) return `  ${name}: ${unusedOr(shown[name])}${behind}`;
      return name === 'rtmr3' ? '  rtmr3: unused' : `  ${name}: "${placeholder.measurement}"${behind}`;
    }),
    ...identities.map((name) => {
      const value = shown?.[name] ?? null;
      return `  ${name}: ${value === null ? 'unused' : unusedOr(value)}${isShown ? mark(true, '') : ''}`;
    }),
  ];
}
