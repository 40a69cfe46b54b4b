// What leaves a hospital about its patients, and the only form in which it does: sealed to a verified enclave, for one order, under consent.
import { toBase64Url } from '@wardround/protocol/bytes';
import type { Contribution, TensorHeader } from '@wardround/protocol/documents/round';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import type { SigningKey } from '@wardround/protocol/keys';
import type { BlobRef } from '@wardround/protocol/manifest';
import type { ByteSource } from '@wardround/protocol/rechunk';
import { checkpointReturnInfo, contributionInfo } from '@wardround/protocol/seal-context';
import { sealStream } from '@wardround/protocol/sealed-stream';
import { defaultChunkSize, tagLength } from '@wardround/protocol/stream-chunks';
import { Consent } from './consent.ts';
import { refused } from './refusal.ts';

const token = Symbol('sealed');

/** What is sealed: the payload's bytes, padded, or for a checkpoint return the checkpoint's. */
export interface SealedContent {
  readonly bytes: ByteSource;
  /** Payload digest; for a checkpoint return the checkpoint's. */
  readonly digest: string;
  readonly tensors: readonly TensorHeader[];
}

/** A stream that only the order's round key opens. Read once, by the outlet. */
export class SealedUpdate {
  readonly #consent: Consent;
  readonly #encapsulation: string;
  readonly #chunks: AsyncIterable<Uint8Array>;
  readonly #content: Omit<SealedContent, 'bytes'>;

  private constructor(
    key: symbol,
    parts: {
      consent: Consent;
      encapsulation: string;
      chunks: AsyncIterable<Uint8Array>;
      content: Omit<SealedContent, 'bytes'>;
    },
  ) {
    if (key !== token) throw refused('update-not-sealed', 'only the gate seals');
    this.#consent = parts.consent;
    this.#encapsulation = parts.encapsulation;
    this.#chunks = parts.chunks;
    this.#content = parts.content;
  }

  /**
   * Seals under a consent that was given just now, after it was made durable what would be sealed for its order: nothing else ever is.
   *
   * @throws WardroundError `consent-not-given` for anything else, `seal-payload` where the consent was for other integers, `key-invalid`
   */
  static async seal(consent: Consent, content: SealedContent): Promise<SealedUpdate> {
    if (!(consent instanceof Consent)) throw refused('consent-not-given', 'nothing is sealed without consent');
    const { order, site, work, begun } = consent;
    const agreed =
      work.kind === 'reseal' ? work.payload : work.kind === 'returnCheckpoint' ? work.checkpoint.checkpoint : begun;
    if (content.digest !== agreed || content.digest !== begun)
      throw refused('seal-payload', 'the consent was for other integers', { expected: agreed ?? 'none' });
    const names = { order: order.digest, site };
    const info = work.kind === 'returnCheckpoint' ? checkpointReturnInfo(names) : contributionInfo(names);
    const { enc, chunks } = await sealStream({ source: content.bytes, recipient: order.value.roundKey, info });
    const { digest, tensors } = content;
    return new SealedUpdate(token, { consent, encapsulation: toBase64Url(enc), chunks, content: { digest, tensors } });
  }

  /** Ciphertext chunks, each as long as the blob's chunks are. */
  get chunks(): AsyncIterable<Uint8Array> {
    return this.#chunks;
  }

  /** The signed header of what was uploaded as `ciphertext`. */
  async contribution(ciphertext: BlobRef, agent: SigningKey): Promise<Verified<'Contribution'>> {
    const { order, session, approval, site } = this.#consent;
    const { federation, study, task, phase, round, attempt, base } = order.value;
    const value: Contribution = {
      kind: 'Contribution',
      version: 1,
      federation,
      study,
      session: session.digest,
      order: order.digest,
      site,
      task,
      phase,
      round,
      attempt,
      base: base.checkpoint,
      weight: approval.value.weight,
      approval: approval.digest,
      tensors: [...this.#content.tensors],
      payload: this.#content.digest,
      encapsulation: this.#encapsulation,
      ciphertext,
    };
    return await sign('Contribution', value, agent);
  }
}

/** A sealed chunk's size on the wire. */
export const sealedChunkSize = defaultChunkSize + tagLength;
