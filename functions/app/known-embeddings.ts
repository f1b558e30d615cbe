import type { Batch } from '../domain/batch.ts';
import { entryFacts, entryId } from '../domain/entry-facts.ts';
import { canonicalJson, hashOf } from '../lib/hash.ts';
import type { KnownEntry, NewItem } from '../platform/ports.ts';
import type { App } from './app.ts';
import { recipeNamed } from './recipe-settings.ts';

type Knowing = Pick<App, 'recipes' | 'vectors'>;

/** An input with the entry that it would become. */
interface Wanted {
  input: NewItem;
  entry: Pick<KnownEntry, 'id' | 'contentHash' | 'facts'>;
}

/**
 * For recipes whose vectors are kept, the inputs with a refusal for each whose content is in the store: nothing is paid twice. What is known of it
 * is brought up to date, and a product that has no entry of its own gets one with the vectors that are there. What earlier batches did is
 * of no account, since their vectors may have been removed.
 */
export async function withKnownEmbeddings(app: Knowing, batch: Batch, inputs: readonly NewItem[]): Promise<NewItem[]> {
  const keeping = recipeNamed(app, batch.recipe).keeps?.(batch.recipeSettings);
  if (keeping === undefined) return [...inputs];
  const { space, source } = keeping;
  const wanted = inputs.flatMap((input) => (input.refusal === undefined ? [wantedFrom(input, source)] : []));
  const known = batch.force
    ? []
    : await app.vectors.known(space, {
        ids: wanted.map(({ entry }) => entry.id),
        contentHashes: wanted.map(({ entry }) => entry.contentHash),
      });
  const byId = new Map(known.map((entry) => [entry.id, entry]));
  const byContent = new Map(known.map((entry) => [entry.contentHash, entry]));

  const changed = wanted.flatMap(({ entry: { id, facts } }) => {
    const before = byId.get(id);
    return before !== undefined && canonicalJson(before.facts) !== canonicalJson(facts) ? [{ id, facts }] : [];
  });
  if (changed.length > 0) await app.vectors.describe(space, changed);

  const copies = wanted.filter(({ entry }) => !byId.has(entry.id) && byContent.has(entry.contentHash));
  const originals = copies.flatMap(({ entry }) => byContent.get(entry.contentHash)?.id ?? []);
  const whole = copies.length === 0 ? [] : await app.vectors.get(space, [...new Set(originals)]);
  const entries = copies.flatMap(({ entry }) => {
    const original = whole.find(({ contentHash }) => contentHash === entry.contentHash);
    return original === undefined ? [] : [{ ...original, ...entry }];
  });
  if (entries.length > 0) await app.vectors.put(space, entries);

  const there = new Set([...byId.keys(), ...entries.map(({ id }) => id)]);
  const done = new Set(wanted.flatMap(({ input, entry }) => (there.has(entry.id) ? [input] : [])));
  return inputs.map((input) => (done.has(input) ? alreadyDone(input) : { ...input, workKey: ownKey(batch, input) }));
}

function wantedFrom(input: NewItem, source: Parameters<typeof entryFacts>[1]): Wanted {
  const { contentHash } = input;
  const facts = entryFacts(input, source);
  return { input, entry: { id: entryId({ contentHash, facts }), contentHash, facts } };
}

function alreadyDone(input: NewItem): NewItem {
  const message = 'The collection has the vectors of this picture; --force embeds everything again.';
  return { ...input, refusal: { code: 'already_done', message } };
}

/** The same within the batch only, so that equal pictures are embedded once and other batches do not count. */
function ownKey({ id }: Batch, { workKey }: NewItem): string {
  return hashOf({ batch: id, workKey });
}
