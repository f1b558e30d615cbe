import type { Firestore } from '@google-cloud/firestore';
import { z } from 'zod';
import { sha256 } from '../../lib/hash.ts';
import type { Sources } from '../limit-ports.ts';
import { commitOnce, inRounds, type NotCommitted, readAll, unchangedSince } from './firestore-commit.ts';
import { translating } from './firestore-errors.ts';
import { sourceRef } from './firestore-layout.ts';

const takesSchema = z.array(z.object({ version: z.string(), at: z.number() }));
type Takes = z.infer<typeof takesSchema>;

/** Documents per commit. */
const CHUNK = 200;
/** Versions that a source keeps; a loop shows in far fewer. */
const KEPT = 100;

/** How often sources were taken, a document for each. Versions are kept as hashes, since names can be long. */
export function firestoreSources(db: Firestore): Sources {
  return translating<Sources>({
    async count(takes, at) {
      const versions = new Map<string, string[]>();
      for (const { source, version } of takes) versions.set(source, [...(versions.get(source) ?? []), digest(version)]);
      const counts = new Map<string, number>();
      const sources = [...versions.keys()];
      for (let start = 0; start < sources.length; start += CHUNK) {
        const chunk = sources.slice(start, start + CHUNK);
        const kept = await inRounds(() => recordChunk(db, chunk, versions, at.now));
        for (const [source, recorded] of kept) {
          counts.set(source, recorded.filter((take) => take.at >= at.since).length);
        }
      }
      return takes.map(({ source }) => counts.get(source) ?? 0);
    },
  });
}

async function recordChunk(
  db: Firestore,
  sources: readonly string[],
  versions: ReadonlyMap<string, readonly string[]>,
  now: number,
): Promise<{ kind: 'done'; result: Map<string, Takes> } | NotCommitted> {
  const found = await readAll(
    db,
    sources.map((source) => sourceRef(db, source)),
  );
  const result = new Map<string, Takes>();
  const write = db.batch();
  let isNew = false;
  for (const [index, source] of sources.entries()) {
    const snapshot = found[index];
    if (snapshot === undefined) continue;
    const before = takesSchema.parse(snapshot.get('takes') ?? []);
    const known = new Set(before.map((take) => take.version));
    const fresh = [...new Set(versions.get(source))].filter((version) => !known.has(version));
    const takes = [...fresh.map((version) => ({ version, at: now })), ...before].slice(0, KEPT);
    result.set(source, takes);
    if (fresh.length === 0) continue;
    isNew = true;
    if (snapshot.exists) write.update(snapshot.ref, { takes }, unchangedSince(snapshot));
    else write.create(snapshot.ref, { takes });
  }
  if (!isNew) return { kind: 'done', result };
  const committed = await commitOnce(write);
  return committed.kind === 'done' ? { kind: 'done', result } : committed;
}

function digest(version: string): string {
  return sha256(version).slice(0, 16);
}
