import { MANIFEST_NAME } from '../domain/manifest-row.ts';
import type { App } from './app.ts';
import { openManifest } from './open-manifest.ts';

const PAGE = 500;

/**
 * The scraped batches and other manifests of a folder, or the one manifest that is named; `aside`: files that are no manifests of pictures, each
 * with the reason. Fails with `file_missing`.
 */
export async function scrapedInputs(
  app: Pick<App, 'files'>,
  place: string,
): Promise<{ inputs: string[]; aside: string[] }> {
  const inputs: string[] = [];
  const aside: string[] = [];
  let after: string | undefined;
  while (true) {
    const entries = await app.files.list(place, {
      recursive: true,
      limit: PAGE,
      ...(after !== undefined && { after }),
    });
    for (const entry of entries) {
      if (!MANIFEST_NAME.test(entry.uri) || entry.problem !== undefined) continue;
      const opened = await openManifest(app, entry);
      if ('reason' in opened) aside.push(`${entry.uri}: ${opened.reason}`);
      else inputs.push(entry.uri);
    }
    after = entries.at(-1)?.uri;
    if (entries.length < PAGE) return { inputs, aside };
  }
}
