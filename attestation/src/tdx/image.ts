// Which code runs: the TD is held against the policy's accepted images, each as a whole. Every step keeps only the entries that still
// match, so that no quote passes with one entry's MRTD and another's registers.
import { WardroundError } from '@wardround/protocol/errors';
import { toHex } from '@wardround/protocol/bytes';
import type { TdxImage } from '../policy/tdx-rules.ts';
import type { Waiver } from '../policy/waiver.ts';
import { isWaiver, requireWaiverCurrent } from '../policy/waiver.ts';
import type { Note, Outcome, StepLog } from '../steps.ts';
import { need } from '../steps.ts';
import type { PckChain } from './chain.ts';
import type { TdxQuote } from './quote.ts';
import type { ExplainedRtmrs } from './rtmr-log.ts';
import type { TdReport } from './td-report.ts';

export const tdxImageSteps = [
  'mrtd',
  'rtmr0',
  'rtmr1',
  'rtmr2',
  'rtmr3',
  'mr-config-id',
  'mr-owner',
  'mr-owner-config',
  'mr-service-td',
] as const;

interface Subject {
  readonly quote: Outcome<TdxQuote>;
  readonly chain: Outcome<PckChain>;
  readonly rtmrs: Outcome<ExplainedRtmrs>;
  readonly images: readonly TdxImage[];
  readonly at: Date;
}

/** Makes the steps of `tdxImageSteps` in `log`. */
export function matchTdxImage({ quote, chain, rtmrs, images, at }: Subject, log: StepLog): void {
  const started = log.run('mrtd', () => withMrTd(need(quote).td, need(chain), images));
  fieldSteps.reduce<Outcome<readonly TdxImage[]>>(
    (candidates, field) =>
      log.run(field.step, (note) =>
        withField(field, { td: need(quote).td, rtmrs, candidates: need(candidates), at, note }),
      ),
    started,
  );
}

function withMrTd({ mrTd }: TdReport, { trust }: PckChain, images: readonly TdxImage[]): readonly TdxImage[] {
  const vendor = trust.kind === 'simulated' ? 'simulated' : 'intel';
  const got = toHex(mrTd);
  const matching = images.filter((image) => image.vendor === vendor && image.mrtd === got);
  if (matching.length > 0) return matching;
  throw new WardroundError('tdx-mrtd-unknown', 'the policy does not accept this code', {
    got: `${vendor} ${got}`,
    action: 'stop',
  });
}

interface FieldStep {
  readonly step: (typeof tdxImageSteps)[number];
  readonly code: string;
  readonly expected: (image: TdxImage) => string | Waiver;
  /** Undefined where the quote cannot say. */
  readonly actual: (td: TdReport) => Uint8Array | undefined;
  /** Of a register that an event log may explain. */
  readonly register?: number;
}

const fieldSteps: readonly FieldStep[] = [
  { step: 'rtmr0', code: 'tdx-rtmr0', register: 0, expected: ({ rtmr0 }) => rtmr0, actual: ({ rtmrs }) => rtmrs[0] },
  { step: 'rtmr1', code: 'tdx-rtmr1', register: 1, expected: ({ rtmr1 }) => rtmr1, actual: ({ rtmrs }) => rtmrs[1] },
  { step: 'rtmr2', code: 'tdx-rtmr2', register: 2, expected: ({ rtmr2 }) => rtmr2, actual: ({ rtmrs }) => rtmrs[2] },
  { step: 'rtmr3', code: 'tdx-rtmr3', expected: ({ rtmr3 }) => rtmr3, actual: ({ rtmrs }) => rtmrs[3] },
  {
    step: 'mr-config-id',
    code: 'tdx-config-id',
    expected: ({ mrConfigId }) => mrConfigId,
    actual: ({ mrConfigId }) => mrConfigId,
  },
  { step: 'mr-owner', code: 'tdx-owner', expected: ({ mrOwner }) => mrOwner, actual: ({ mrOwner }) => mrOwner },
  {
    step: 'mr-owner-config',
    code: 'tdx-owner-config',
    expected: ({ mrOwnerConfig }) => mrOwnerConfig,
    actual: ({ mrOwnerConfig }) => mrOwnerConfig,
  },
  {
    step: 'mr-service-td',
    code: 'tdx-service-td',
    expected: ({ mrServiceTd }) => mrServiceTd,
    actual: ({ mrServiceTd }) => mrServiceTd,
  },
];

interface FieldSubject {
  readonly td: TdReport;
  readonly rtmrs: Outcome<ExplainedRtmrs>;
  readonly candidates: readonly TdxImage[];
  readonly at: Date;
  readonly note: Note;
}

/** An entry with a waiver that has run out, or without its log, is no match; when nothing else is left, that is the reason given. */
function withField(field: FieldStep, { td, rtmrs, candidates, at, note }: FieldSubject): readonly TdxImage[] {
  const value = field.actual(td);
  const got = value === undefined ? undefined : toHex(value);
  const refusals: unknown[] = [];
  const matching = candidates.filter((image) => {
    const expected = field.expected(image);
    try {
      if (isWaiver(expected)) requireWaiverCurrent(expected, at, note);
      else if (expected === 'replayed') requireExplained(field, rtmrs, note);
      else if (expected === 'unused') return requireUnused(field, got, note);
      else return expected === got;
      return true;
    } catch (error) {
      refusals.push(error);
      return false;
    }
  });
  if (matching.length > 0) return matching;
  const [refusal] = refusals;
  throw (
    refusal ?? new WardroundError(field.code, `the accepted image has another ${field.step}`, { got: got ?? 'none' })
  );
}

/** TD 1.0 quotes have no MRSERVICETD: nothing can then be said of it, and the migratable attribute is what remains. */
function requireUnused({ step }: FieldStep, got: string | undefined, note: Note): boolean {
  if (got === undefined) note(`a TD 1.0 quote does not say ${step}`);
  return got === undefined || /^0+$/.test(got);
}

function requireExplained({ register, step }: FieldStep, rtmrs: Outcome<ExplainedRtmrs>, note: Note): void {
  if (rtmrs.held && register !== undefined && rtmrs.value.explained.has(register)) {
    note('explained by the event log, whatever that says');
    return;
  }
  throw new WardroundError('tdx-rtmr-unexplained', 'no event log explains this register', { where: step });
}
