import { byProductReason } from '../domain/selection.ts';
import type { App } from './app.ts';

/** What lies directly in a place: folders, and files with their sizes. */
export interface PlaceView {
  folders: { place: string; name: string }[];
  files: { place: string; name: string; bytes: number }[];
  /** There is more than is shown. */
  more: boolean;
}

const MOST_FILES = 500;
const MOST_FOLDERS = 200;
/** Entries of a folder that are read to learn that it is there. */
const PROBE = 20;
/** Behind everything in a folder. */
const LAST = '\u{ffff}';

/** Looks into a folder or prefix for somebody who chooses inputs. */
export async function browsePlace(app: Pick<App, 'files'>, place: string): Promise<PlaceView> {
  const root = place.length > 1 ? place.replace(/\/+$/, '') : place;
  const listed = await app.files.list(root, { recursive: false, limit: MOST_FILES + 1 });
  const files = listed.filter(({ path, problem }) => problem === undefined && byProductReason(path) === undefined);
  const { folders, more } = await foldersIn(app, root);
  return {
    folders,
    files: files.slice(0, MOST_FILES).map(({ uri, path, bytes }) => ({ place: uri, name: path, bytes })),
    more: more || listed.length > MOST_FILES,
  };
}

/** A store knows files alone: a folder is what files lie in, and once one of them is seen the rest of it is jumped over. */
async function foldersIn(app: Pick<App, 'files'>, root: string): Promise<Pick<PlaceView, 'folders' | 'more'>> {
  const names = new Set<string>();
  let after: string | undefined;
  for (let look = 0; look < 2 * MOST_FOLDERS && names.size < MOST_FOLDERS; look += 1) {
    const page = { recursive: true, limit: PROBE, ...(after !== undefined && { after }) };
    const entries = await app.files.list(root, page);
    const last = entries.at(-1);
    const inner = entries.map(({ path }) => path.split('/')).filter((parts) => parts.length > 1);
    const fresh = inner.flatMap(([name = '']) => (names.has(name) || name === '' ? [] : [name]));
    for (const name of fresh) names.add(name);
    if (last === undefined || entries.length < PROBE) return { folders: foldersOf(root, names), more: false };
    const [name = '', ...below] = last.path.split('/');
    const jumped = below.length > 0 && fresh.includes(name);
    after = jumped ? `${root.replace(/\/$/, '')}/${name}/${LAST}` : last.uri;
  }
  return { folders: foldersOf(root, names), more: true };
}

function foldersOf(root: string, names: ReadonlySet<string>): PlaceView['folders'] {
  return [...names].map((name) => ({ place: `${root.replace(/\/$/, '')}/${name}`, name }));
}
