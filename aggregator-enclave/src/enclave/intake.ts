// From an admitted header to a contribution in the sum, chunk by chunk in constant memory; and out of the sum again, exactly.
// THE ONLY FILE THAT OPENS ONE SITE'S UPDATE.
import { fromBase64Url } from '@wardround/protocol/bytes';
import type { TensorHeader } from '@wardround/protocol/documents/round';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { compareNorm, sumOfSquares } from '@wardround/protocol/fixed-point';
import type { HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { type IntegerRun, PayloadReader } from '@wardround/protocol/payload-reader';
import { contributionInfo } from '@wardround/protocol/seal-context';
import { createOpener } from '@wardround/protocol/sealed-stream';
import type { ChunkOpener } from '@wardround/protocol/stream-chunks';
import type { Accumulator, Run } from './accumulator.ts';
import { type AdmittedHeader, refusal } from './admission.ts';
import type { Ports } from './ports.ts';
import { SealedChunks } from './sealed-chunks.ts';

/** What one attempt's contributions are opened with and added to. */
export interface Intake {
  readonly ports: Ports;
  readonly accumulator: Accumulator;
  readonly roundKey: HpkePrivateKey;
  readonly tensors: readonly TensorHeader[];
  readonly paddingBytes: number;
  readonly normBound: string;
  readonly stepLog2: number;
  /** Until when the relay may take for a chunk. */
  readonly deadline: Date;
  /** Called between chunks, so that a long update holds up nothing else. */
  readonly breathe: () => Promise<void>;
}

/** Only {@link accumulate} makes one: this contribution, whole and within its bound, is in the sums with its weight. */
export class AccumulatedContribution {
  readonly header: AdmittedHeader;
  readonly #intake: Intake;
  readonly #chunks: SealedChunks;
  readonly #integers: number;

  private constructor(header: AdmittedHeader, intake: Intake, added: Added) {
    this.header = header;
    this.#intake = intake;
    this.#chunks = added.chunks;
    this.#integers = added.integers;
  }

  /**
   * Adds it to the sums. Whatever is wrong with it, the sums are afterwards what they were before.
   *
   * @throws WardroundError with a `ContributionRefusalCode`; `chunk-unavailable` (nothing is in the sums; try again later);
   * `removal-impossible` (a part of it is in the sums and cannot be read again: the attempt is void)
   */
  static async accumulate(header: AdmittedHeader, intake: Intake): Promise<AccumulatedContribution> {
    const chunks = await SealedChunks.locate(header.contribution.value.ciphertext, intake);
    const added: Added = { chunks, integers: 0 };
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
    await takeBack(this.header, this.#intake, { chunks: this.#chunks, integers: this.#integers });
  }
}

/** How much of a contribution is in the sums: the first so many integers, in the payload's order. */
interface Added {
  readonly chunks: SealedChunks;
  integers: number;
}

async function addAll(header: AdmittedHeader, intake: Intake, added: Added): Promise<void> {
  let squares = 0n;
  const reader = new PayloadReader({
    tensors: intake.tensors,
    paddingBytes: intake.paddingBytes,
    onRun: (integers) => {
      const run = requireInt32(integers);
      intake.accumulator.add(run, header.weight);
      added.integers += run.values.length;
      squares += sumOfSquares(run.values);
    },
  });
  const opener = await openerOf(header, intake);
  for (let index = 0; index < added.chunks.count; index += 1) {
    feed(reader, opener, { index, sealed: await added.chunks.read(index), last: index === added.chunks.count - 1 });
    await intake.breathe();
  }
  requirePayload(reader, header);
  // The enclave's own norm, of the integers themselves: what a site says of its norm is nowhere asked.
  if (compareNorm(squares, intake.normBound, intake.stepLog2) > 0) {
    throw refusal('contribution-norm', 'longer than the plan allows');
  }
}

interface SealedChunk {
  readonly index: number;
  readonly sealed: Uint8Array;
  readonly last: boolean;
}

/** All that a hostile chunk can be looks alike: which check failed would tell only its maker. */
function feed(reader: PayloadReader, opener: ChunkOpener, { index, sealed, last }: SealedChunk): void {
  try {
    reader.feed(opener.open(index, sealed, last));
  } catch (cause) {
    throw hasCode(cause, 'accumulator-range') ? cause : refusal('contribution-sealing', 'it does not open', cause);
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

async function takeBack(header: AdmittedHeader, intake: Intake, added: Added): Promise<void> {
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
async function subtractFirst(header: AdmittedHeader, intake: Intake, added: Added): Promise<void> {
  const { chunks } = added;
  const reader = new PayloadReader({
    tensors: intake.tensors,
    paddingBytes: intake.paddingBytes,
    onRun: (integers) => {
      const run = firstOf(requireInt32(integers), added.integers);
      intake.accumulator.subtract(run, header.weight);
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

function firstOf(run: Run, count: number): Run {
  return run.values.length <= count ? run : { ...run, values: run.values.subarray(0, count) };
}

/** The tensors were compared with the plan's, which are int32. */
function requireInt32(run: IntegerRun): Run {
  if (run.ring !== 'int32') throw refusal('contribution-tensors', 'not the tensors of the plan');
  return run;
}
