// Which code runs: the report is held against the policy's accepted images, each as a whole. Every step keeps only the entries
// that still match, so that no report passes with one entry's measurement and another's host data.
import { WardroundError } from '@wardround/protocol/errors';
import { toHex } from '@wardround/protocol/bytes';
import type { SnpImage } from '../policy/snp-rules.ts';
import type { Waiver } from '../policy/waiver.ts';
import { isWaiver, requireWaiverCurrent } from '../policy/waiver.ts';
import type { Note, Outcome, StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import type { SnpChain } from './chain.ts';
import type { SnpReport } from './report.ts';

export const snpImageSteps = [
  'measurement',
  'host-data',
  'family-id',
  'image-id',
  'id-key',
  'author-key',
  'vmpl',
  'guest-svn',
] as const;

interface Subject {
  readonly report: Outcome<SnpReport>;
  readonly chain: Outcome<SnpChain>;
  readonly images: readonly SnpImage[];
  readonly at: Date;
}

/** Makes the steps of `snpImageSteps` in `log`. */
export function matchImage({ report, chain, images, at }: Subject, log: StepLog): void {
  const measured = log.run('measurement', () => withMeasurement(need(report), need(chain), images));
  const narrowed = fieldSteps.reduce<Outcome<readonly SnpImage[]>>(
    (candidates, field) =>
      log.run(field.step, (note) => withField(field, { report: need(report), candidates: need(candidates), at, note })),
    measured,
  );
  const atLevel = log.run('vmpl', () => withLevel(need(report), need(narrowed)));
  log.run('guest-svn', () => withGuestSvn(need(report), need(atLevel)));
}

function withMeasurement(
  { measurement }: SnpReport,
  { trust }: SnpChain,
  images: readonly SnpImage[],
): readonly SnpImage[] {
  const vendor = trust.kind === 'simulated' ? 'simulated' : 'amd';
  const got = toHex(measurement);
  const matching = images.filter((image) => image.vendor === vendor && image.measurement === got);
  return requireSome(
    matching,
    () =>
      new WardroundError('snp-measurement-unknown', 'the policy does not accept this code', {
        got: `${vendor} ${got}`,
        action: 'stop',
      }),
  );
}

interface FieldStep {
  readonly step: (typeof snpImageSteps)[number];
  readonly code: string;
  readonly expected: (image: SnpImage) => string | Waiver;
  readonly actual: (report: SnpReport) => string;
}

const fieldSteps: readonly FieldStep[] = [
  {
    step: 'host-data',
    code: 'snp-host-data',
    expected: (image) => image.hostData,
    actual: (report) => toHex(report.hostData),
  },
  {
    step: 'family-id',
    code: 'snp-family-id',
    expected: (image) => image.familyId,
    actual: (report) => toHex(report.familyId),
  },
  {
    step: 'image-id',
    code: 'snp-image-id',
    expected: (image) => image.imageId,
    actual: (report) => toHex(report.imageId),
  },
  {
    step: 'id-key',
    code: 'snp-id-key',
    expected: (image) => image.idKeyDigest,
    actual: (report) => toHex(report.idKeyDigest),
  },
  { step: 'author-key', code: 'snp-author-key', expected: (image) => image.authorKeyDigest, actual: authorKey },
];

/** The digest counts only when the firmware says that an author key was used. */
function authorKey({ authorKeyDigest, authorKeyEnabled }: SnpReport): string {
  const digest = toHex(authorKeyDigest);
  return authorKeyEnabled === /[1-9a-f]/.test(digest)
    ? digest
    : `${digest} with AUTHOR_KEY_EN ${authorKeyEnabled ? 1 : 0}`;
}

interface FieldSubject {
  readonly report: SnpReport;
  readonly candidates: readonly SnpImage[];
  readonly at: Date;
  readonly note: Note;
}

/** An entry with a waiver that has run out is no match; when nothing else is left, that is the reason given. */
function withField(field: FieldStep, { report, candidates, at, note }: FieldSubject): readonly SnpImage[] {
  const got = field.actual(report);
  let expired: unknown;
  const matching = candidates.filter((image) => {
    const expected = field.expected(image);
    if (!isWaiver(expected)) return expected === 'unused' ? /^0+$/.test(got) : expected === got;
    try {
      requireWaiverCurrent(expected, at, note);
      return true;
    } catch (error) {
      expired = error;
      return false;
    }
  });
  return requireSome(
    matching,
    () => expired ?? new WardroundError(field.code, `the accepted image has another ${field.step}`, { got }),
  );
}

function withLevel({ vmpl }: SnpReport, candidates: readonly SnpImage[]): readonly SnpImage[] {
  const matching = candidates.filter((image) => image.vmpl === vmpl);
  const levels = candidates.map((image) => image.vmpl).join(', ');
  return requireSome(
    matching,
    () =>
      new WardroundError('snp-vmpl', 'the report comes from another privilege level', {
        expected: levels,
        got: String(vmpl),
      }),
  );
}

function withGuestSvn({ guestSvn }: SnpReport, candidates: readonly SnpImage[]): readonly SnpImage[] {
  const matching = candidates.filter((image) => guestSvn >= image.minimumGuestSvn);
  const floors = candidates.map((image) => image.minimumGuestSvn).join(', ');
  return requireSome(
    matching,
    () =>
      new WardroundError('snp-guest-svn-below-floor', 'the image is older than the policy’s floor', {
        expected: floors,
        got: String(guestSvn),
      }),
  );
}

function requireSome<T>(matching: readonly T[], refusal: () => unknown): readonly T[] {
  if (matching.length === 0) throw refusal();
  return matching;
}
