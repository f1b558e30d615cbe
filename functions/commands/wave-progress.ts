import type { App } from '../app/app.ts';
import type { Batch } from '../domain/batch.ts';
import type { Wave } from '../domain/wave.ts';

/** How far the jobs of a batch are, a line for each wave that is not done; none outside the batch lane. */
export async function waveLines(app: Pick<App, 'waves'>, batch: Batch): Promise<string[]> {
  if (batch.run.lane !== 'batch') return [];
  return (await app.waves.list(batch.id)).filter(({ state }) => state !== 'done').map(waveLine);
}

/** `Wave 0002, gemini-3.1-flash-lite, running. Completed: 1,250/7,988` */
function waveLine(wave: Wave): string {
  const { id, model, canary, completed = 0, calls } = wave;
  const size = calls.toLocaleString('en-US');
  const done = Math.min(completed, calls).toLocaleString('en-US');
  return `Wave ${id}${canary ? ' (sent ahead)' : ''}, ${model}, ${standingOf(wave)}. Completed: ${done}/${size}`;
}

function standingOf({ state, jobState }: Wave): string {
  if (state === 'sent') return jobState ?? 'sent';
  return state === 'ended' ? 'reading results' : 'on its way';
}
