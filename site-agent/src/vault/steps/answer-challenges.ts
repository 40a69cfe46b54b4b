// A session's challenge is answered with where this site stands and a fresh nonce. It says nothing of data, and gives nothing but that.
import { toHex } from '@wardround/protocol/bytes';
import type { ResumeStatement } from '@wardround/protocol/documents/session';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { newestRound } from '../../gate/chain.ts';
import type { Study } from '../study.ts';

/** Anybody with a connection may challenge; only the newest few are answered, so that a flood gets a trickle. */
const answeredChallenges = 4;
/** An answer is signed and durable, and lets a session that nobody verified take a place. An honest enclave asks when it starts. */
const mostAnswers = 120;
const answersPeriodMs = 60 * 60 * 1000;

export async function answerChallenges(study: Study): Promise<void> {
  const { records, site, ports } = study;
  const own = records.of('ResumeStatement').filter(({ value }) => value.site === site);
  const answered = new Set(own.map(({ value }) => value.challenge));
  const since = ports.now().getTime() - answersPeriodMs;
  let left = mostAnswers - own.filter(({ value }) => Date.parse(value.statedAt) > since).length;
  for (const challenge of records.of('SessionChallenge').slice(-answeredChallenges)) {
    if (answered.has(challenge.digest)) continue;
    if (left <= 0) {
      study.failed(challengeFlood, { subject: 'challenges', event: 'challenges-unanswered' });
      return;
    }
    await answer(study, challenge);
    left -= 1;
  }
}

const challengeFlood = new WardroundError('challenge-flood', 'more challenges than an honest enclave has', {
  expected: `at most ${mostAnswers} an hour`,
  got: 'more',
  action: 'retry',
});

async function answer(study: Study, challenge: Verified<'SessionChallenge'>): Promise<void> {
  const { ports, digest, records, site } = study;
  const now = ports.now().toISOString();
  const nonce = toHex(ports.random(32));
  // Durable before it leaves, and for this challenge only: evidence for it can open no other session.
  ports.state.keepNonce({ nonce, study: digest, purpose: challenge.digest, issuedAt: now });
  const statement: ResumeStatement = {
    kind: 'ResumeStatement',
    version: 1,
    federation: records.federation.federation,
    study: digest,
    site,
    challenge: challenge.digest,
    nonce,
    newestReceipt: newestReceipt(study),
    lastSealed: lastSealed(study),
    held: study
      .held()
      .filter(({ round }) => round > 0)
      .slice(-2)
      .map(({ round, checkpoint }) => ({ round, checkpoint })),
    instance: Number(ports.state.meta('instance') ?? '0'),
    statedAt: now,
  };
  await study.state(await sign('ResumeStatement', statement, ports.keys.agent));
  ports.log({ level: 'info', event: 'challenge-answered', study: digest });
}

/** The newest round that this site cosigned or knows to be closed by a quorum, which is as true and cannot be invented. */
function newestReceipt(study: Study): ResumeStatement['newestReceipt'] {
  const newest = newestRound(study.chain());
  const [receipt] = newest?.receipts ?? [];
  if (newest === undefined || receipt === undefined) return null;
  return { receipt: receipt.digest, round: newest.round, checkpoint: newest.checkpoint };
}

function lastSealed({ ports, digest }: Study): ResumeStatement['lastSealed'] {
  const last = ports.state.sealings(digest).at(-1);
  return last === undefined ? null : { round: last.round, attempt: last.attempt };
}
