// A fresh enclave has nothing: it asks the sites, who hold it, for the checkpoint that it goes on from. The first true one serves.
import { type Bytes, concatBytes, fromBase64Url } from '@wardround/protocol/bytes';
import { hasCode } from '@wardround/protocol/errors';
import { generateEphemeralHpkeKey, type HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { checkpointReturnInfo } from '@wardround/protocol/seal-context';
import { createOpener } from '@wardround/protocol/sealed-stream';
import { defaultChunkSize, sealedSize } from '@wardround/protocol/stream-chunks';
import { checkpointDigest } from '@wardround/learning/checkpoint';
import {
  AdmittedHeader,
  type Expectation,
  refusal,
  type VerifiedContribution,
  type VerifiedOrder,
} from './admission.ts';
import { initialCheckpoint, type KnownCheckpoint, returnedCheckpoint } from './checkpoints.ts';
import { SealedChunks } from './sealed-chunks.ts';
import {
  giveOrder,
  holdingApprovals,
  newContributions,
  type OrderTerms,
  refuse,
  type SessionWork,
} from './session-work.ts';

/** Room for a longer round number in the metadata; state and model never change their size. */
const slackBytes = 4096;

export type RecallStep =
  | { readonly state: 'waiting'; readonly until: Date }
  | { readonly state: 'found'; readonly found: KnownCheckpoint }
  | { readonly state: 'none' };

export class CheckpointRecall {
  readonly order: VerifiedOrder;
  readonly #work: SessionWork;
  readonly #roundKey: HpkePrivateKey;
  readonly #expected: Expectation;
  readonly #heard = new Set<string>();
  #pending: readonly AdmittedHeader[] = [];

  private constructor(work: SessionWork, order: VerifiedOrder, roundKey: HpkePrivateKey) {
    const { bytes } = initialCheckpoint(work.context.plan);
    this.order = order;
    this.#work = work;
    this.#roundKey = roundKey;
    this.#expected = {
      order,
      tensors: [],
      sealedSize: null,
      maxSealedSize: sealedSize(bytes.byteLength + slackBytes, defaultChunkSize),
      payloadOf: () => order.value.base.checkpoint,
    };
  }

  /** Asks for the checkpoint that `terms.base` names. */
  static async begin(work: SessionWork, terms: Omit<OrderTerms, 'task' | 'rollsForward'>): Promise<CheckpointRecall> {
    const roundKey = await generateEphemeralHpkeKey();
    const order = await giveOrder(work, { ...terms, task: 'checkpointReturn', rollsForward: null }, roundKey);
    return new CheckpointRecall(work, order, roundKey);
  }

  async step(): Promise<RecallStep> {
    for (const contribution of newContributions(this.#work, this.order)) await this.#hear(contribution);
    const found = await this.#read();
    if (found !== null) return await this.#end({ state: 'found', found });
    const deadline = new Date(this.order.value.deadline);
    if (this.#work.context.now() >= deadline) return await this.#end({ state: 'none' });
    const retryAt = this.#work.context.after(this.#work.context.settings.retryMilliseconds);
    return { state: 'waiting', until: this.#pending.length > 0 && retryAt < deadline ? retryAt : deadline };
  }

  async #end(step: RecallStep): Promise<RecallStep> {
    this.#roundKey.erase();
    await this.#work.context.ports.spool.clear();
    return step;
  }

  async #hear(contribution: VerifiedContribution): Promise<void> {
    const { site } = contribution.value;
    const holding = holdingApprovals(this.#work);
    try {
      const header = AdmittedHeader.admit(contribution, this.#expected, {
        now: this.#work.context.now(),
        approvalOf: (name) => holding.get(name)?.digest,
        alreadyHeard: (name) => this.#heard.has(name),
      });
      this.#pending = [...this.#pending, header];
    } catch (error) {
      await refuse(this.#work, contribution, error);
    }
    this.#heard.add(site);
  }

  async #read(): Promise<KnownCheckpoint | null> {
    const pending = this.#pending;
    this.#pending = [];
    for (const header of pending) {
      try {
        return returnedCheckpoint(await this.#open(header));
      } catch (error) {
        if (hasCode(error, 'chunk-unavailable')) this.#pending = [...this.#pending, header];
        else await refuse(this.#work, header.contribution, error);
      }
    }
    return null;
  }

  async #open({ contribution }: AdmittedHeader): Promise<Bytes> {
    const { order, site, encapsulation, ciphertext } = contribution.value;
    const { ports } = this.#work.context;
    const chunks = await SealedChunks.locate(ciphertext, { ports, deadline: new Date(this.order.value.deadline) });
    const pieces: Bytes[] = [];
    try {
      const enc = fromBase64Url(encapsulation);
      const opener = await createOpener({
        privateKey: this.#roundKey,
        enc,
        info: checkpointReturnInfo({ order, site }),
      });
      for (let index = 0; index < chunks.count; index += 1) {
        pieces.push(opener.open(index, await chunks.read(index), index === chunks.count - 1));
      }
    } catch (cause) {
      throw hasCode(cause, 'chunk-unavailable') ? cause : refusal('contribution-sealing', 'it does not open', cause);
    }
    const bytes = concatBytes(...pieces);
    if (checkpointDigest(bytes) !== this.order.value.base.checkpoint) {
      throw refusal('contribution-checkpoint', 'not the cosigned checkpoint');
    }
    return bytes;
  }
}
