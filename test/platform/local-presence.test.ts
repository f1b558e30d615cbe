import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { processPresence } from '../../functions/platform/local/process-presence.ts';
import { tempHome } from '../support/temp-home.ts';
import { startWorker } from './local-processes.ts';

describe('presence of processes', () => {
  it('knows a running process from a killed one and removes the file of the dead', async () => {
    const home = await tempHome();
    const presence = processPresence(home);
    const worker = startWorker('present', { home });
    const id = (await worker.next()) ?? '';
    expect(presence.isAlive(id)).toBe(true);
    expect(presence.isAlive(presence.id)).toBe(true);
    await worker.kill();
    await vi.waitFor(() => expect(presence.isAlive(id)).toBe(false), { timeout: 5000 });
    expect(readdirSync(join(home, 'processes'))).toEqual([`${presence.id}.lock`]);
    expect(presence.isAlive(presence.id)).toBe(true);
    presence.leave();
  });

  it('takes an unknown process and an unlocked file for dead', async () => {
    const home = await tempHome();
    const presence = processPresence(home);
    writeFileSync(join(home, 'processes', 'leftover.lock'), '');
    expect(presence.isAlive('never-was')).toBe(false);
    expect(presence.isAlive('leftover')).toBe(false);
    expect(readdirSync(join(home, 'processes'))).toEqual([`${presence.id}.lock`]);
    presence.leave();
  });

  it('removes the files of killed processes when it joins, and leaves those of the living', async () => {
    const home = await tempHome();
    const [killed, living] = [startWorker('present', { home }), startWorker('present', { home })];
    await killed.next();
    const id = (await living.next()) ?? '';
    await killed.kill();
    const presence = processPresence(home);
    expect(readdirSync(join(home, 'processes')).sort()).toEqual([`${id}.lock`, `${presence.id}.lock`].sort());
    expect(presence.isAlive(id)).toBe(true);
    presence.leave();
  });

  it('tells members of one process apart, without disturbing their locks', async () => {
    const home = await tempHome();
    const [one, two, three] = [processPresence(home), processPresence(home), processPresence(home)];
    expect([two.isAlive(one.id), three.isAlive(one.id), one.isAlive(two.id)]).toEqual([true, true, true]);
    one.leave();
    one.leave();
    expect(processPresence(home).isAlive(one.id)).toBe(false);
    expect(processPresence(home).isAlive(two.id)).toBe(true);
    two.leave();
    three.leave();
  });
});
