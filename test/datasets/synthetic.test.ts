// The invented cohorts: the same everywhere, faithful to each hospital's facts, and worth learning from.
import { beforeAll, describe, expect, it } from 'vitest';
import { checkCohort } from '@wardround/datasets/contract';
import { describeTable } from '@wardround/datasets/describe';
import { encodeCohort } from '@wardround/datasets/encode';
import { hospitalFacts } from '@wardround/datasets/heart-disease/facts';
import { heartDiseaseColumns, hospitals } from '@wardround/datasets/heart-disease/hospitals';
import { syntheticHeartDisease } from '@wardround/datasets/heart-disease/synthetic';
import { readUciHeartDisease } from '@wardround/datasets/heart-disease/uci';
import { encodeSnapshot } from '@wardround/datasets/snapshot';
import { type Table, findColumn } from '@wardround/datasets/table';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { heartCohort } from './cohorts.ts';
import { hasShared, sharedPath } from './shared-data.ts';

const values = (table: Table, name: string): readonly (number | string | null)[] =>
  findColumn(table, name)?.values ?? [];
const count = (table: Table, name: string, wanted: number | null): number =>
  values(table, name).filter((value) => value === wanted).length;

describe.each(hospitals)('%s', (hospital) => {
  const facts = hospitalFacts[hospital];
  const table = syntheticHeartDisease(hospital, 7);

  it('is marked as invented, with the columns and the size of the real file', () => {
    expect(table.provenance).toBe('synthetic');
    expect(table.columns.map(({ name }) => name)).toEqual([...heartDiseaseColumns]);
    expect(table.rows).toBe(facts.rows);
  });

  it('has exactly the prevalence, code frequencies, zeros and missing cells of the facts', () => {
    facts.severity.forEach((rows, severity) => expect(count(table, 'num', severity)).toBe(rows));
    for (const [name, { counts, missing }] of Object.entries(facts.codes)) {
      for (const [code, rows] of counts) expect(count(table, name, code), `${name} ${code}`).toBe(rows);
      expect(count(table, name, null), name).toBe(missing);
    }
    for (const [name, { zeros, missing }] of Object.entries(facts.numbers)) {
      expect(count(table, name, null), name).toBe(missing);
      expect(count(table, name, 0), name).toBe(zeros);
    }
  });

  it('has means and deviations near the facts, over several seeds', () => {
    for (const [name, { mean, deviation, zeros, missing }] of Object.entries(facts.numbers)) {
      if (zeros + missing === facts.rows) continue;
      const drawn = [1, 2, 3, 4, 5].flatMap((seed) =>
        values(syntheticHeartDisease(hospital, seed), name).filter((value) => typeof value === 'number' && value !== 0),
      );
      const average = drawn.reduce<number>((sum, value) => sum + Number(value), 0) / drawn.length;
      const variance = drawn.reduce<number>((sum, value) => sum + (Number(value) - average) ** 2, 0) / drawn.length;
      // A third of a deviation: bounds cut off part of the normal curve, most of all for ST depression.
      expect(Math.abs(average - mean), name).toBeLessThan(deviation / 3);
      expect(Math.sqrt(variance) / deviation, name).toBeGreaterThan(0.6);
      expect(Math.sqrt(variance) / deviation, name).toBeLessThan(1.1);
    }
  });

  it('fulfils the contract of the example plan', () => {
    const { outcome } = checkCohort(table, heartCohort);
    expect(outcome.usedRows).toBeGreaterThanOrEqual(30);
    const { train, test } = encodeCohort(checkCohort(table, heartCohort));
    expect(train.rows + test.rows).toBe(outcome.usedRows);
  });

  it('is the seed’s', () => {
    expect(syntheticHeartDisease(hospital, 7)).toEqual(table);
    expect(syntheticHeartDisease(hospital, 8)).not.toEqual(table);
  });
});

