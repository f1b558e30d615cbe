import { z } from 'zod';
import type { App } from '../app/app.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';

const recipeDocument = z.object({
  name: z.string(),
  version: z.number().int(),
  settings: z.record(z.string(), z.unknown()).describe('JSON Schema of `settings` at a start, with the defaults.'),
});

/** `GET /api/recipes`. */
export function recipesEndpoint(app: Pick<App, 'recipes'>): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/recipes', id: 'listRecipes' },
      summary: 'What can be done with every item, and what can be set about it.',
      answer: { status: 200, json: z.object({ recipes: z.array(recipeDocument) }) },
    },
    () => ({
      recipes: Object.values(app.recipes).map(({ name, version, settings }) => ({
        ...{ name, version },
        settings: z.toJSONSchema(settings, { io: 'input', unrepresentable: 'any' }),
      })),
    }),
  );
}
