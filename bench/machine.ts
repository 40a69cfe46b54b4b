// The machine of a measurement in words: enough to judge a number by, nothing that names whose machine it is.
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** `2 cores, AMD EPYC, 8 GiB, linux x64, Node 24.21.0`. */
export function machineInWords(): string {
  const model = cpus()[0]?.model.replaceAll(/\s+/g, ' ').trim();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return [
    `${availableParallelism()} cores`,
    model === undefined || model === '' ? 'unnamed processor' : model,
    memory,
    `${process.platform} ${process.arch}`,
    `Node ${process.versions.node}`,
  ].join(', ');
}

/** How busy it is with this and everything else: `load 12.1 on 2 cores, over the last 15 minutes`. */
export function loadInWords(): string {
  const [, , quarterHour = Number.NaN] = loadavg();
  return `load ${quarterHour.toFixed(1)} on ${availableParallelism()} cores, over the last 15 minutes`;
}
