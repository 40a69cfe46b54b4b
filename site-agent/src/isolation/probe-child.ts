// Runs where the vault would run, and tries what the vault must not be able to do. Says what worked; it should be nothing.
import { createSocket } from 'node:dgram';
import { connect, type NetConnectOpts } from 'node:net';

const [tcpPort = '0', udpPort = '0'] = process.argv.slice(2);

async function reaches(options: NetConnectOpts): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(options);
    const end = (reached: boolean) => (): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.setTimeout(2000, end(false));
    socket.once('connect', end(true)).once('error', end(false));
  });
}

async function sends(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (sent: boolean): void => {
      socket.close();
      resolve(sent);
    };
    socket.once('error', () => end(false));
    socket.send('probe', port, '127.0.0.1', (error) => end(error === null));
  });
}

const report = {
  tcp: await reaches({ host: '127.0.0.1', port: Number(tcpPort) }),
  udp: await sends(Number(udpPort)),
};
process.stdout.write(JSON.stringify(report));
