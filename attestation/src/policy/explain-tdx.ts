// The rules for Intel TDX in plain sentences.
import { duration, listOrWaiver, waivedSentence } from './explain-words.ts';
import type { TdxImage, TdxRules } from './tdx-rules.ts';
import { isWaiver } from './waiver.ts';

export function explainTdx(rules: TdxRules): readonly string[] {
  return [...tcb(rules), collateral(rules), platforms(rules), ...modules(rules), attributes(rules), xfam(rules)];
}

function tcb({ tcb: { minimumEvaluationDataNumber, advisories } }: TdxRules): readonly string[] {
  const waived = Object.entries(advisories).map(
    ([id, waiver]) => `${id} is accepted on platforms that it stands against, ${waivedSentence(waiver)}`,
  );
  const rule =
    waived.length === 0
      ? 'Intel must call platform, module and quoting enclave up to date.'
      : 'Intel must call platform, module and quoting enclave up to date, but for these advisories.';
  return [`${rule} Intel’s evaluation ${minimumEvaluationDataNumber} or a later one is believed.`, ...waived];
}

function collateral({
  collateral: { maxRootCrlAgeSeconds, maxTcbInfoAgeSeconds, maxQeIdentityAgeSeconds },
}: TdxRules): string {
  return (
    `What Intel says must be in date and no older than: TCB info ${duration(maxTcbInfoAgeSeconds)}, ` +
    `identity of the quoting enclave ${duration(maxQeIdentityAgeSeconds)}, the root’s revocation list ${duration(maxRootCrlAgeSeconds)}.`
  );
}

function platforms({ platforms: listed }: TdxRules): string {
  if (isWaiver(listed))
    return `ANY platform is accepted, so keys taken from any machine can forge: ${waivedSentence(listed)}`;
  const names = listed.map((platform) =>
    'ppid' in platform ? `PPID ${platform.ppid}` : `platform instance ${platform.platformInstanceId}`,
  );
  return `Only these platforms are accepted: ${names.join(', ')}.`;
}

function modules({ modules: listed, moduleSigner }: TdxRules): readonly string[] {
  return [
    listOrWaiver(listed, { listed: 'Only these TDX modules (MRSEAM)', waived: 'ANY TDX module' }),
    moduleSigner === 'intel' ? 'Intel must have signed the module.' : `The module’s signer must be ${moduleSigner}.`,
  ];
}

function attributes({ tdAttributes }: TdxRules): string {
  const { septVeDisable, migratable, pks, keyLocker, perfmon, acceptedUnknownBits } = tdAttributes;
  const may = Object.entries({
    'migration to another machine': migratable,
    'protection keys for supervisor pages': pks,
    'Key Locker': keyLocker,
    'performance monitoring, which the host can read as well': perfmon,
  }).map(([what, rule]) => `${what} is ${rule}`);
  const sept = isWaiver(septVeDisable)
    ? `The host may make memory accesses raise exceptions (SEPT_VE_DISABLE): ${waivedSentence(septVeDisable)}`
    : 'The host may not make memory accesses raise exceptions (SEPT_VE_DISABLE).';
  const unknown =
    acceptedUnknownBits.length === 0
      ? 'Attributes that nobody has explained are refused.'
      : `Accepted although nobody has explained them: attribute bits ${acceptedUnknownBits.join(', ')}.`;
  return `Debugging is refused (no policy can allow it); ${may.join('; ')}. ${sept} ${unknown}`;
}

function xfam({ xfam: accepted }: TdxRules): string {
  return `Extended processor state (XFAM) must be ${accepted.join(' or ')}.`;
}

const imageFields = [
  ['rtmr0', 'RTMR0'],
  ['rtmr1', 'RTMR1'],
  ['rtmr2', 'RTMR2'],
  ['rtmr3', 'RTMR3'],
  ['mrConfigId', 'MRCONFIGID'],
  ['mrOwner', 'MROWNER'],
  ['mrOwnerConfig', 'MROWNERCONFIG'],
  ['mrServiceTd', 'MRSERVICETD'],
] as const;

export function explainTdxImage(image: TdxImage): string {
  const fields = imageFields.map(([field, name]) => {
    const value = image[field];
    if (isWaiver(value)) return `Its ${name} may be anything: ${waivedSentence(value)}`;
    if (value === 'unused') return `Its ${name} must be zero.`;
    return value === 'replayed'
      ? `Its ${name} may hold whatever its event log explains.`
      : `Its ${name} must be ${value}.`;
  });
  const where = image.vendor === 'simulated' ? 'SIMULATED hardware, which proves nothing' : 'Intel TDX';
  return `The code with MRTD ${image.mrtd} on ${where}. ${fields.join(' ')}`;
}
