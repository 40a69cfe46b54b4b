// The statistics round on the enclave's side: sums of all sites become what every site may see, small cells left out.
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import type { ClosedContributions, RoundTask } from '../rounds/round-task.ts';
import { withSection } from '../rounds/state-sections.ts';
import { powerOfTwo } from '../strategies/server-strategy.ts';
import { elementsOf } from '../tensor-view.ts';
import { classWeightsOf } from './class-weights.ts';
import { type StatisticsLayout, type StatisticsTensorName, integersOf, shownBins, statisticsLayout } from './layout.ts';
import { type JointSums, codedGroups, hasSmallJointCell } from './joint-cells.ts';
import { type ColumnSums, correlationOf, deviationOf, meanOf } from './moments.ts';
import { binnedQuantile, coarser, quantilePercents } from './quantiles.ts';
import { noCorrelation, type StatisticsStateName, statisticsShapes } from './state.ts';
import { hiddenCells, suppressed, withoutSmallCells, withoutSmallCount } from './suppression.ts';
import { type StatisticsPlan, codedFeatures } from './variables.ts';

/** @throws WardroundError in `next`: `statistics-too-few-rows`, `class-weights-too-few`, `sums-mismatch` */
export function statisticsTask(plan: StudyPlan): RoundTask {
  const layout = statisticsLayout(plan);
  return {
    tensors: layout.tensors,
    limits: layout.limits,
    reads: 'sums',
    next: ({ base, ...closed }) => {
      const values = new Pooled(plan, { layout, closed }).values();
      const tensors = statisticsShapes(plan).map(({ name, shape }) => {
        const data = Float64Array.from(values[asStateName(name, values)]());
        if (data.length !== elementsOf(shape)) throw mismatch(name);
        return { name, shape, dtype: 'F64' as const, data };
      });
      return { model: base.model, state: withSection(base.state, 'statistics', tensors) };
    },
  };
}

type Values = Readonly<Record<StatisticsStateName, () => Iterable<number>>>;

function asStateName(name: string, values: Values): StatisticsStateName {
  if (isStateName(name, values)) return name;
  throw mismatch(name);
}

function isStateName(name: string, values: Values): name is StatisticsStateName {
  return Object.hasOwn(values, name);
}

interface PooledParts {
  readonly layout: StatisticsLayout;
  readonly closed: Omit<ClosedContributions, 'base'>;
}

/** The sums of one round, read by name. */
class Pooled {
  readonly #plan: StatisticsPlan;
  readonly #layout: StatisticsLayout;
  readonly #closed: Omit<ClosedContributions, 'base'>;
  readonly #minimum: number;
  readonly #rows: number;

  constructor(plan: StatisticsPlan, { layout, closed }: PooledParts) {
    this.#plan = plan;
    this.#layout = layout;
    this.#closed = closed;
    this.#minimum = plan.evaluation.minimumCell;
    this.#rows = this.#counts('counts.rows')[0] ?? 0;
    if (this.#rows < Math.max(1, this.#minimum)) {
      throw new WardroundError('statistics-too-few-rows', 'fewer training rows than a cell may have', {
        expected: `at least ${this.#minimum}`,
        action: 'stop',
      });
    }
  }

  values(): Values {
    return {
      rows: () => [this.#rows, withoutSmallCount(this.#counts('counts.rows')[1] ?? 0, this.#minimum)],
      events: () => this.#events(),
      codes: () => this.#codeGroups().flatMap((counts) => withoutSmallCells(counts, this.#minimum)),
      missing: () => this.#missing(),
      droppedRows: () => [this.#droppedRows()],
      mean: () => this.#eachShown((sums, position) => meanOf(sums, this.#variable(position))),
      deviation: () =>
        this.#eachShown((sums, position) => deviationOf(sums, this.#variable(position), this.#closed.contributors)),
      momentsShown: () => this.#momentsShown().map(Number),
      correlations: () => this.#correlations(),
      quantiles: () => this.#quantiles().map((value) => value ?? 0),
      quantilesShown: () => this.#quantiles().map((value) => (value === null ? 0 : 1)),
      histograms: () =>
        this.#histograms().flatMap((counts) => withoutSmallCells(coarser(counts, shownBins), this.#minimum)),
      classWeights: () => this.#classWeights(),
    };
  }

  #sums(name: StatisticsTensorName): BigInt64Array {
    return integersOf(this.#layout, this.#closed.sums, name);
  }

  #counts(name: StatisticsTensorName): readonly number[] {
    return Array.from(this.#sums(name), Number);
  }

  #variable(position: number): StatisticsLayout['variables'][number] {
    const variable = this.#layout.variables[position];
    if (variable === undefined) throw mismatch('moments');
    return variable;
  }

  /** With an event and without it are the two cells of a group, for training and for test rows. */
  #events(): readonly number[] {
    const rows = this.#counts('counts.rows');
    return this.#counts('counts.events').map((events, half) => {
      const all = rows[half] ?? 0;
      if (all > 0 && all < this.#minimum) return suppressed;
      return withoutSmallCells([events, all - events], this.#minimum)[0] ?? suppressed;
    });
  }

