import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { DEFAULT_LIMITS } from '../../functions/app/app.ts';
import type { PlannedBatch } from '../../functions/app/consider-entry.ts';
import { FIRST_INPUT, inputPage, leftAside } from '../../functions/app/input-pages.ts';
import type { Selection } from '../../functions/domain/batch.ts';
import type { Intake } from '../../functions/domain/selection.ts';
import type { Recipe } from '../../functions/engine/recipe.ts';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import type { Files, NewItem } from '../../functions/platform/ports.ts';
import { solidPng, withText } from './png.ts';
import { tempHome } from './temp-home.ts';

export const STARTED_AT = Date.parse('2026-11-21T12:00:00Z');

interface Listed {
  items: NewItem[];
  ignored: Record<string, number>;
  /** Pages that were asked for. */
  pages: number;
}

/** A folder with files and what a batch over inputs in it would list. */
export async function listingWorld(files: Readonly<Record<string, string | Uint8Array>>) {
  const root = await tempHome();
  await writeFiles(root, files);
  const disk = diskFiles({ home: join(root, '.home') });
  const reads: string[] = [];
  const counted = { ...disk, read: (...args: Parameters<typeof disk.read>) => disk.read(...counting(reads, args)) };
  return {
    root,
    files: disk,
    /** Files read whole, in order. */
    reads,
    write: (more: Readonly<Record<string, string | Uint8Array>>) => writeFiles(root, more),
    appFor: (intake: Intake, pageSize?: number) => stubApp(counted, intake, pageSize),
    batchOver: (inputs: readonly string[], selection: Partial<Selection> = {}) =>
      plannedOver(
        inputs.map((input) => join(root, input)),
        selection,
      ),
    /** All pages, each asked for twice: the same cursor must give the same page. */
    async list(
      inputs: readonly string[],
      selection: Partial<Selection> = {},
      { intake = 'image', pageSize }: { intake?: Intake; pageSize?: number } = {},
    ): Promise<Listed> {
      const app = this.appFor(intake, pageSize);
      const batch = this.batchOver(inputs, selection);
      const items = new Map<string, NewItem>();
      let cursor = FIRST_INPUT;
      for (let pages = 0; ; pages += 1) {
        const page = await inputPage(app, batch, cursor);
        const again = await inputPage(app, batch, structuredClone(cursor));
        if (JSON.stringify(page) !== JSON.stringify(again)) throw new Error('the same cursor gave another page');
        if (page === undefined) return { items: [...items.values()], ignored: leftAside(cursor, items.size), pages };
        for (const one of page.considered) if (one.kind === 'item') items.set(one.item.id, one.item);
        cursor = page.next;
      }
    },
  };
}

/** What listing needs of an app, with a recipe that takes such files. */
export function stubApp(files: Files, intake: Intake, pageSize = 500) {
  return { files, recipes: { stub: stubRecipe(intake) }, limits: { ...DEFAULT_LIMITS, pageSize } };
}

export function plannedOver(inputs: string[], selection: Partial<Selection> = {}): PlannedBatch {
  return {
    ...{ inputs, recipe: 'stub', recipeSettings: {}, recipeFingerprint: 'stub', createdAt: STARTED_AT },
    selection: { patterns: [], recursive: true, maxFileBytes: 1_000_000, ...selection },
  };
}

/** A small picture, unlike those with another text. */
export function pictureOf(text: string): Buffer {
  return withText(solidPng(4, 4, [200, 30, 30]), text);
}

async function writeFiles(root: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

function counting<Args extends [string, ...unknown[]]>(reads: string[], args: Args): Args {
  reads.push(args[0]);
  return args;
}

function stubRecipe(intake: Intake): Recipe {
  return {
    name: 'stub',
    version: 1,
    settings: z.object({}),
    intake: () => intake,
    columns: () => 'all',
    stepCap: 1,
    models: () => [],
    callsPerItem: () => ({ least: 1, most: 1 }),
    run: () => Promise.reject(new Error('a stub does no work')),
  };
}
