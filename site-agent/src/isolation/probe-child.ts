// Runs where the vault would run, and tries to reach its parent over the network. It should not be able to.
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

/** Whether it arrives, the listener knows. */
async function send(port: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = createSocket('udp4');
    const end = (): void => {
      socket.close();
      resolve();
    };
    socket.once('error', end);
    socket.send('probe', port, '127.0.0.1', end);
  });
}

await send(Number(udpPort));
const report = { tcp: await reaches({ host: '127.0.0.1', port: Number(tcpPort) }) };
process.stdout.write(JSON.stringify(report));
