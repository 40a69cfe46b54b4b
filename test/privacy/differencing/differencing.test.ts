// Plans too close to an earlier one: at the edges of both minima, and an attack that shows what the refusal is for.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import {
  type DifferencingMinima,
  findDifferencing,
  type KnownCohort,
  markRow,
  requireNoDifferencing,
} from '@wardround/privacy/differencing';

const secret = new Uint8Array(32).fill(7);
const patients = (from: number, to: number): KnownCohort['marks'] => ({
  basis: 'patient',
  marks: new Set(Array.from({ length: to - from }, (_, i) => markRow(secret, `patient ${from + i}`))),
});

const minima: DifferencingMinima = { planMinimumCell: 10, siteMinimumCell: 1, colluding: 0 };

function cohort(study: string, change: Partial<KnownCohort> = {}): KnownCohort {
  return {
    study,
    title: `study ${study}`,
    population: 'site',
    rows: 200,
    snapshot: study,
    marks: null,
    roster: ['a', 'b', 'c', 'd'],
    differentialPrivacy: false,
    ...change,
  };
}

function codes(plan: KnownCohort, earlier: KnownCohort, change: Partial<DifferencingMinima> = {}): string[] {
  return findDifferencing(plan, [earlier], { ...minima, ...change }).map(({ code }) => code);
}

describe('rows', () => {
  it.each([
    [0, []],
    [1, ['differencing-rows']],
    [2, ['differencing-rows']],
    [9, ['differencing-rows']],
    [10, []],
    [11, []],
    [200, []],
  ])('%i patients more or fewer, known by their marks', (more, expected) => {
    const before = cohort('1', { marks: patients(0, 200) });
    const larger = cohort('2', { marks: patients(0, 200 + more), rows: 200 + more });
    expect(codes(larger, before)).toEqual(expected);
    expect(codes({ ...before, study: '3', snapshot: '3' }, larger)).toEqual(expected);
  });

  it('as many rows, of other patients: each that left and each that came counts', () => {
    const before = cohort('1', { marks: patients(0, 200) });
    expect(codes(cohort('2', { marks: patients(1, 201) }), before)).toEqual(['differencing-rows']);
    expect(codes(cohort('2', { marks: patients(4, 204) }), before)).toEqual(['differencing-rows']);
    expect(codes(cohort('2', { marks: patients(5, 205) }), before)).toEqual([]);
  });

  it('are counted where they cannot be told apart; as many of unknown patients are left to a person', () => {
    const before = cohort('1');
    for (const marks of [null, { basis: 'columns', marks: new Set(['x']) }]) {
      const known = { ...before, marks: patients(0, 200) };
      expect(codes(cohort('2', { rows: 201, marks }), known)).toEqual(['differencing-rows']);
      expect(codes(cohort('2', { rows: 191, marks }), known)).toEqual(['differencing-rows']);
      expect(codes(cohort('2', { rows: 210, marks }), known)).toEqual([]);
      expect(codes(cohort('2', { marks }), known)).toEqual(['differencing-unknown']);
      expect(() => requireNoDifferencing(cohort('2', { marks }), [known], minima)).not.toThrow();
    }
  });

  it('of the same snapshot do not differ', () => {
    expect(codes(cohort('2', { snapshot: '1' }), cohort('1'))).toEqual([]);
  });

  it('the larger of the plan’s and the site’s minimum counts', () => {
    const [before, plan] = [cohort('1'), cohort('2', { rows: 215 })];
    expect(codes(plan, before)).toEqual([]);
    expect(codes(plan, before, { siteMinimumCell: 15 })).toEqual([]);
    expect(codes(plan, before, { siteMinimumCell: 16 })).toEqual(['differencing-rows']);
    expect(codes(plan, before, { planMinimumCell: 16, siteMinimumCell: 2 })).toEqual(['differencing-rows']);
  });
});

