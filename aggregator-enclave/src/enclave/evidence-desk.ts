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

/** A site that asks without end costs the hardware's time; an honest one asks once an hour or so. */
const maxOffersPerSite = 1000;

/** Behind a paravisor REPORT_DATA is not ours: the TPM's quote carries the binding. */
const carriers: Readonly<Record<Platform['kind'], Evidence['binding']['carriedBy']>> = {
  sevSnp: 'cpu',
  tdx: 'cpu',
  azureSnpVtpm: 'tpm',
  azureTdxVtpm: 'tpm',
};

export class EvidenceDesk {
  readonly #context: StudyContext;
  readonly #open: Verified<'SessionOpen'>;
  readonly #receiptKey: SigningKey;
  readonly #answered = new Set<string>();
  readonly #offers = new Map<string, number>();
  readonly #newest = new Map<string, string>();

  constructor(context: StudyContext, open: Verified<'SessionOpen'>, receiptKey: SigningKey) {
    this.#context = context;
    this.#open = open;
    this.#receiptKey = receiptKey;
  }

  /** For each site the evidence that it was given last, as receipts name it. */
  given(): { site: string; evidence: string }[] {
    const given = [...this.#newest].map(([site, evidence]) => ({ site, evidence }));
    return given.toSorted((a, b) => (a.site < b.site ? -1 : 1));
  }

  /** Answers what is not answered yet. Never throws: what failed is tried again. */
  async serve(): Promise<void> {
    for (const { site, nonce } of this.#asked()) {
      const key = `${site} ${nonce}`;
      const offers = this.#offers.get(site) ?? 0;
      if (this.#answered.has(key) || offers >= maxOffersPerSite) continue;
      this.#answered.add(key);
      this.#offers.set(site, offers + 1);
      await this.#offer(site, nonce).catch((error: unknown) => {
        this.#answered.delete(key);
        this.#context.log({
          level: 'error',
          code: 'evidence-unavailable',
          message: 'the hardware gave no evidence',
          site,
          cause: describeError(error).code,
        });
      });
    }
  }

  #asked(): readonly { site: string; nonce: string }[] {
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
    const devices = await platform.gpu?.attest(fromHex(gpuNonceFor(nonce), 32));
    const gpuEvidence = devices === undefined ? 'none' : gpuEvidenceDigest(devices);
    const binding = { nonce, sessionOpen: this.#open.digest, gpuEvidence };
    const { items, endorsements } = await platform.attest(reportDataFor(binding));
    const evidence: Evidence = {
      kind: 'Evidence',
      version: 1,
      binding: { ...binding, carriedBy: carriers[platform.kind] },
      evidence: [...items, ...(devices ?? [{ type: 'none' as const, of: 'gpu' as const }])],
      endorsements: [...endorsements],
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
