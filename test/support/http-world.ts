import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type App, createApp } from '../../functions/app/app.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { type HttpOptions, httpApi } from '../../functions/handlers/http.ts';
import { simulatedModels } from '../../functions/platform/local/simulated-models.ts';
import type { Models } from '../../functions/platform/ports.ts';
import { openLocal } from '../platform/local-platform.ts';
import { writePhotos } from './cli.ts';
import { PRICES } from './engine-fakes.ts';
import { fidelityModels } from './fidelity-models.ts';
import { messageList } from './message-list.ts';
import { type ApiDocument, answerCheck } from './openapi-answers.ts';
import { makeQuickHome } from './temp-home.ts';

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the server answers with
  body: any;
}

/**
 * The API without a server, over a home of its own; `work` does what waits in the queue until nothing does. It ends with the test, or
 * when what was given to `atEnd` is called.
 */
export async function httpWorld(
  names: readonly string[],
  options: Partial<HttpOptions> = {},
  atEnd: (end: () => Promise<void>) => void = onTestFinished,
) {
  const root = await makeQuickHome();
  const photos = join(root.path, 'photos');
  mkdirSync(photos);
  writePhotos(photos, names);
  const local = openLocal(join(root.path, 'home'));
  const stop = new AbortController();
  atEnd(async () => {
    stop.abort();
    await local.close();
    await root.remove();
  });
  const queue = messageList();
  const { open } = local.platform.files;
  const [fidelity, encoder] = [fidelityModels(open), simulatedModels({ open })];
  const models: Models = {
    ...fidelity,
    call: (request, options) => (request.kind === 'embed' ? encoder : fidelity).call(request, options),
  };
  const app: App = createApp(
    { ...local.platform, queue, models },
    {
      prices: PRICES,
      unavailable: { gecko_text2image_v1: 'The judge needs Vertex AI.' },
      stop: stop.signal,
    },
  );
  const httpOptions: HttpOptions = {
    ...{ version: '1.2.3', streamMs: 60_000, encoders: {} },
    ...options,
    start: {
      run: { lane: 'standard', maxConcurrent: 4, maxRetries: 2, timeoutMs: 10_000 },
      outputRoot: join(root.path, 'output'),
      simulated: false,
      maxRunning: 1,
      maxFileBytes: 1_000_000,
      recipeSettings: (given) => ({ textModel: 'm', imageModel: 'm', judgeModel: 'm', ...given }),
      within: [photos],
      placeOf: (uri) => (uri.startsWith(photos) ? { place: uri } : { problem: `${uri} may not be read.` }),
      everything: photos,
      exclude: [],
      ...options.start,
    },
  };
  const api = httpApi(app, httpOptions);
  const fetch = async (path: string, init: RequestInit = {}) => await api.request(path, init);
  const authorization = `Bearer ${options.token}`;
  const described = await fetch('/openapi.json', { headers: { authorization } });
  const check = answerCheck((await described.json()) as ApiDocument);
  const ask = async (method: string, path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(path, { method, ...init });
    const body = await response.json();
    check(method, path, response.status, body);
    return { status: response.status, body };
  };
  return {
    ...{ app, photos, fetch, root: root.path, options: httpOptions },
    /** Answers in JSON are compared with what is said of them in the OpenAPI document. */
    get: (path: string) => ask('GET', path, { headers: { accept: 'application/json', authorization } }),
    post: (path: string, body: unknown) =>
      ask('POST', path, {
        headers: { 'content-type': 'application/json', authorization },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    /** Does all that waits, or so many messages of it. */
    async work(most = Number.POSITIVE_INFINITY) {
      for (let done = 0; done < most; done += 1) {
        const message = queue.waiting.shift();
        if (message === undefined) return;
        const disposal = await dispatch(app, message);
        if (disposal.kind === 'retry') queue.waiting.push(message);
      }
    },
  };
}
