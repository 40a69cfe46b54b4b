// One verification for every door: what is fetched, what comes on a stick, and what is used.
import type { ItemKey } from './item-key.ts';
import { verifyAmdCertChain, verifyAmdCrl, verifyAmdVcek } from './amd.ts';
import { WardroundError } from '@wardround/protocol/errors';
import type { CollateralRoots, ItemFiles, VerifiedItem } from './verified-item.ts';

/**
 * Checks that the item's vendor signed it and that it is what `key` says. Its dates are reported, not judged: see `requireCurrent`.
 * @throws WardroundError of the item's own verifier, `collateral-other-item`, `collateral-chain-missing`
 */
export function verifyItem(key: ItemKey, files: ItemFiles, roots: CollateralRoots): VerifiedItem {
  switch (key.kind) {
    case 'amdCertChain':
      return verifyAmdCertChain(key, files, roots);
    case 'amdCrl':
      return verifyAmdCrl(key, files, roots);
    case 'amdVcek':
      return verifyAmdVcek(key, files, roots);
    default:
      throw new WardroundError('collateral-unsupported', 'this version cannot verify that kind of item', {
        got: key.kind,
      });
  }
}