describe('rosters', () => {
  it.each([
    [0, ['a', 'b', 'c', 'd'], []],
    [0, ['a', 'b', 'c'], ['differencing-roster']],
    [0, ['a', 'b', 'c', 'd', 'e'], ['differencing-roster']],
    [0, ['a', 'b', 'c', 'e'], []],
    [1, ['a', 'b', 'c', 'e'], ['differencing-roster']],
    [1, ['a', 'b'], ['differencing-roster']],
    [1, ['a', 'b', 'e'], []],
    [2, ['a', 'b', 'e'], ['differencing-roster']],
  ])('with %i colluding sites: %j', (colluding, roster, expected) => {
    expect(codes(cohort('2', { roster, snapshot: '1' }), cohort('1'), { colluding })).toEqual(expected);
  });
});

describe('the rule', () => {
  const close = cohort('2', { rows: 201 });

  it('asks only plans without differential privacy, against every earlier one of the same population', () => {
    const noised = { ...close, differentialPrivacy: true };
    expect(codes(noised, cohort('1'))).toEqual([]);
    expect(codes(close, cohort('1', { differentialPrivacy: true }))).toEqual(['differencing-rows']);
    expect(codes(close, cohort('1', { population: 'icu' }))).toEqual([]);
    expect(codes(close, cohort('2'))).toEqual([]);
    const far = cohort('0', { rows: 500 });
    expect(findDifferencing(close, [far, cohort('1'), far], minima)).toHaveLength(1);
  });

  it('says in plain words what would be shown, under the earlier plan’s name', () => {
    const [found] = findDifferencing(close, [cohort('1')], minima);
    expect(found?.words).toContain('one row more or fewer here than “study 1”');
    expect(found?.words).toContain('would show one patient');
    try {
      requireNoDifferencing(close, [cohort('1')], minima);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(WardroundError);
      expect(error).toMatchObject({ code: 'differencing-rows', where: '1', action: 'stop' });
    }
  });

  it.each([
    { planMinimumCell: 0 },
    { planMinimumCell: 1.5 },
    { siteMinimumCell: 0 },
    { siteMinimumCell: Number.NaN },
    { colluding: -1 },
  ])('refuses minima that are none: %j', (change) => {
    expect(() => codes(close, cohort('1'), change)).toThrow(expect.objectContaining({ code: 'differencing-minimum' }));
  });

  it('leaves no pair of accepted plans whose difference has 1 to minimumCell − 1 patients', () => {
    const someone = fc.nat(12);
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(someone), { minLength: 2, maxLength: 6 }),
        fc.integer({ min: 1, max: 8 }),
        (all, cell) => {
          const accepted: { plan: KnownCohort; who: Set<number> }[] = [];
          for (const [i, list] of all.entries()) {
            const marks = { basis: 'patient', marks: new Set(list.map((one) => markRow(secret, String(one)))) };
            const plan = cohort(String(i), { marks, rows: list.length });
            const found = findDifferencing(
              plan,
              accepted.map((one) => one.plan),
              { ...minima, planMinimumCell: cell },
            );
            if (found.length === 0) accepted.push({ plan, who: new Set(list) });
          }
          for (const a of accepted) {
            for (const b of accepted) {
              const differ =
                [...a.who].filter((one) => !b.who.has(one)).length + [...b.who].filter((one) => !a.who.has(one)).length;
              expect(differ === 0 || differ >= cell).toBe(true);
            }
          }
        },
      ),
      { numRuns: 1000, seed: 5 },
    );
  });
});

describe('row marks', () => {
  it('are the same for the same patient under one secret, and others under another', () => {
    expect(markRow(secret, 'patient 1')).toBe(markRow(new Uint8Array(32).fill(7), 'patient 1'));
    expect(markRow(secret, 'patient 1')).not.toBe(markRow(new Uint8Array(32).fill(8), 'patient 1'));
    expect(markRow(secret, 'patient 1')).not.toBe(markRow(secret, 'patient 2'));
    expect(markRow(secret, 'patient 1')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('need a secret of 32 bytes', () => {
    expect(() => markRow(new Uint8Array(31), 'x')).toThrow(expect.objectContaining({ code: 'differencing-secret' }));
  });
});
