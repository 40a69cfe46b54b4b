// From an admitted header to a contribution in the sum, chunk by chunk in constant memory; and out of the sum again, exactly.
// THE ONLY FILE THAT OPENS ONE SITE'S UPDATE.
import { fromBase64Url } from '@wardround/protocol/bytes';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import type { HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { type IntegerRun, PayloadReader } from '@wardround/protocol/payload-reader';
import { contributionInfo } from '@wardround/protocol/seal-context';
import { createOpener } from '@wardround/protocol/sealed-stream';
import type { ChunkOpener } from '@wardround/protocol/stream-chunks';
import type { Integers, RoundTask } from '@wardround/learning/rounds/round-task';
import type { Accumulator, Run } from './accumulator.ts';
import { type AdmittedHeader, refusal } from './admission.ts';
import type { Ports } from './ports.ts';
import { KeptIntegers } from './kept-integers.ts';
import { LimitCheck } from './limit-check.ts';
import { SealedChunks } from './sealed-chunks.ts';

/** What one attempt's contributions are opened with and added to. */
export interface Intake {
  readonly ports: Ports;
  readonly accumulator: Accumulator;
  readonly roundKey: HpkePrivateKey;
  readonly task: Pick<RoundTask, 'tensors' | 'limits' | 'reads'>;
  readonly paddingBytes: number;
  /** Until when the relay may take for a chunk. */
  readonly deadline: Date;
  /** Called between chunks, so that a long update holds up nothing else. */
  readonly breathe: () => Promise<void>;
}

/** Only {@link accumulate} makes one: this contribution, whole and within its limits, is in the sums with its weight. */
export class AccumulatedContribution {
  readonly header: AdmittedHeader;
  readonly #intake: Intake;
  readonly #chunks: SealedChunks;
  readonly #added: number;
  #integers: Integers;

  private constructor(header: AdmittedHeader, intake: Intake, { chunks, integers, kept }: Added) {
    this.header = header;
    this.#intake = intake;
    this.#chunks = chunks;
    this.#added = integers;
    this.#integers = kept.take();
  }

  /** By itself, for a task that reads each contribution; empty for every other, and once it was removed. */
  get integers(): Integers {
    return this.#integers;
  }

  /**
   * Adds it to the sums. Whatever is wrong with it, the sums are afterwards what they were before.
   *
   * @throws WardroundError with a `ContributionRefusalCode`; `chunk-unavailable` (nothing is in the sums; try again later);
   * `removal-impossible` (a part of it is in the sums and cannot be read again: the attempt is void)
   */
  static async accumulate(header: AdmittedHeader, intake: Intake): Promise<AccumulatedContribution> {
    const chunks = await SealedChunks.locate(header.contribution.value.ciphertext, intake);
    const added: Added = { chunks, integers: 0, kept: new KeptIntegers(intake.task) };
    try {
      await addAll(header, intake, added);
    } catch (error) {
      await takeBack(header, intake, added);
      throw error;
    }
    return new AccumulatedContribution(header, intake, added);
  }

  /** Takes it out of the sums again, equal to the bit. @throws WardroundError `removal-impossible` */
  async remove(): Promise<void> {
    this.#integers = [];
    await takeBack(this.header, this.#intake, { chunks: this.#chunks, integers: this.#added });
  }
}

/** How much of a contribution is in the sums: the first so many integers, in the payload's order. */
interface InSums {
  readonly chunks: SealedChunks;
  integers: number;
}

interface Added extends InSums {
  readonly kept: KeptIntegers;
}

async function addAll(header: AdmittedHeader, intake: Intake, added: Added): Promise<void> {
  const limits = new LimitCheck(intake.task);
  const reader = new PayloadReader({
    tensors: intake.task.tensors,
    paddingBytes: intake.paddingBytes,
    onRun: (run) => {
      limits.see(run);
      intake.accumulator.add(run, weightOf(run, header, intake));
      added.integers += run.values.length;
      added.kept.see(run);
    },
  });
  const opener = await openerOf(header, intake);
  for (let index = 0; index < added.chunks.count; index += 1) {
    feed(reader, opener, { index, sealed: await added.chunks.read(index), last: index === added.chunks.count - 1 });
    await intake.breathe();
  }
  requirePayload(reader, header);
  limits.requireNorms();
}

interface SealedChunk {
  readonly index: number;
  readonly sealed: Uint8Array;
  readonly last: boolean;
}

/** All that a hostile chunk can be looks alike: which check failed would tell only its maker. What it says in authentic integers does not. */
function feed(reader: PayloadReader, opener: ChunkOpener, { index, sealed, last }: SealedChunk): void {
  try {
    reader.feed(opener.open(index, sealed, last));
  } catch (cause) {
    const isOther = hasCode(cause, 'accumulator-range') || hasCode(cause, 'contribution-range');
    throw isOther ? cause : refusal('contribution-sealing', 'it does not open', cause);
  }
}

function requirePayload(reader: PayloadReader, { contribution }: AdmittedHeader): void {
  let digest: string;
  try {
    ({ digest } = reader.end());
  } catch (cause) {
    throw refusal('contribution-sealing', 'it does not open', cause);
  }
  if (digest !== contribution.value.payload)
    throw refusal('contribution-payload', 'not the integers that were signed for');
}

async function takeBack(header: AdmittedHeader, intake: Intake, added: InSums): Promise<void> {
  if (added.integers === 0) return;
  try {
    await subtractFirst(header, intake, added);
  } catch (cause) {
    throw new WardroundError('removal-impossible', 'a refused contribution cannot be read again to take it back', {
      action: 'retry',
      cause,
    });
  }
}

/** The same chunks under the same key are the same integers: GCM authenticates each in its place. */
async function subtractFirst(header: AdmittedHeader, intake: Intake, added: InSums): Promise<void> {
  const { chunks } = added;
  const reader = new PayloadReader({
    tensors: intake.task.tensors,
    paddingBytes: intake.paddingBytes,
    onRun: (integers) => {
      const run = firstOf(integers, added.integers);
      intake.accumulator.subtract(run, weightOf(run, header, intake));
      added.integers -= run.values.length;
    },
  });
  const opener = await openerOf(header, intake);
  for (let index = 0; added.integers > 0; index += 1) {
    reader.feed(opener.open(index, await chunks.read(index), index === chunks.count - 1));
    await intake.breathe();
  }
}

async function openerOf({ contribution }: AdmittedHeader, { roundKey }: Intake): Promise<ChunkOpener> {
  const { order, site, encapsulation } = contribution.value;
  try {
    const info = contributionInfo({ order, site });
    return await createOpener({ privateKey: roundKey, enc: fromBase64Url(encapsulation), info });
  } catch (cause) {
    throw hasCode(cause, 'key-erased') ? cause : refusal('contribution-sealing', 'it does not open', cause);
  }
}

function firstOf({ tensor, start, values }: IntegerRun, count: number): Run {
  return { tensor, start, values: values.length <= count ? values : values.subarray(0, count) };
}

/** The tensors were compared with the task's; what is not weighed by the enclave is added as it came. */
function weightOf({ tensor }: Run, { weight }: AdmittedHeader, { task }: Intake): number {
  return task.tensors[tensor]?.weighting === 'byEnclave' ? weight : 1;
}
