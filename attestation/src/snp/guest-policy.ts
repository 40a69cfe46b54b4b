// The bits of a report's guest policy and platform information, held against what a site allows.
import { WardroundError } from '@wardround/protocol/errors';
import type { GuestPolicyRules, PlatformInfoRules } from '../policy/snp-rules.ts';
import type { SnpReport } from './report.ts';

/** Bit positions, AMD 56860: guest policy. */
export const guestPolicyBits = {
  smt: 16n,
  reservedOne: 17n,
  migrationAgent: 18n,
  debug: 19n,
  singleSocket: 20n,
  cxl: 21n,
  memoryAes256Xts: 22n,
  raplDisabled: 23n,
  ciphertextHiding: 24n,
  pageSwapDisabled: 25n,
} as const;

/** Bit positions, AMD 56860: PLATFORM_INFO. Bit 6 is reserved, and set by Turin. */
export const platformInfoBits = {
  smt: 0n,
  transparentEncryption: 1n,
  ecc: 2n,
  raplDisabled: 3n,
  ciphertextHiding: 4n,
  aliasCheckComplete: 5n,
  trustedIo: 7n,
} as const;

/** A host may read and write the memory of a guest that may be debugged. No policy can allow it. */
export function requireNoDebug({ policy }: SnpReport): void {
  if (isSet(policy, guestPolicyBits.debug)) {
    throw new WardroundError('snp-debug', 'the guest may be debugged: its host can read its memory', {
      action: 'stop',
    });
  }
}

/** A migration agent may move the guest, with its memory, to a machine that nobody verified. */
export function requireNoMigration({ policy, reportIdMa }: SnpReport): void {
  if (isSet(policy, guestPolicyBits.migrationAgent) || reportIdMa.some((byte) => byte !== 0xff)) {
    throw new WardroundError('snp-migration-agent', 'the guest may be migrated by an agent', { action: 'stop' });
  }
}

const guestAllowances = ['smt', 'cxl'] as const;
const guestRequirements = [
  'singleSocket',
  'memoryAes256Xts',
  'raplDisabled',
  'ciphertextHiding',
  'pageSwapDisabled',
] as const;

/** @throws WardroundError `snp-guest-policy`, naming every bit that is not as the policy wants it; `snp-abi-below-floor` */
export function requireGuestPolicy({ policy }: SnpReport, rules: GuestPolicyRules): void {
  const [major, minor] = [Number((policy >> 8n) & 0xffn), Number(policy & 0xffn)];
  const { minimumAbi } = rules;
  if (major < minimumAbi.major || (major === minimumAbi.major && minor < minimumAbi.minor)) {
    throw new WardroundError(
      'snp-abi-below-floor',
      'the guest may run under an older firmware interface than the policy’s floor',
      {
        expected: `at least ${minimumAbi.major}.${minimumAbi.minor}`,
        got: `${major}.${minor}`,
      },
    );
  }
  const wrong = [
    ...guestAllowances
      .filter((name) => rules[name] === 'refused' && isSet(policy, guestPolicyBits[name]))
      .map((name) => `${name} is allowed`),
    ...guestRequirements
      .filter((name) => rules[name] === 'required' && !isSet(policy, guestPolicyBits[name]))
      .map((name) => `${name} is not required`),
  ];
  if (wrong.length > 0) {
    throw new WardroundError('snp-guest-policy', 'the guest was launched with a laxer policy than the site’s', {
      got: wrong.join(', '),
    });
  }
}

const platformRequirements = [
  'transparentEncryption',
  'ecc',
  'raplDisabled',
  'ciphertextHiding',
  'aliasCheckComplete',
] as const;

/** @throws WardroundError `snp-platform-info`, `snp-platform-unknown-bit` */
export function requirePlatformInfo({ platformInfo }: SnpReport, rules: PlatformInfoRules): void {
  const wrong = [
    ...(rules.smt === 'refused' && isSet(platformInfo, platformInfoBits.smt) ? ['smt is on'] : []),
    ...platformRequirements
      .filter((name) => rules[name] === 'required' && !isSet(platformInfo, platformInfoBits[name]))
      .map((name) => `${name} is off`),
  ];
  if (wrong.length > 0)
    throw new WardroundError('snp-platform-info', 'the platform is not set up as the policy wants', {
      got: wrong.join(', '),
    });
  const known = [...Object.values(platformInfoBits), ...rules.acceptedUnknownBits.map(BigInt)];
  const unknown = known.reduce((rest, bit) => rest & ~(1n << bit), platformInfo);
  if (unknown !== 0n) {
    throw new WardroundError('snp-platform-unknown-bit', 'the platform reports bits that the policy does not accept', {
      got: `0x${unknown.toString(16)}`,
    });
  }
}

function isSet(value: bigint, bit: bigint): boolean {
  return ((value >> bit) & 1n) === 1n;
}
