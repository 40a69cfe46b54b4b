// The way out of the vault, and the only one: signed records of a closed list, and sealed streams. Whoever audits what can leave starts here.
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { DocumentKind } from '@wardround/protocol/documents/registry';
import { copyBytes } from '@wardround/protocol/bytes';
import { type BlobRef, chunkDigest, ManifestBuilder } from '@wardround/protocol/manifest';
import type { BoardRecord, Relay, Topic } from '@wardround/protocol/relay-port';
import { refused } from './refusal.ts';
import { SealedRelease } from './sealed-release.ts';
import { sealedChunkSize, SealedUpdate } from './sealed-update.ts';

/** A signed record on its way out, as it was made durable before. */
export interface Outgoing {
  readonly topic: Topic;
  readonly jws: string;
}

/** Documents that a vault publishes: its own, and those of others that a coordinator lost. Nothing that is not signed, nothing with free text of ours. */
const publishable: ReadonlySet<DocumentKind> = new Set<DocumentKind>([
  'Genesis',
  'Membership',
  'EnclaveRelease',
  'ReleaseRevocation',
  'StudyPlan',
  'Approval',
  'Refusal',
  'Withdrawal',
  'SessionChallenge',
  'ResumeStatement',
  'SessionOpen',
  'EvidenceRequest',
  'EvidenceOffer',
  'RoundOrder',
  'Contribution',
  'ContributionRefusal',
  'RoundReceipt',
  'Cosignature',
  'SealedModel',
  'RoundResult',
  'SiteStatus',
  'StudyStop',
  'ReleaseConsent',
  'ModelRelease',
]);

export interface Outlet {
  /** @throws WardroundError `publish-kind`, and what the coordinator answers */
  publish(record: Outgoing): Promise<void>;
  /** Uploads the stream's chunks; the document that names them is signed only after the coordinator has them all. */
  upload(sealed: SealedUpdate | SealedRelease): Promise<BlobRef>;
}

/** What comes in: records and chunks, none of them believed. */
export interface Inlet {
  follow(topic: Topic, options: { readonly after: number; readonly signal: AbortSignal }): AsyncIterable<BoardRecord>;
  /** @throws WardroundError `chunk-missing`, `chunk-digest` */
  chunk(digest: string): Promise<Uint8Array>;
}

/** Splits the relay in two: only the outlet can put anything, and it puts only what is signed or sealed. */
export function openDoors(relay: Relay): { outlet: Outlet; inlet: Inlet } {
  return {
    outlet: {
      publish: async ({ topic, jws }) => {
        const { kind } = UNVERIFIED_kindOf(jws);
        if (!publishable.has(kind)) throw refused('publish-kind', 'a vault does not publish this kind', { got: kind });
        await relay.board.publish(topic, jws);
      },
      upload: async (sealed) => await upload(relay, sealed),
    },
    inlet: {
      follow: (topic, options) => relay.board.follow(topic, options),
      chunk: async (digest) => await relay.chunks.get(digest),
    },
  };
}

async function upload({ chunks }: Relay, sealed: SealedUpdate | SealedRelease): Promise<BlobRef> {
  if (!(sealed instanceof SealedUpdate || sealed instanceof SealedRelease)) {
    throw refused('update-not-sealed', 'only sealed streams leave');
  }
  const manifest = new ManifestBuilder(sealedChunkSize);
  for await (const chunk of sealed.chunks) await chunks.put(manifest.add(chunk), copyBytes(chunk));
  const { bytes, ref } = manifest.finish();
  await chunks.put(chunkDigest(bytes), bytes);
  return ref;
}