  #classWeights(): readonly number[] {
    if (!this.#layout.needs.classWeights) return [0, 0];
    const positives = this.#counts('counts.events')[0] ?? 0;
    return classWeightsOf({ rows: this.#rows, positives, minimum: this.#minimum });
  }

  #codeGroups(): readonly (readonly number[])[] {
    const counts = this.#counts('counts.codes');
    let at = 0;
    return codedFeatures(this.#plan).map(({ codes }) => {
      at += codes.length;
      return counts.slice(at - codes.length, at);
    });
  }

  #missing(): readonly number[] {
    return this.#counts('missing.cells').map((count) => withoutSmallCount(count, this.#minimum));
  }

  /** Dropped rows lie between the largest and the sum of the columns' missing cells: not shown beside a hidden one. */
  #droppedRows(): number {
    if (this.#missing().includes(suppressed)) return suppressed;
    return withoutSmallCount(this.#counts('missing.droppedRows')[0] ?? 0, this.#minimum);
  }

  #columnSums(): readonly ColumnSums[] {
    const squares = this.#sums('moments.squares');
    return Array.from(this.#sums('moments.sums'), (sum, i) => {
      return { rows: this.#rows, sum, squares: squares[i] ?? 0n };
    });
  }

  /** The mean of a column of two values tells how many rows have which: such columns follow the rule of cells. */
  #momentsShown(): readonly boolean[] {
    const hiddenColumns = new Set<number>();
    const groups = this.#codeGroups();
    codedFeatures(this.#plan).forEach(({ columns }, feature) => {
      const hidden = hiddenCells(groups[feature] ?? [], this.#minimum);
      columns.forEach((column, code) => {
        if (column !== null && hidden[code] === true) hiddenColumns.add(column);
      });
    });
    return this.#columnSums().map((sums, position) => !hiddenColumns.has(position) && !this.#hasSmallEnd(sums));
  }

  /** All values are at the two ends of the range: Σu² = n. */
  #isTwoValued({ rows, squares }: ColumnSums): boolean {
    return Number(squares) === rows * this.#unit;
  }

  /** Where they are, Σu counts them. */
  #hasSmallEnd(sums: ColumnSums): boolean {
    const { rows, sum } = sums;
    if (!this.#isTwoValued(sums)) return false;
    const high = Math.round((rows + Number(sum) / this.#unit) / 2);
    return hiddenCells([high, rows - high], this.#minimum).includes(true);
  }

  get #unit(): number {
    return 1 / powerOfTwo(stepOf(this.#layout));
  }

  #eachShown(value: (sums: ColumnSums, position: number) => number): readonly number[] {
    const shown = this.#momentsShown();
    return this.#columnSums().map((sums, position) => (shown[position] === true ? value(sums, position) : 0));
  }

  #correlations(): readonly number[] {
    const shown = this.#momentsShown();
    const columns = this.#columnSums();
    const products = this.#sums('moments.products');
    const { contributors } = this.#closed;
    const isHidden = this.#smallTogether({ columns, products, unit: this.#unit });
    let at = 0;
    return columns.flatMap((first, a) =>
      columns.slice(a + 1).map((second, offset) => {
        const pair = { products: products[at] ?? 0n, contributors };
        at += 1;
        if (shown[a] !== true || shown[a + 1 + offset] !== true) return noCorrelation;
        if (isHidden(a, a + 1 + offset)) return noCorrelation;
        return correlationOf(first, second, pair) ?? noCorrelation;
      }),
    );
  }

  /** Whether two columns of codes count, together, rows that are too few: asked once for each two features. */
  #smallTogether(sums: JointSums): (a: number, b: number) => boolean {
    const isTwoValued = sums.columns.map((column) => this.#isTwoValued(column));
    const groups = codedGroups(this.#plan, this.#layout, (position) => isTwoValued[position] === true);
    const known = new Map<string, boolean>();
    return (a, b) => {
      const [first, second] = [groups.get(a), groups.get(b)];
      if (first === undefined || second === undefined || first === second) return false;
      const name = `${first[0] ?? ''} ${second[0] ?? ''}`;
      const isSmall = known.get(name) ?? hasSmallJointCell(sums, [first, second], this.#minimum);
      known.set(name, isSmall);
      return isSmall;
    };
  }

  #histograms(): readonly (readonly number[])[] {
    const counts = this.#counts('histogram.counts');
    const { bins, measured } = this.#layout;
    return measured.map((_, i) => counts.slice(i * bins, (i + 1) * bins));
  }

  #quantiles(): readonly (number | null)[] {
    return this.#histograms().flatMap((counts, i) => {
      const { centre, half } = this.#variable(this.#layout.measured[i] ?? 0);
      const binned = { counts, min: centre - half, max: centre + half };
      return quantilePercents.map((percent) => binnedQuantile(binned, percent, this.#minimum));
    });
  }
}

function stepOf({ tensors }: StatisticsLayout): number {
  return tensors.find(({ name }) => name === 'moments.sums')?.stepLog2 ?? 0;
}

function mismatch(where: string): WardroundError {
  return new WardroundError('sums-mismatch', 'the sums do not fit the statistics', { where, action: 'stop' });
}
