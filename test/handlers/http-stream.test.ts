import { expect, it } from 'vitest';
import { eventsOf, type StreamEvent } from '../support/event-stream.ts';
import { httpWorld } from '../support/http-world.ts';

async function collected(response: Response, seen: StreamEvent[] = []): Promise<StreamEvent[]> {
  for await (const event of eventsOf(response)) seen.push(event);
  return seen;
}

it('tells a batch from its beginning to its report', async () => {
  const { post, fetch, photos, work } = await httpWorld(['a-first.png', 'b-second.png', 'c-never.png']);
  const { batch_id: id } = (await post('/api/batch/start', { prefix: photos })).body;
  const response = await fetch(`/api/batch/status?batch_id=${id}`);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const watched = collected(response);
  await work();
  const events = await watched;
  expect(events[0]).toMatchObject({ event: 'snapshot', data: { batch_id: id, state: 'running' } });
  expect(events.at(-1)).toMatchObject({
    event: 'complete',
    data: { state: 'finished', counts: { passed: 2, failed: 1 } },
  });
  const ends = events.filter(({ event, data }) => event === 'item' && data.status !== 'running');
  expect(ends.map(({ data }) => [data.sku, data.status, data.attempt]).sort()).toEqual([
    ['a-first.png', 'passed', 1],
    ['b-second.png', 'passed', 2],
    ['c-never.png', 'failed', 3],
  ]);
  expect(events.filter(({ event }) => event === 'complete')).toHaveLength(1);
  expect(events.every((event) => event.id !== undefined)).toBe(true);
  expect(new Set(ends.map((end) => end.id)).size).toBe(3);
});

it('begins no stream for those who only ask for the head of the answer', async () => {
  const { post, fetch, photos } = await httpWorld(['a-first.png']);
  await post('/api/batch/start', { prefix: photos });
  // More than may watch.
  for (let count = 0; count < 1_001; count++) {
    const answer = await fetch('/api/batch/status', { method: 'HEAD' });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
  }
  const stream = await fetch('/api/batch/status');
  expect(stream.status).toBe(200);
  await stream.body?.cancel();
});
