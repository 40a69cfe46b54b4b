// Is every closed round what the plan and each contributor agreed to, and does each go on from the one before?
import { parseDecimal } from '@wardround/protocol/decimal';
import type { RoundReceipt, TensorHeader } from '@wardround/protocol/documents/round';
import type { Verified } from '@wardround/protocol/documents/signed';
import { initialCheckpoint } from '@wardround/learning/rounds/initial-checkpoint';
import { roundTask } from '@wardround/learning/rounds/round-task';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { lastRound, releasesResult, stageOf } from '@wardround/protocol/schedule';
import { cosignatureQuorum, cosigners, type RoundState } from '../study/rounds.ts';
import type { AuditContext } from './context.ts';
import { wrong } from './steps.ts';

type Receipt = Verified<'RoundReceipt'>;

/** Every closed round with the receipt that its plan's next one builds on. */
function closedReceipts({ rounds }: AuditContext): readonly Receipt[] {
  return rounds.flatMap(({ closed }) => (closed === null ? [] : [closed]));
}

/** Receipts chain from the plan's own initial checkpoint, one round after the other. @throws WardroundError `audit-chain-*` */
export function checkChain(context: AuditContext): string {
  const { records, rounds } = context;
  const receipts = closedReceipts(context);
  let { checkpoint: base, model } = initialCheckpoint(records.plan.value);
  let attempt = 0;
  receipts.forEach(({ value }, index) => {
    const where = `round ${value.round}`;
    if (value.round !== index + 1)
      throw wrong('chain-gap', 'a round before this one is not closed', { where, expected: `round ${index + 1}` });
    requireEqual({
      code: 'chain-base',
      message: 'the round did not start from the checkpoint before it',
      where,
      expected: base,
      got: value.base,
    });
    requirePrevious(rounds[index - 1], value, where);
    requireStage(records.plan.value, value, { model, where });
    if (value.attempt <= attempt)
      throw wrong('chain-attempt', 'an attempt number was used again', {
        where,
        expected: `above ${attempt}`,
        got: `${value.attempt}`,
      });
    attempt = value.attempt;
    base = value.checkpoint ?? '';
    model = value.model ?? '';
  });
  return `${receipts.length} receipts, from the initial checkpoint that the plan defines`;
}

function requirePrevious(before: RoundState | undefined, { previous }: RoundReceipt, where: string): void {
  const accepted = before === undefined ? [null] : before.receipts.map(({ digest }) => digest);
  if (accepted.some((digest) => digest === previous)) return;
  throw wrong('chain-previous', 'the receipt does not name the one before it', { where, got: previous ?? 'none' });
}

/** The round was what the plan has it for, and left behind what such a round does. @param model the one before it */
function requireStage(
  plan: StudyPlan,
  receipt: RoundReceipt,
  { model, where }: { model: string; where: string },
): void {
  if (receipt.round > lastRound(plan)) throw wrong('chain-task', 'the plan has no such round', { where });
  const { task } = stageOf(plan, receipt.round);
  const message = 'the round was not what the plan has it for';
  requireEqual({ code: 'chain-task', message, where, expected: task, got: receipt.task });
  const changed = receipt.model !== model;
  if (releasesResult(task) ? receipt.result === null || changed : receipt.result !== null) {
    throw wrong('chain-result', 'statistics and evaluations release a result and change no model; nothing else does', {
      where,
      got: task,
    });
  }
}

/** @throws WardroundError `audit-order`, `audit-contribution`, `audit-minimum`, `audit-share`, `audit-condition`, `audit-weight` */
export function checkContributions(context: AuditContext): string {
  const receipts = closedReceipts(context);
  for (const receipt of receipts) {
    checkOrder(context, receipt);
    for (const contributor of receipt.value.contributors) checkContributor(context, receipt.value, contributor);
    checkConditions(context, receipt.value);
  }
  const count = receipts.reduce((sum, { value }) => sum + value.contributors.length, 0);
  return `${count} contributions; at least ${context.records.plan.value.sites.minimum} sites in each round, none above its share`;
}

function checkOrder({ records }: AuditContext, { value }: Receipt): void {
  const where = `round ${value.round}`;
  const order = records.byDigest('RoundOrder', value.order)?.value;
  const open = records.byDigest('SessionOpen', value.session)?.value;
  if (order === undefined || open === undefined)
    throw wrong('order', 'the order of this round is not among the records', { where });
  const fits =
    order.session === value.session &&
    order.round === value.round &&
    order.attempt === value.attempt &&
    order.task === value.task &&
    order.base.checkpoint === value.base &&
    order.rollsForward === value.rollsForward &&
    order.attempt >= open.attemptFloor;
  if (!fits) throw wrong('order', 'the receipt does not fit the order that it names', { where });
  for (const { name, weight } of order.roster) {
    const listed = open.approvals.find(({ site }) => site === name);
    const approval = listed === undefined ? undefined : records.byDigest('Approval', listed.approval);
    if (approval === undefined)
      throw wrong('order', 'the order lists a site whose approval the session does not', { where, got: name });
    if (approval.value.weight !== weight) {
      throw wrong('weight', 'a site was given another weight than it approved', {
        where,
        expected: `${approval.value.weight}`,
        got: `${weight}`,
      });
    }
  }
}

type Contributor = RoundReceipt['contributors'][number];

