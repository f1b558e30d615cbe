import { join } from 'node:path';
import { type App, createApp } from '../../functions/app/app.ts';
import { embeddingStatistics } from '../../functions/app/embedding-statistics.ts';
import { keepingFrom } from '../../functions/app/recipe-settings.ts';
import { type StartRequest, startBatch } from '../../functions/app/start-batch.ts';
import { workOff } from '../../functions/app/work-off.ts';
import type { Batch } from '../../functions/domain/batch.ts';
import type { SourceStatistics } from '../../functions/domain/embedding-statistics.ts';
import type { ModelRequest } from '../../functions/domain/model-call.ts';
import { simulatedModels } from '../../functions/platform/local/simulated-models.ts';
import type { Clock, Models, Platform } from '../../functions/platform/ports.ts';
import { openLocal } from '../platform/local-platform.ts';
import { PRICES } from './engine-fakes.ts';

export const PRODUCTS = new URL('../../../shared/data/products', import.meta.url).pathname;
export const CATALOG = new URL('../../../shared/data/catalog.json', import.meta.url).pathname;

/** A state folder below `root`, the built-in encoder, and what was asked of it. */
export function embeddingWorld<Seen extends Platform = Platform>(
  root: string,
  { clock, through }: { clock?: Clock; through?: (platform: Platform) => Seen } = {},
) {
  const local = openLocal(join(root, 'home'), clock && { clock });
  const requests: ModelRequest[] = [];
  const encoder = simulatedModels({ open: local.platform.files.open });
  const models: Models = {
    ...encoder,
    call(request, options) {
      requests.push(request);
      return encoder.call(request, options);
    },
  };
  const platform = { ...local.platform, models };
  const bounds = { prices: PRICES, stop: new AbortController().signal };
  const app: App = createApp(platform, bounds);
  const { space } = keepingFrom(app, {});
  return {
    ...{ app, requests, space, close: local.close, deliveries: local.deliveries },
    /** As another process sees it. */
    newApp() {
      const seen = through?.(platform) ?? (platform as Seen);
      return { app: createApp(seen, bounds), platform: seen };
    },
    /** Embeds to the end, and says what became of it. */
    async embed(
      inputs: string[],
      source: 'references' | 'scraped' = 'references',
    ): Promise<{ batch: Batch; statistics: SourceStatistics }> {
      const { batch } = await startBatch(app, requestFor(root, inputs, source));
      const ended = await workOff(app, local.deliveries, batch.id, 32);
      return { batch: ended, statistics: await embeddingStatistics(app, batch.id, { source, tookMs: 0 }) };
    },
    entries: () => app.vectors.list(space, { limit: 1000 }),
  };
}

export function requestFor(root: string, inputs: string[], source: 'references' | 'scraped'): StartRequest {
  return {
    ...{ inputs, recipe: 'embed', recipeSettings: { source }, simulated: true, force: false, name: source },
    ...{ archive: 'none', outputRoot: join(root, 'output') },
    selection: { patterns: [], recursive: true, maxFileBytes: 20_000_000 },
    run: { lane: 'standard', maxConcurrent: 32, maxRetries: 3, timeoutMs: 60_000 },
  };
}
