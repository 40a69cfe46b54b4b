// The hospitals of the demo: the four of the UCI heart-disease data, real or invented, and more invented ones where more are asked for.
import { hospitals as names, type Hospital } from '@wardround/datasets/heart-disease/hospitals';
import { WardroundError } from '@wardround/protocol/errors';

export interface DemoHospital {
  /** Short name in the federation. */
  readonly name: string;
  readonly displayName: string;
  /** As `wardround site init --source` takes it. */
  readonly source: string;
}

const displayNames: Readonly<Record<Hospital, string>> = {
  cleveland: 'Cleveland Clinic',
  hungary: 'Hungarian Institute of Cardiology',
  switzerland: 'University Hospitals Zurich and Basel',
  va: 'VA Medical Center Long Beach',
};

const most = 12;

/** @param data folder with the real files, or null for invented patients @throws WardroundError `demo-sites` */
export function demoHospitals({
  count,
  data,
  seed,
}: {
  count: number;
  data: string | null;
  seed: number;
}): readonly DemoHospital[] {
  const limit = data === null ? most : names.length;
  if (!Number.isInteger(count) || count < 2 || count > limit) {
    throw new WardroundError('demo-sites', 'not a number of hospitals that the demo can have', {
      where: '--sites',
      expected: data === null ? `2 to ${limit}` : `2 to ${limit} with real data`,
      got: String(count),
    });
  }
  return Array.from({ length: count }, (_, index) => {
    const hospital = names[index % names.length] ?? 'cleveland';
    const turn = Math.floor(index / names.length);
    const suffix = turn === 0 ? '' : `-${turn + 1}`;
    return {
      name: `${hospital}${suffix}`,
      displayName: `${displayNames[hospital]}${suffix}`,
      source: data === null ? `synthetic:${hospital}:${seed + turn}` : `uci:${hospital}:${data}`,
    };
  });
}

/** f: with 3f + 1 sites or more the federation can go on while f are away. */
export function colludingFor(count: number): number {
  return count >= 4 ? 1 : 0;
}
