// One verification for every door: what is fetched, what comes on a stick, and what is used.
import type { ItemKey } from './item-key.ts';
import { verifyAmdCertChain, verifyAmdCrl, verifyAmdVcek } from './amd.ts';
import { verifyIntelPckCrl, verifyIntelQeIdentity, verifyIntelRootCrl, verifyIntelTcbInfo } from './intel.ts';
import { verifyNrasKeys } from './nras-keys.ts';
import { verifyNvidiaOcsp, verifyNvidiaRim } from './nvidia.ts';
import type { CollateralRoots, ItemFiles, VerifiedItem } from './verified-item.ts';

/**
 * Checks that the item's vendor signed it (of `nvidiaNrasKeys`, which nobody signs, only its form) and that it is what `key` says. Its dates are reported, not judged: see `requireCurrent`.
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
    case 'intelTcbInfo':
      return verifyIntelTcbInfo(key, files, roots);
    case 'intelQeIdentity':
      return verifyIntelQeIdentity(key, files, roots);
    case 'intelPckCrl':
      return verifyIntelPckCrl(key, files, roots);
    case 'intelRootCrl':
      return verifyIntelRootCrl(key, files, roots);
    case 'nvidiaRim':
      return verifyNvidiaRim(key, files, roots);
    case 'nvidiaOcsp':
      return verifyNvidiaOcsp(key, files, roots);
    case 'nvidiaNrasKeys':
      return verifyNrasKeys(key, files);
  }
}
