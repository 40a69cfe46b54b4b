// A study that ended in the fake world, and its model put on the board as a site releases it.
import { type Bytes, concatBytes, toBase64Url } from '@wardround/protocol/bytes';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { ManifestBuilder } from '@wardround/protocol/manifest';
import { encodeSafetensors, type Tensor } from '@wardround/protocol/safetensors';
import { releaseInfo } from '@wardround/protocol/seal-context';
import { sealToMany } from '@wardround/protocol/sealed-stream';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { decodeCheckpoint } from '@wardround/learning/checkpoint';
import { readStudy } from '../../cli/src/study/find-study.ts';
import type { World } from '../aggregator-enclave/world.ts';

export async function recordsOf(at: World): Promise<StudyRecords> {
  const jwsList = at.relay.records.filter(({ topic }) => topic === at.plan.digest).map(({ jws }) => jws);
  return (await readStudy({ plan: at.plan, federation: at.federation.view }, jwsList)).records;
}

export function finalModel(at: World): readonly Tensor[] {
  const held = at.sites[0]?.held.find(({ round }) => round === at.plan.value.rounds);
  return decodeCheckpoint(held?.bytes ?? new Uint8Array()).model;
}

/** Seals `tensors` as the final model and publishes a release; `consenting` sites consent first. */
export async function release(
  at: World,
  { tensors, consenting }: { tensors: readonly Tensor[]; consenting: number },
): Promise<void> {
  const final = at.published('RoundReceipt').find(({ value }) => value.round === at.plan.value.rounds);
  const [first] = at.sites;
  if (final === undefined || first === undefined) throw new Error('the study did not end');
  const model = final.value.model ?? '';
  const { signing, receiving } = at.federation.researcher;
  const recipient = signing.thumbprint;
  const consents: string[] = [];
  for (const site of at.sites.slice(0, consenting)) {
    const consent = {
      kind: 'ReleaseConsent',
      version: 1,
      ...site.names,
      receipt: final.digest,
      model,
      recipient,
    } as const;
    const consentedAt = at.clock.now().toISOString();
    consents.push((await site.publish('ReleaseConsent', { ...consent, consentedAt }, site.keys.approval)).digest);
  }
  const info = releaseInfo({ model, recipient, study: at.plan.digest });
  const sealed = await sealToMany({
    source: [encodeSafetensors(tensors, { note: 'x' })],
    recipients: [receiving.publicKey],
    info,
  });
  const builder = new ManifestBuilder(2 * 1024 * 1024);
  const chunks: Bytes[] = [];
  for await (const chunk of sealed.chunks) chunks.push(chunk);
  const ciphertext = concatBytes(...chunks);
  await first.connection.chunks.put(builder.add(ciphertext), ciphertext);
  const { bytes, ref } = builder.finish();
  await first.connection.chunks.put(ref.manifest, bytes);
  const [wrapped] = sealed.wrappedKeys;
  const value: DocumentOf<'ModelRelease'> = {
    kind: 'ModelRelease',
    version: 1,
    ...first.names,
    receipt: final.digest,
    model,
    round: final.value.round,
    recipient,
    consents: consents.length === 0 ? ['0'.repeat(64)] : consents.toSorted(),
    ciphertext: ref,
    encapsulation: toBase64Url(wrapped?.enc ?? new Uint8Array()),
    wrappedKey: toBase64Url(wrapped?.wrappedKey ?? new Uint8Array()),
    releasedAt: at.clock.now().toISOString(),
  };
  await first.publish('ModelRelease', value, first.keys.agent);
}
