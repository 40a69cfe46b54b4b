// Answers every site's own nonce with evidence that binds it to this session. Late sites and later requests are answered like the first.
import { fromHex } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import type { Verified } from '@wardround/protocol/documents/signed';
import { describeError } from '@wardround/protocol/errors';
import type { SigningKey } from '@wardround/protocol/keys';
import { reportDataFor } from '@wardround/attestation/binding';
import { type Evidence, evidenceDigest, evidenceLimits } from '@wardround/attestation/evidence';
import { gpuEvidenceDigest, gpuNonceFor } from '@wardround/attestation/nvidia/binding';
import type { Platform } from './ports.ts';
import type { StudyContext } from './study-context.ts';

/**
 * A site that asks without end would take the hardware's time from the others: each may ask so often at once, and once more every thirty seconds. An
 * honest one asks when it has to, which is every 45 seconds at most (StudyPlan: evidence lives for a minute or more).
 */
const pace = { atOnce: 8, everyMilliseconds: 30_000 } as const;

/** Behind a paravisor REPORT_DATA is not ours: the TPM's quote carries the binding. */
const carriers: Readonly<Record<Platform['kind'], Evidence['binding']['carriedBy']>> = {
  sevSnp: 'cpu',
  tdx: 'cpu',
  azureSnpVtpm: 'tpm',
  azureTdxVtpm: 'tpm',
};

interface Asked {
  readonly site: string;
  readonly nonce: string;
}

function keyOf({ site, nonce }: Asked): string {
  return `${site} ${nonce}`;
}

export class EvidenceDesk {
  readonly #context: StudyContext;
  readonly #open: Verified<'SessionOpen'>;
  readonly #receiptKey: SigningKey;
  readonly #since: number;
  readonly #answered = new Set<string>();
  readonly #offers = new Map<string, number>();
  readonly #newest = new Map<string, string>();
  #nextLook: Date | null = null;

  constructor(context: StudyContext, open: Verified<'SessionOpen'>, receiptKey: SigningKey) {
    this.#context = context;
    this.#open = open;
    this.#receiptKey = receiptKey;
    this.#since = context.now().getTime();
  }

  /** For each site the evidence that it was given last, as receipts name it. */
  given(): { site: string; evidence: string }[] {
    const given = [...this.#newest].map(([site, evidence]) => ({ site, evidence }));
    return given.toSorted((a, b) => (a.site < b.site ? -1 : 1));
  }

  /** When questions that were left open are to be looked at again: the hardware failed, or their site asks too often. */
  get nextLook(): Date | null {
    return this.#nextLook;
  }

  /** Answers what is not answered yet, each site's first question before anybody's second. Never throws: what failed is tried again. */
  async serve(): Promise<void> {
    const { due, isMoreAsked } = this.#turns();
    this.#nextLook = isMoreAsked ? this.#context.after(pace.everyMilliseconds) : null;
    for (const { site, nonce } of due) {
      try {
        await this.#offer(site, nonce);
        this.#answered.add(keyOf({ site, nonce }));
        this.#offers.set(site, this.#offersTo(site) + 1);
      } catch (error) {
        this.#nextLook = this.#context.after(this.#context.settings.retryMilliseconds);
        this.#context.log({
          level: 'error',
          code: 'evidence-unavailable',
          message: 'the hardware gave no evidence',
          site,
          cause: describeError(error).code,
        });
      }
    }
  }

  /** Within each site's pace, in turns: one that asks often waits behind itself alone. */
  #turns(): { readonly due: readonly Asked[]; readonly isMoreAsked: boolean } {
    const elapsed = Math.max(0, this.#context.now().getTime() - this.#since);
    const allowed = pace.atOnce + Math.floor(elapsed / pace.everyMilliseconds);
    const open = new Map(this.#asked().map((asked) => [keyOf(asked), asked]));
    for (const key of this.#answered) open.delete(key);
    const turnOf = new Map<string, number>();
    const turns = [...open.values()].map((asked) => {
      const turn = turnOf.get(asked.site) ?? 0;
      turnOf.set(asked.site, turn + 1);
      return { asked, turn };
    });
    const due = turns
      .filter(({ asked, turn }) => this.#offersTo(asked.site) + turn < allowed)
      .toSorted((left, right) => left.turn - right.turn)
      .map(({ asked }) => asked);
    return { due, isMoreAsked: due.length < turns.length };
  }

  #offersTo(site: string): number {
    return this.#offers.get(site) ?? 0;
  }

  #asked(): readonly Asked[] {
    const { records } = this.#context;
    const statements = records
      .of('ResumeStatement')
      .filter(({ value }) => value.challenge === this.#open.value.challenge);
    const requests = records.of('EvidenceRequest').filter(({ value }) => value.session === this.#open.digest);
    return [...statements, ...requests].map(({ value }) => value);
  }

  async #offer(site: string, nonce: string): Promise<void> {
    const { ports, names } = this.#context;
    const { platform } = ports;
    // The GPUs first: the processor then vouches for what they said.
    const gpuNonce = fromHex(gpuNonceFor(nonce), 32);
    const devices = await platform.gpu?.attest(gpuNonce);
    const opinions = devices === undefined ? [] : ((await platform.gpu?.endorse?.(gpuNonce, devices)) ?? []);
    const gpuEvidence = devices === undefined ? 'none' : gpuEvidenceDigest(devices);
    const binding = { nonce, sessionOpen: this.#open.digest, gpuEvidence };
    const { items, endorsements } = await platform.attest(reportDataFor(binding));
    const evidence: Evidence = {
      kind: 'Evidence',
      version: 1,
      binding: { ...binding, carriedBy: carriers[platform.kind] },
      evidence: [...items, ...(devices ?? [{ type: 'none' as const, of: 'gpu' as const }])],
      endorsements: [...endorsements, ...opinions],
    };
    const text = new TextDecoder().decode(canonicalJson(evidence, evidenceLimits));
    await this.#context.publish(
      'EvidenceOffer',
      { kind: 'EvidenceOffer', version: 1, ...names, session: this.#open.digest, site, nonce, evidence: text },
      this.#receiptKey,
    );
    this.#newest.set(site, evidenceDigest(evidence));
  }
}
