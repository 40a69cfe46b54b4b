// The rules for SEV-SNP as commented YAML: for the example that demo and site begin with, and for `wardround policy init`.
import type { SnpFields } from '../../snp/inspect.ts';
import type { Tcb } from '../../snp/tcb.ts';
import type { Filler } from './fill.ts';
import { placeholder, unusedOr } from './fill.ts';

export interface SnpRuleText {
  readonly product: 'Genoa' | 'Turin';
  /** Floors for the three TCBs. */
  readonly floors: Readonly<Record<'reported' | 'committed' | 'launch', Tcb>>;
  readonly firmware: string;
  readonly chipIds: readonly string[];
  /** Bits that may be set though nobody has explained them. */
  readonly unknownBits: readonly number[];
  /** Comments behind the values that a person decides. */
  readonly marks: Readonly<Record<'floors' | 'firmware' | 'chipIds' | 'unknownBits', string>>;
}

export const noMarks = { floors: '', firmware: '', chipIds: '', unknownBits: '' } as const;

/** At no indentation. */
export function snpRuleLines(text: SnpRuleText): readonly string[] {
  return [...products(text), ...machines(text)];
}

function products({ product, floors, firmware, marks }: SnpRuleText): readonly string[] {
  const accepted = [
    `  ${product}:`,
    '    # Floors by component: what the chip key was derived for, what cannot be rolled back, what the guest was launched under.',
    '    minimumTcb:',
    ...(['reported', 'committed', 'launch'] as const).map(
      (which) => `      ${which}: ${flowMap(floors[which])}${marks.floors}`,
    ),
    `    minimumFirmware: ${firmware}${marks.firmware}`,
  ];
  return [
    'products:',
    '  # Milan: its root seed has been extracted, so any report of any chip can be forged (arXiv 2605.12990).',
    '  Milan: refused',
    ...(product === 'Genoa' ? accepted : ['  Genoa: refused']),
    ...(product === 'Turin' ? accepted : ['  Turin: refused']),
  ];
}

function flowMap(tcb: Tcb): string {
  const levels = Object.entries(tcb).map(([component, level]) => `${component}: ${String(level)}`);
  return `{ ${levels.join(', ')} }`;
}

function machines({ chipIds, unknownBits, marks }: SnpRuleText): readonly string[] {
  return [
    'signedBy:',
    '  vcek: allowed',
    '  # A provider’s key (VLEK) names no machine: refused, or { providers: [name as in its certificate] }.',
    '  vlek: refused',
    '# The machines, by chip id. Keys extracted from any other machine are then worthless.',
    'chipIds:',
    ...chipIds.map((id) => `  - "${id}"${marks.chipIds}`),
    '# What the guest was launched with. Debugging and migration are always refused.',
    'guestPolicy:',
    '  minimumAbi: { major: 1, minor: 55 }',
    '  smt: allowed',
    '  cxl: refused',
    '  singleSocket: notRequired',
    '  memoryAes256Xts: notRequired',
    '  raplDisabled: notRequired',
    '  # Hides ciphertext from the host; no cloud machine seen so far has it.',
    '  ciphertextHiding: notRequired',
    '  pageSwapDisabled: notRequired',
    'platformInfo:',
    '  smt: allowed',
    '  transparentEncryption: notRequired',
    '  ecc: required',
    '  raplDisabled: notRequired',
    '  ciphertextHiding: notRequired',
    '  # Memory was checked for aliases at boot (BadRAM, AMD-SB-3015).',
    '  aliasCheckComplete: required',
    '  # Reserved bits that may be set; Turin sets 6.',
    `  acceptedUnknownBits: [${unknownBits.join(', ')}]${marks.unknownBits}`,
    '# Bits of LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR that must be set; needs report version 5.',
    'requiredMitigations: "0x0"',
  ];
}

/** Rules from what a report shows, or placeholders. */
export function snpTemplate(
  { product, shown }: { readonly product: 'Genoa' | 'Turin'; readonly shown: SnpFields | null },
  { mark }: Filler,
): readonly string[] {
  const highest = {
    bootLoader: placeholder.level,
    tee: placeholder.level,
    snp: placeholder.level,
    microcode: placeholder.level,
  };
  const nothing = product === 'Turin' ? { fmc: placeholder.level, ...highest } : highest;
  const isShown = shown !== null;
  const version = shown?.committedVersion;
  const bits = shown === null ? 0n : BigInt(shown.platformInfo);
  const unknownBits = [...Array(58).keys()]
    .map((bit) => bit + 6)
    .filter((bit) => bit !== 7 && (bits >> BigInt(bit)) % 2n === 1n);
  return snpRuleLines({
    product,
    floors: {
      reported: shown?.reportedTcb ?? nothing,
      committed: shown?.committedTcb ?? nothing,
      launch: shown?.launchTcb ?? nothing,
    },
    firmware: `{ major: ${version?.major ?? 255}, minor: ${version?.minor ?? 255}, build: ${version?.build ?? 255} }`,
    chipIds: [isShown && /[1-9a-f]/.test(shown.chipId) ? shown.chipId : placeholder.chipId],
    unknownBits,
    marks: {
      floors: mark(isShown, 'from AMD’s security bulletins'),
      firmware: mark(isShown, 'from AMD’s security bulletins'),
      chipIds: mark(isShown, 'the operator’s machine, told over a channel that you trust'),
      unknownBits: unknownBits.length > 0 ? mark(true, '') : '',
    },
  });
}

/** One image, as an entry of a list at no indentation. */
export function snpImageLines(shown: SnpFields | null, { mark }: Filler): readonly string[] {
  const isShown = shown !== null;
  const field = (name: 'hostData' | 'familyId' | 'imageId' | 'idKeyDigest' | 'authorKeyDigest'): string =>
    `  ${name}: ${shown === null ? 'unused' : unusedOr(shown[name])}${isShown ? mark(true, '') : ''}`;
  return [
    '- platform: sevSnp',
    '  # amd: an image that AMD’s hardware measured.',
    '  vendor: amd',
    `  measurement: "${shown?.measurement ?? placeholder.measurement}"${mark(isShown, 'from the release that your people reviewed')}`,
    '  # Privilege level at which the code asked for the report; 0 is the highest.',
    `  vmpl: ${shown?.vmpl ?? 0}${isShown ? mark(true, '') : ''}`,
    '  # The image’s security version: no older one.',
    `  minimumGuestSvn: ${shown?.guestSvn ?? 0}${isShown ? mark(true, '') : ''}`,
    '  # What launched it may have written here; unused means all zero.',
    ...(['hostData', 'familyId', 'imageId', 'idKeyDigest', 'authorKeyDigest'] as const).map(field),
  ];
}
