// The rules for AMD SEV-SNP in plain sentences.
import type { Tcb } from '../snp/tcb.ts';
import { isWaiver } from './waiver.ts';
import type { SnpImage, SnpRules } from './snp-rules.ts';
import { waivedSentence } from './explain-words.ts';

export function explainSnp(rules: SnpRules): readonly string[] {
  return [...products(rules), ...signers(rules), machines(rules), guest(rules), platform(rules), mitigations(rules)];
}

function products({ products: { Milan, Genoa, Turin } }: SnpRules): readonly string[] {
  const lines = Object.entries({ Genoa, Turin }).map(([name, rule]) =>
    rule === 'refused' ? `${name} machines are refused.` : `${name} machines are accepted, ${floors(rule)}.`,
  );
  if (Milan === 'refused') return ['Milan machines are refused (their root seed is public).', ...lines];
  const risk = `any report of theirs can be forged; ${waivedSentence(Milan.rootSeedExtracted)}`;
  return [`Milan machines are ACCEPTED, ${floors(Milan)}: ${risk}`, ...lines];
}

interface Floors {
  readonly minimumTcb: { readonly reported: Tcb; readonly committed: Tcb; readonly launch: Tcb };
  readonly minimumFirmware: { readonly major: number; readonly minor: number; readonly build: number };
}

function floors({ minimumTcb, minimumFirmware: { major, minor, build } }: Floors): string {
  const levels = (['reported', 'committed', 'launch'] as const).map(
    (which) => `${which} ${tcbText(minimumTcb[which])}`,
  );
  const same = new Set(Object.values(minimumTcb).map(tcbText)).size === 1;
  const text = same ? `${tcbText(minimumTcb.reported)} (reported, committed and at launch)` : levels.join('; ');
  return `with firmware ${major}.${minor}.${build} or newer and a TCB of at least ${text}`;
}

function tcbText(tcb: Tcb): string {
  return Object.entries(tcb)
    .map(([name, level]) => `${name} ${String(level)}`)
    .join(', ');
}

function signers({ signedBy: { vcek, vlek } }: SnpRules): readonly string[] {
  const chip =
    vcek === 'allowed' ? 'The chip’s own key may sign reports.' : 'Reports signed by a chip’s own key are refused.';
  const provider =
    vlek === 'refused'
      ? 'A cloud provider’s key may not.'
      : `The keys of these providers may sign, which name no chip: ${vlek.providers.join(', ')}.`;
  return [chip, provider];
}

function machines({ chipIds }: SnpRules): string {
  if (isWaiver(chipIds))
    return `ANY chip is accepted, so keys taken from any machine can forge: ${waivedSentence(chipIds)}`;
  const listed = chipIds.join(', ');
  return `Only ${chipIds.length === 1 ? 'this chip is' : `these ${chipIds.length} chips are`} accepted: ${listed}.`;
}

const guestWords = {
  singleSocket: 'bound to one socket',
  memoryAes256Xts: 'with AES-256-XTS memory encryption',
  raplDisabled: 'with power measurement switched off',
  ciphertextHiding: 'with ciphertext hidden from the host',
  pageSwapDisabled: 'with page swapping switched off',
} as const;

function guest({ guestPolicy }: SnpRules): string {
  const { smt, cxl, minimumAbi } = guestPolicy;
  const required = wanted(guestPolicy, guestWords);
  const open = notWanted(guestPolicy, guestWords);
  return (
    `The guest must be launched without debugging and without a migration agent (no policy can allow them), ABI ${minimumAbi.major}.${minimumAbi.minor} or newer, ` +
    `${smt === 'allowed' ? 'possibly' : 'not'} with SMT, ${cxl === 'allowed' ? 'possibly' : 'not'} with CXL memory${required}. Not asked for: ${open}.`
  );
}

const platformWords = {
  transparentEncryption: 'transparent encryption of all memory',
  ecc: 'ECC memory',
  raplDisabled: 'power measurement switched off',
  ciphertextHiding: 'ciphertext hiding',
  aliasCheckComplete: 'memory checked for aliases at boot (BadRAM)',
} as const;

function platform({ platformInfo }: SnpRules): string {
  const { acceptedUnknownBits, smt } = platformInfo;
  const unknown =
    acceptedUnknownBits.length === 0
      ? 'Bits that nobody has explained are refused.'
      : `Accepted although nobody has explained them: bits ${acceptedUnknownBits.join(', ')}.`;
  return `The platform must have${wanted(platformInfo, platformWords).replace(',', ':') || ' nothing in particular'}. Not asked for: ${notWanted(platformInfo, platformWords)}. ${smt === 'allowed' ? 'SMT may be on.' : 'SMT must be off.'} ${unknown}`;
}

type Requirements<Name extends string> = Readonly<Record<Name, 'required' | 'notRequired'>>;

function wanted<Name extends string>(
  rules: Requirements<NoInfer<Name>>,
  words: Readonly<Record<Name, string>>,
): string {
  const names = namesOf(rules, words, 'required');
  return names.length === 0 ? '' : `, ${names.join(', ')}`;
}

function notWanted<Name extends string>(
  rules: Requirements<NoInfer<Name>>,
  words: Readonly<Record<Name, string>>,
): string {
  return namesOf(rules, words, 'notRequired').join(', ') || 'nothing';
}

function namesOf<Name extends string>(
  rules: Requirements<NoInfer<Name>>,
  words: Readonly<Record<Name, string>>,
  is: 'required' | 'notRequired',
): readonly string[] {
  const isName = (name: string): name is Name => name in words;
  return Object.keys(words).flatMap((name) => (isName(name) && rules[name] === is ? [words[name]] : []));
}

function mitigations({ requiredMitigations }: SnpRules): string {
  return requiredMitigations === '0x0'
    ? 'No bit of the mitigation vectors is required.'
    : `Both mitigation vectors must have the bits ${requiredMitigations}, which reports before version 5 cannot show.`;
}

const imageFields = {
  hostData: 'host data',
  familyId: 'family id',
  imageId: 'image id',
  idKeyDigest: 'id key',
  authorKeyDigest: 'author key',
} as const;

export function explainSnpImage(image: SnpImage): string {
  const fields = (['hostData', 'familyId', 'imageId', 'idKeyDigest', 'authorKeyDigest'] as const).flatMap((field) => {
    const value = image[field];
    if (isWaiver(value)) return [`Its ${imageFields[field]} may be anything: ${waivedSentence(value)}`];
    return [
      value === 'unused' ? `Its ${imageFields[field]} must be empty.` : `Its ${imageFields[field]} must be ${value}.`,
    ];
  });
  const more = ` ${fields.join(' ')}`;
  const vendor = image.vendor === 'simulated' ? ' on SIMULATED hardware, which proves nothing' : ' on AMD SEV-SNP';
  return `The code with measurement ${image.measurement}${vendor}, at privilege level ${image.vmpl}, guest version ${image.minimumGuestSvn} or newer.${more}`;
}