it('has the same bytes on every machine', () => {
  const digests = hospitals.map((hospital) => toHex(sha256(encodeSnapshot(syntheticHeartDisease(hospital, 42)))));
  expect(digests).toMatchInlineSnapshot(`
    [
      "c6637066ca173c0646fbd7727141e4fb38921aa6ba576a990f39f6fd3ae6f27d",
      "b41d66e78315634b6659b91fcce0bf867a4866af964b37eac706bfa2de55548d",
      "276cc75bdc2ddd2de17f1479a2bbde57a24e8226c368695a64d08b27ef33627c",
      "4daa8b3a4e35725adf63dd706f7c2fabc2309ef6b0c5396838aa99fb1a980025",
    ]
  `);
});

it('relates disease to the features: each known risk is higher among the ill', () => {
  const tables = hospitals.map((hospital) => syntheticHeartDisease(hospital, 3));
  const meanOf = (name: string, ill: boolean): number => {
    const chosen = tables.flatMap((table) =>
      values(table, name).filter((value, row) => value !== null && Number(values(table, 'num')[row]) > 0 === ill),
    );
    return chosen.reduce<number>((sum, value) => sum + Number(value), 0) / chosen.length;
  };
  for (const risk of ['age', 'sex', 'oldpeak', 'exang', 'cp'])
    expect(meanOf(risk, true), risk).toBeGreaterThan(meanOf(risk, false));
  expect(meanOf('thalach', true)).toBeLessThan(meanOf('thalach', false));
});

describe.skipIf(!hasShared('uci-heart-disease'))('beside the real files', () => {
  it.each(hospitals)('%s: the facts are those of the file', async (hospital) => {
    const real = await readUciHeartDisease(hospital, sharedPath());
    const facts = hospitalFacts[hospital];
    expect(real.provenance).toBe('real');
    expect(real.rows).toBe(facts.rows);
    facts.severity.forEach((rows, severity) => expect(count(real, 'num', severity)).toBe(rows));
    for (const [name, { counts, missing }] of Object.entries(facts.codes)) {
      for (const [code, rows] of counts) expect(count(real, name, code), `${name} ${code}`).toBe(rows);
      expect(count(real, name, null), name).toBe(missing);
    }
    for (const [name, { mean, missing }] of Object.entries(facts.numbers)) {
      expect(count(real, name, null), name).toBe(missing);
      const present = values(real, name).filter((value) => typeof value === 'number' && value !== 0);
      if (present.length === 0) continue;
      expect(present.reduce<number>((sum, value) => sum + Number(value), 0) / present.length, name).toBeCloseTo(
        mean,
        1,
      );
    }
  });

  let complete: ReadonlyMap<string, number>;
  beforeAll(async () => {
    const outcomes = await Promise.all(
      hospitals.map(
        async (hospital) =>
          [hospital, checkCohort(await readUciHeartDisease(hospital, sharedPath()), heartCohort)] as const,
      ),
    );
    complete = new Map(outcomes.map(([hospital, { outcome }]) => [hospital, outcome.usedRows]));
  });

  it('the real hospitals have 740 complete rows under the example plan', () => {
    expect(Object.fromEntries(complete)).toEqual({ cleveland: 303, hungary: 261, switzerland: 46, va: 130 });
  });

  it.each(hospitals)('%s: about as many complete rows as the real file', (hospital) => {
    const used = checkCohort(syntheticHeartDisease(hospital, 1), heartCohort).outcome.usedRows;
    expect(Math.abs(used - (complete.get(hospital) ?? 0))).toBeLessThanOrEqual(12);
  });

  it('no synthetic row is a real one', async () => {
    for (const hospital of hospitals) {
      const rowsOf = (table: Table): string[] =>
        Array.from({ length: table.rows }, (_, row) => table.columns.map((column) => column.values[row]).join());
      const real = new Set(rowsOf(await readUciHeartDisease(hospital, sharedPath())));
      expect(rowsOf(syntheticHeartDisease(hospital, 42)).filter((row) => real.has(row))).toEqual([]);
    }
  });
});

it('describes itself as synthetic', () => {
  expect(describeTable(syntheticHeartDisease('va', 1)).provenance).toBe('synthetic');
});
