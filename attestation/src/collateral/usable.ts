// Whether an item may be relied on at an instant: as everything else by its dates, or, for reference manifests, as of when it was mirrored.
import type { VerifiedItem } from './verified-item.ts';
import { requireCurrent } from './verified-item.ts';

/**
 * A manifest's signer may run out while the driver that it describes is still in use (NVIDIA's do after one or two years): it may enter, and stay,
 * if it held when it was mirrored. What a policy makes of that is the policy's word.
 * @throws WardroundError `collateral-not-yet-valid`, `collateral-expired`
 */
export function requireUsableAt(
  verified: VerifiedItem,
  { at, mirroredAt }: { readonly at: Date; readonly mirroredAt: Date },
): void {
  requireCurrent(
    verified,
    verified.key.kind === 'nvidiaRim' ? new Date(Math.min(at.getTime(), mirroredAt.getTime())) : at,
  );
}
