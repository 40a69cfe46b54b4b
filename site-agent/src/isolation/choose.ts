// `auto`: the first way of isolating that holds on this machine. None: a person must say that the vault is not isolated.
import { WardroundError } from '@wardround/protocol/errors';
import type { VaultIsolation } from '../config/site-config.ts';
import { confiningModes } from './confinement.ts';
import { probeIsolation, type ProbeResult, requireIsolation } from './probe.ts';

/**
 * @param wanted a way, which must work, or `auto`
 * @param tell hears of each attempt
 * @throws WardroundError `isolation-unavailable`
 */
export async function chooseIsolation(
  wanted: VaultIsolation | 'auto',
  tell: (line: string) => void,
  probe: (isolation: VaultIsolation) => Promise<ProbeResult> = probeIsolation,
): Promise<VaultIsolation> {
  if (wanted !== 'auto') {
    await requireIsolation(wanted);
    return wanted;
  }
  const failed: ProbeResult[] = [];
  for (const isolation of confiningModes) {
    const result = await probe(isolation);
    tell(`vault isolation by ${isolation}: ${result.works ? 'works here' : result.reason}`);
    if (result.works) return isolation;
    failed.push(result);
  }
  throw new WardroundError('isolation-unavailable', 'this machine offers no way to keep the vault off the network', {
    expected:
      'user namespaces (unshare), bubblewrap, or systemd; or --vault-isolation vaultNotIsolated, a weakness that you then accept by name',
    got: failed.map(({ isolation, reason }) => `${isolation}: ${reason}`).join('; '),
  });
}
