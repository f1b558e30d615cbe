import { hashOf } from '../lib/hash.ts';
import type { App } from './app.ts';

/** Keeps for a person what cannot be read now and so cannot be read later either: once, however often it comes. */
export async function putAside(app: Pick<App, 'files' | 'log'>, quarantine: string, body: unknown): Promise<void> {
  const uri = app.files.join(quarantine, `${hashOf({ body: body ?? null }).slice(0, 20)}.json`);
  await app.files.create(uri, `${JSON.stringify(body ?? null, null, 2)}\n`, 'application/json');
  app.log.error({ uri }, 'a message that cannot be read was put aside');
}
