// Which founding sites signed a genesis, to tell people whom they wait for.
import type { Genesis } from '@wardround/protocol/documents/federation';
import { verify } from '@wardround/protocol/documents/signed';

/** Names of the founding sites whose approval key signed this very genesis in one of the records. */
export async function signersOfGenesis(
  genesis: Genesis,
  digest: string,
  records: readonly string[],
): Promise<readonly string[]> {
  const signers: string[] = [];
  for (const site of genesis.sites) {
    const verified = await Promise.all(
      records.map(async (jws) => await verify('Genesis', jws, [site.keys.approval]).catch(() => null)),
    );
    if (verified.some((document) => document?.digest === digest)) signers.push(site.name);
  }
  return signers;
}
