// One backend through the product's own training, in a process of its own: one JSON line for each case on stdout.
import { initialModel } from '@wardround/learning/initial-model';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import type { BackendName } from '@wardround/learning/tfjs/backend-name';
import { trainLocally } from '@wardround/learning/tfjs/train';
import { type Case, cases, planOf, rowsOf } from './cases.ts';
import type { Measured } from './measured.ts';

/** Long enough to measure; a backend that needs longer for its first step is measured by that step. */
const secondsPerCase = 1.5;
const mostSteps = 2000;

export async function measureBackend(name: BackendName): Promise<void> {
  const backend = await startBackend(name);
  for (const trained of cases) console.log(JSON.stringify(await measureCase(backend, trained)));
}

async function measureCase(backend: Backend, trained: Case): Promise<Measured> {
  const data = rowsOf(trained);
  const train = async (steps: number): Promise<{ seconds: number; processor: number }> => {
    const plan = planOf(trained, steps);
    const model = initialModel(plan);
    const cpu = process.cpuUsage();
    const started = performance.now();
    await trainLocally({ backend, plan, model, data, site: 'bench', round: 1 });
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return { seconds, processor: (user + system) / 1e6 };
  };
  const first = await train(1);
  // The first step compiles and allocates: the second says how long a step is.
  const second =
    first.seconds > secondsPerCase ? first : await train(5).then((five) => ({ ...five, seconds: five.seconds / 5 }));
  const steps = Math.min(mostSteps, Math.max(1, Math.round(secondsPerCase / second.seconds)));
  const { seconds, processor } = first.seconds > secondsPerCase ? first : await train(steps);
  const samples = trained.batchSize * (first.seconds > secondsPerCase ? 1 : steps);
  return { engine: backend.description, id: trained.id, byClock: samples / seconds, byProcessor: samples / processor };
}