function checkContributor({ records }: AuditContext, receipt: RoundReceipt, contributor: Contributor): void {
  const where = `round ${receipt.round}, ${contributor.site}`;
  const contribution = records.byDigest('Contribution', contributor.contribution)?.value;
  const order = records.byDigest('RoundOrder', receipt.order)?.value;
  const listed = order?.roster.find(({ name }) => name === contributor.site);
  if (contribution === undefined || listed === undefined) {
    throw wrong('contribution', 'the site did not contribute this, or was not asked to', { where });
  }
  const fits =
    contribution.site === contributor.site &&
    contribution.order === receipt.order &&
    contribution.session === receipt.session &&
    contribution.round === receipt.round &&
    contribution.attempt === receipt.attempt &&
    contribution.payload === contributor.payload &&
    contribution.approval === contributor.approval &&
    contribution.weight === contributor.weight &&
    listed.weight === contributor.weight;
  if (!fits) throw wrong('contribution', 'the receipt does not count what the site contributed', { where });
  requireTensors(records.plan.value, { round: receipt.round, tensors: contribution.tensors }, where);
}

function requireTensors(
  plan: StudyPlan,
  { round, tensors }: { round: number; tensors: readonly TensorHeader[] },
  where: string,
): void {
  const spell = (list: readonly TensorHeader[]): string =>
    list
      .map((tensor) => {
        const { name, shape, ring, stepLog2, weighting } = tensor;
        return `${name} [${shape.join(', ')}] ${ring} ${stepLog2} ${weighting}`;
      })
      .join('; ');
  requireEqual({
    code: 'contribution',
    message: 'not the tensors that the plan has for this round',
    where,
    expected: spell(roundTask(plan, round).tensors),
    got: spell(tensors),
  });
}

function checkConditions({ records }: AuditContext, receipt: RoundReceipt): void {
  const where = `round ${receipt.round}`;
  const { minimum, maxShare, roster } = records.plan.value.sites;
  const { contributors, totalWeight } = receipt;
  if (contributors.length < minimum) {
    throw wrong('minimum', 'fewer sites contributed than the plan asks for', {
      where,
      expected: `${minimum}`,
      got: `${contributors.length}`,
    });
  }
  const total = contributors.reduce((sum, { weight }) => sum + weight, 0);
  requireEqual({
    code: 'weight',
    message: 'the total weight is not the sum of the weights',
    where,
    expected: `${total}`,
    got: `${totalWeight}`,
  });
  const agents = new Map(roster.map(({ name, agent }) => [name, agent]));
  for (const { site, approval: digest } of contributors) {
    const approval = records.byDigest('Approval', digest)?.value;
    if (approval === undefined || approval.site !== site)
      throw wrong('condition', 'a contributor had not approved', { where, got: site });
    const counted = contributors.filter(
      (other) => other.site === site || approval.peers.includes(agents.get(other.site) ?? ''),
    ).length;
    if (counted < Math.max(minimum, approval.minimumContributors)) {
      throw wrong('condition', "a contributor's own condition on its peers did not hold", {
        where: `${where}, ${site}`,
      });
    }
    const shares = [maxShare, approval.maxShare];
    const tooLarge = contributors.find(({ weight }) => shares.some((share) => exceeds(weight, total, share)));
    if (tooLarge !== undefined) {
      throw wrong('share', 'a contributor had a larger share than was agreed', {
        where: `${where}, as ${site} agreed`,
        got: tooLarge.site,
      });
    }
  }
}

function exceeds(weight: number, total: number, share: string): boolean {
  const { numerator, denominator } = parseDecimal(share);
  return BigInt(weight) * denominator > numerator * BigInt(total);
}

/** q of the roster cosigned each closed receipt, and nobody two different ones. @throws WardroundError `audit-cosignature-*` */
export function checkCosignatures(context: AuditContext): string {
  const { records, rounds } = context;
  const needed = cosignatureQuorum(records);
  for (const { round, receipts, closed } of rounds) {
    if (closed === null) continue;
    const outcomes = new Set(
      receipts.filter(({ digest }) => cosigners(records, digest).length >= needed).map(outcomeOf),
    );
    if (outcomes.size > 1)
      throw wrong('cosignature-fork', 'two different results of one round were cosigned', { where: `round ${round}` });
    requireOneCosigned(context, round, receipts);
  }
  return `at least ${needed} of ${records.plan.value.sites.roster.length} sites on each receipt, and none on two results of one round`;
}

function requireOneCosigned({ records }: AuditContext, round: number, receipts: readonly Receipt[]): void {
  for (const { name } of records.plan.value.sites.roster) {
    const cosigned = receipts.filter(({ digest }) => cosigners(records, digest).includes(name));
    if (new Set(cosigned.map(outcomeOf)).size > 1) {
      throw wrong('cosignature-twice', 'a site cosigned two different results of one round', {
        where: `round ${round}`,
        got: name,
      });
    }
  }
}

/** What a receipt's round came to: the checkpoint, and the figures that it released. */
function outcomeOf({ value }: Receipt): string {
  return `${value.checkpoint} ${value.result}`;
}

/** @throws WardroundError `audit-sealed-early` */
export function checkSealedModels({ records }: AuditContext): string {
  const needed = cosignatureQuorum(records);
  const models = records.of('SealedModel');
  for (const { value } of models) {
    const receipt = records.byDigest('RoundReceipt', value.receipt);
    const cosigned = cosigners(records, value.receipt).length;
    if (receipt === undefined || receipt.value.checkpoint !== value.checkpoint || cosigned < needed) {
      throw wrong('sealed-early', 'a model was sealed whose receipt no quorum cosigned', {
        where: `round ${value.round}`,
        expected: `${needed}`,
        got: `${cosigned}`,
      });
    }
  }
  return `${models.length} sealed models, each of a cosigned receipt`;
}

function requireEqual({
  code,
  message,
  where,
  expected,
  got,
}: {
  code: string;
  message: string;
  where: string;
  expected: string;
  got: string;
}): void {
  if (expected !== got) throw wrong(code, message, { where, expected, got });
}
