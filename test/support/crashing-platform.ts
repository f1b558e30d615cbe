import type { Platform } from '../../functions/platform/ports.ts';

/** What a process that died throws from every port. */
export class Crash extends Error {}

export type Death = 'before' | 'after' | undefined;

/** Proxy over a port whose methods go through `call`. */
export function intercepted<Port extends object>(
  port: Port,
  call: (member: string, proceed: () => Promise<unknown>) => Promise<unknown>,
): Port {
  return new Proxy(port, {
    get(target, member, receiver) {
      const method = Reflect.get(target, member, receiver);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => call(String(member), async () => await method.apply(target, args));
    },
  });
}

const WRITES = {
  batches: ['create', 'change', 'addItems', 'reopen'],
  journal: ['claim', 'append', 'settle', 'release'],
  queue: ['publish'],
  budgets: ['hold', 'end'],
  vectors: ['put', 'describe'],
  waves: ['park', 'join', 'move', 'forget', 'create', 'change'],
  jobs: ['upload', 'create', 'cancel'],
} as const;

/**
 * The platform as one process sees it that dies at a write, before or after the write is done. `death` is asked at each
 * write, by name such as `journal.append`. From then on nothing that this process does has an effect.
 */
export function crashingPlatform(
  platform: Platform,
  death: (write: string) => Death,
): Platform & { isDead(): boolean } {
  let dead = false;
  const refuseDead = () => {
    if (dead) throw new Crash('The process is dead.');
  };
  const wrap = <Port extends object>(port: Port, name: string, writes: readonly string[]): Port =>
    intercepted(port, async (member, proceed) => {
      refuseDead();
      const when = writes.includes(member) ? death(`${name}.${member}`) : undefined;
      if (when === 'before') dead = true;
      refuseDead();
      const result = await proceed();
      if (when === 'after') dead = true;
      refuseDead();
      return result;
    });
  return {
    ...platform,
    batches: wrap(platform.batches, 'batches', WRITES.batches),
    journal: wrap(platform.journal, 'journal', WRITES.journal),
    queue: wrap(platform.queue, 'queue', WRITES.queue),
    budgets: wrap(platform.budgets, 'budgets', WRITES.budgets),
    vectors: wrap(platform.vectors, 'vectors', WRITES.vectors),
    waves: wrap(platform.waves, 'waves', WRITES.waves),
    jobs: wrap(platform.jobs, 'jobs', WRITES.jobs),
    models: wrap(platform.models, 'models', []),
    files: { ...wrap(platform.files, 'files', []), join: platform.files.join },
    isDead: () => dead,
  };
}
