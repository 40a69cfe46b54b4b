// TLS to the coordinator: one wrong thing in the certificate each, and the error that a person can act on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateRefusal } from '@wardround/relay/certificate';
import { connectRelay, type RelayConnection } from '@wardround/relay/connect';
import { proveWith } from '@wardround/relay/prove';
import { makeFounded, siteOf } from '../fakes/board.ts';
import { CertificateAuthority, type ServerIdentity } from '../fakes/certificate-authority.ts';
import { startTlsFront, type TlsFront } from '../fakes/opening-proxy.ts';
import { type LocalCoordinator, startLocal } from '../fakes/raw-party.ts';

const day = 86_400_000;
const [ours, theirs] = [await CertificateAuthority.make('Ours'), await CertificateAuthority.make('Theirs')];
const founded = await makeFounded();
const site = siteOf(founded);
const fronts: TlsFront[] = [];
const coordinators: LocalCoordinator[] = [];
afterAll(async () => {
  for (const front of fronts) front.close();
  for (const coordinator of coordinators) await coordinator.dispose();
});

async function connectTo(identity: ServerIdentity, ca?: string): Promise<RelayConnection> {
  const front = await startTlsFront(identity);
  const coordinator = await startLocal({}, front.origin);
  front.forwardTo(coordinator.listening);
  fronts.push(front);
  coordinators.push(coordinator);
  return await connectRelay({
    url: front.origin,
    proxyUrl: null,
    ca,
    prove: proveWith({ role: 'site', name: site.name, key: site.agent, token: coordinator.secrets.invitation }),
  });
}

describe('a coordinator behind TLS', () => {
  let right: ServerIdentity;
  beforeAll(async () => (right = await ours.identityFor('localhost')));

  it('is reached where its authority is known', async () => {
    const connection = await connectTo(right, ours.pem);
    for (const jws of founded.federation.records) await connection.board.publish('federation', jws);
    expect(await connection.chunks.missing(['a'.repeat(64)])).toEqual(['a'.repeat(64)]);
    await connection.close();
  });

  const [past, future] = [new Date(Date.now() - day), new Date(Date.now() + day)];
  it.each<[string, () => Promise<ServerIdentity>, string]>([
    ['of another authority', async () => await theirs.identityFor('localhost'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['for another name', async () => await ours.identityFor('other.example'), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['that expired', async () => await ours.identityFor('localhost', { notAfter: past }), 'CERT_HAS_EXPIRED'],
    ['of tomorrow', async () => await ours.identityFor('localhost', { notBefore: future }), 'CERT_NOT_YET_VALID'],
  ])('with a certificate %s is refused at once', async (_what, identity, got) => {
    await expect(connectTo(await identity(), ours.pem)).rejects.toMatchObject({ code: 'relay-certificate', got });
  });

  it('is refused where nobody told of its authority', async () => {
    await expect(connectTo(right)).rejects.toMatchObject({ code: 'relay-certificate' });
  });
});

describe('any other failure', () => {
  it.each([
    [new Error('websocket error')],
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
    [{ description: { error: { code: 'ECONNRESET' } } }],
    [{ context: { statusText: 'Bad Gateway' } }],
    [null],
    ['CERT_HAS_EXPIRED'],
  ])('is no refusal of a certificate: %j', (failure) => {
    expect(certificateRefusal(failure)).toBeNull();
  });
});
