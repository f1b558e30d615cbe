import { z } from 'zod';
import type { App } from '../app/app.ts';
import { browsePlace } from '../app/browse-place.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';
import { placesOf, type StartOptions } from './http-start.ts';

const placesQuery = z.object({
  place: z.string().max(2000).optional().describe('A folder or prefix; left out: the places that may be read.'),
});
const folder = z.object({ place: z.string(), name: z.string() });
const placesDocument = z.object({
  place: z.string().nullable(),
  parent: z.string().nullable().describe('The folder around it, if that may be read.'),
  folders: z.array(folder),
  files: z.array(folder.extend({ bytes: z.number().int().nonnegative() })),
  more: z.boolean().describe('There is more than is shown.'),
});
type Options = Pick<StartOptions, 'placeOf' | 'within'>;

/** `GET /api/places`: what may become items, for somebody who chooses. */
export function placesEndpoint(app: Pick<App, 'files'>, options: Options): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/places', id: 'listPlaces', query: placesQuery },
      summary: 'Folders and files that a start may name.',
      answer: { status: 200, json: placesDocument },
    },
    async ({ query }) => {
      if (query.place === undefined) {
        const folders = options.within.map((root) => ({ place: root, name: root }));
        return { place: null, parent: null, folders, files: [], more: false };
      }
      const [place = ''] = await placesOf([query.place], options);
      const { folders, files, more } = await browsePlace(app, place);
      const allowed = await Promise.all(folders.map((one) => isAllowed(one.place, options)));
      const parent = place.slice(0, Math.max(place.lastIndexOf('/'), 0));
      return {
        ...{ place, files, more },
        parent: parent !== '' && (await isAllowed(parent, options)) ? parent : null,
        folders: folders.filter((_, at) => allowed[at]),
      };
    },
  );
}

async function isAllowed(text: string, { placeOf }: Options): Promise<boolean> {
  return 'place' in (await placeOf(text));
}
